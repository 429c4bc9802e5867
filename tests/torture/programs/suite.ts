/**
 * Runs every program of up to three operations and cuts the power after each call
 * that makes something durable: these reveal most crash bugs of file systems and
 * databases (Mohan et al., OSDI 2018).
 *
 * @module
 */
import { isSync, replay, SimulatedDisk } from "../../disk/mod.ts";
import { checkOpens, checkWhole } from "../oracle.ts";
import { type Base, baseOf, bases, bytesOf, say } from "../script/bases.ts";
import type { History, Mark } from "../script/history.ts";
import { count, isChosen, type Job, type JobSuite, type Tally, tryCase } from "../script/parallel.ts";
import { Session } from "../script/session.ts";
import { settled, stillClock, Unhandled } from "../script/stage.ts";
import type { Budget, SuiteReport } from "../suite.ts";
import { nameOf, type Operation, programs } from "./operations.ts";

const LENGTH = 3;
const PARTS = 24;
/** States of the disk that are tried at each point: all kept, all lost, and another. */
const STATES = 3;
/** One in this many states is checked by all oracles. */
const WHOLE_EACH = 24;

/** The suite. */
export const shortPrograms: JobSuite = {
  name: "programs",
  title: "runs every short program and cuts the power at each point of it",
  jobs: ({ share, seed, only = "" }) =>
    Promise.resolve(
      Array.from({ length: only === "" ? PARTS : 1 }, (_, part) => ({ part, share, seed, only })),
    ),
  work,
  report,
};

async function work(job: Job, tally: Tally): Promise<void> {
  using _clock = stillClock();
  using unhandled = new Unhandled();
  const only = String(job.only);
  const base = await programBase();
  for (const [index, program] of programs(LENGTH).entries()) {
    const name = nameOf(program);
    const chosen = only === ""
      ? index % PARTS === job.part && isChosen(name, Number(job.share), Number(job.seed))
      : only.split("/")[0] === name;
    if (!chosen) continue;
    count(tally, "programs");
    const ok = await tryCase(tally, name, () => tryProgram(base, program, only, tally));
    if (!ok) return;
    unhandled.check();
  }
}

let made: Promise<Base> | undefined;

/** Three workers, one of them stopped; the log is about to need a second segment. */
function programBase(): Promise<Base> {
  return made ??= bases().then(({ closed }) =>
    baseOf(closed, async (session) => {
      await session.open();
      await session.tell((runtime) => runtime.createWorker({ workerId: "c", intent: { kind: "assistant" } }));
      await say(session, "c", 20);
      for (const text of ["blob 0", "blob of an earlier time"]) await session.put("c", bytesOf(text));
      await session.ask("c", (worker) => worker.stop());
      await session.close();
    })
  );
}

interface Point {
  readonly call: number;
  readonly disk: SimulatedDisk;
  readonly mark: Mark;
}

async function tryProgram(
  base: Base,
  program: readonly Operation[],
  only: string,
  tally: Tally,
): Promise<void> {
  const points: Point[] = [];
  const history = base.history.at(base.history.mark());
  const disk = new SimulatedDisk({ contents: base.image });
  let synced = false;
  // A point is between a call that made something durable and the next call.
  disk.onCall = (call) => {
    if (synced) points.push({ call: call.index, disk: disk.fork(), mark: history.mark() });
    synced = isSync(call);
    return undefined;
  };
  const session = new Session(disk, history);
  await session.open();
  const state = { run: undefined, step: 0 };
  for (const operation of program) {
    state.step++;
    await settled(operation.run(session, state));
  }
  points.push({ call: 0, disk: disk.fork(), mark: history.mark() });
  await session.close();
  points.push({ call: -1, disk: disk.fork(), mark: history.mark() });
  for (const point of points) await tryPoint(point, history, nameOf(program), only, tally);
}

async function tryPoint(
  point: Point,
  history: History,
  name: string,
  only: string,
  tally: Tally,
): Promise<void> {
  const [, call, choices] = only.split("/");
  if (choices !== undefined) {
    if (Number(call) !== point.call) return;
    const disk = point.disk.crash(replay(choices === "" ? [] : choices.split(".").map(Number)));
    return void await checkWhole(disk, history.at(point.mark));
  }
  count(tally, "points");
  const options = { samples: STATES, exhaustiveStates: STATES, seed: point.call };
  for (const { disk, choices } of point.disk.crashStates(options)) {
    const whole = (tally.counts.states ?? 0) % WHOLE_EACH === 0;
    const left = history.at(point.mark);
    await tryCase(tally, `${name}/${point.call}/${choices.join(".")}`, async () => {
      await (whole ? settled(checkWhole(disk, left)) : checkOpens(disk, left));
    });
    count(tally, "states");
  }
}

function report(tally: Tally, { share, only }: Budget): SuiteReport {
  const all = only === undefined;
  const { programs: run = 0, points = 0, states = 0 } = tally.counts;
  // A sample is not exact.
  const target = share >= 1 ? programs(LENGTH).length : Math.floor(programs(LENGTH).length * share * 0.5);
  return {
    counts: [
      { what: "programs", count: run, target: all ? target : 1 },
      { what: "points", count: points, target: 0 },
      { what: "states", count: states, target: all ? Math.floor(60_000 * share * 0.5) : 0 },
    ],
    notes: [],
  };
}

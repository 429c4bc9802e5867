/**
 * Cuts the power, kills the process or fails a call while the store recovers from a
 * power cut or from a kill, then recovers again: data that the first recovery could
 * read is not lost by it (I4). After a kill, unsynced data is still in the page
 * cache, and may be lost in the next power cut.
 *
 * @module
 */
import type { Diagnostic } from "../../../mod.ts";
import {
  chooseRandomly,
  cutPowerAt,
  failAt,
  isSync,
  killAt,
  loseAll,
  Random,
  SimulatedDisk,
} from "../../disk/mod.ts";
import { type Moments, momentsOf } from "../crash_states/moments.ts";
import { checkSilent, isDamaged } from "../crash_states/suite.ts";
import { checkOpens, checkWhole } from "../oracle.ts";
import type { History } from "../script/history.ts";
import { count, isChosen, type Job, type JobSuite, type Tally, tryCase } from "../script/parallel.ts";
import { Session } from "../script/session.ts";
import { settled, stillClock, Unhandled } from "../script/stage.ts";
import type { Budget, SuiteReport } from "../suite.ts";
import { type Workload, workloads } from "../workloads.ts";

const TARGET = 30_000;
const STATES_TARGET = 2_000;
const ROUNDS_MAX = 40;
/** States per job, and stops per state. */
const STATES = 24;
const STOPS = 16;
/** One in this many cases is checked by all oracles; after a kill, one in a few. */
const WHOLE_EACH = 16;
const WHOLE_EACH_KILLED = 4;
/** One in this many first crashes is a kill. */
const KILLED_EACH = 3;

/** Ways to interrupt a recovery. */
const WAYS = ["power-before", "power-after", "kill", "error"] as const;
type Way = typeof WAYS[number] | "power-later";

/** The suite. */
export const recoveryCrashes: JobSuite = {
  name: "recovery-crashes",
  title: "crashes in the middle of recovering from a crash",
  jobs: (budget) => Promise.resolve(jobsOf(budget)),
  work,
  isDone: ({ counts }, { share }) =>
    (counts.cases ?? 0) >= TARGET * share && (counts.states ?? 0) >= STATES_TARGET * share,
  report,
};

function jobsOf({ seed, only }: Budget): Job[] {
  if (only !== undefined) {
    const [workload = "", round = ""] = only.split("/");
    return [{ workload, round: Number(round), seed, only }];
  }
  const jobs: Job[] = [];
  for (let round = 0; round < ROUNDS_MAX; round++) {
    for (const { name } of workloads) jobs.push({ workload: name, round, seed, only: "" });
  }
  return jobs;
}

async function work(job: Job, tally: Tally): Promise<void> {
  using _clock = stillClock();
  using unhandled = new Unhandled();
  const workload = workloads.find(({ name }) => name === job.workload);
  if (workload === undefined) throw new Error(`Cannot crash: there is no workload ${job.workload}`);
  const [round, seed, only] = [Number(job.round), Number(job.seed), String(job.only)];
  const played = await momentsOf(workload, round);
  const random = new Random(seed * 1_000 + round);
  for (let state = 0; state < STATES; state++) {
    const name = `${workload.name}/${round}/${state}`;
    const killed = state % KILLED_EACH === 0;
    // A kill matters most where something was created and not synced: those moments are taken in turn.
    const turn = (round * STATES + state) / KILLED_EACH;
    const unsynced = played.moments.filter(({ makesLast }) => makesLast);
    const any = random.pick(played.moments);
    const moment = killed ? unsynced[turn % unsynced.length] ?? any : any;
    const chosen = { moment, choice: random.fork(), killed };
    if (only !== "" && !only.startsWith(`${name}/`)) continue;
    if (!await tryState(workload, played, chosen, name, only, tally)) return;
    count(tally, "states");
    unhandled.check();
  }
}

/** Origin of the recovery that is interrupted. */
interface FirstCrash {
  readonly moment: Moments["moments"][number];
  /** Seed of all random choices. */
  readonly choice: number;
  /** True if the process was killed; false after a power cut. */
  readonly killed: boolean;
}

async function tryState(
  workload: Workload,
  { history }: Moments,
  { moment, choice, killed }: FirstCrash,
  name: string,
  only: string,
  tally: Tally,
): Promise<boolean> {
  const written = workload.durability === "written";
  const image = moment.disk.crash(chooseRandomly(new Random(choice), 0.6)).image();
  const crashed = () => killed ? moment.disk.fork() : new SimulatedDisk({ contents: image });
  const promised = history.at(moment.mark, written && !killed);
  const { calls, syncs, first } = await recovered(crashed(), promised);
  const random = new Random(choice);
  for (let stop = 0; stop < Math.min(STOPS, calls); stop++) {
    // Every call of a short recovery, a sample of a long one; after a kill, each call that makes
    // something durable, and before those the moments after all of them: when the host has continued
    // for a while, and when the opening has resolved.
    const sync = killed ? [calls + 1, calls + 1, ...syncs][stop] : undefined;
    const call = sync ?? (calls <= STOPS ? stop + 1 : 1 + random.below(calls));
    const way = sync === undefined
      ? WAYS[random.below(WAYS.length)] ?? "kill"
      : stop === 0
      ? "power-later"
      : "power-before";
    const caseName = `${name}/${call}/${way}`;
    if (only !== "" && only !== caseName) continue;
    const whole = only !== "" || way === "power-later" ||
      isChosen(caseName, 1 / (killed ? WHOLE_EACH_KILLED : WHOLE_EACH), 1);
    // Events left in doubt by a kill are in doubt until a recovery has made them durable.
    const left = killed ? promised.at(promised.mark()) : first.at(first.mark());
    const ok = await tryCase(tally, caseName, async () => {
      const found = await stopAndGoOn(crashed(), left, { call, way, whole, choice, written });
      if (!isDamaged(workload) && way !== "error") checkSilent(found);
    });
    if (!ok) return false;
    count(tally, "cases");
  }
  return true;
}

/** Returns the content of a state, read by a recovery without a crash, and the number of calls of that recovery. */
async function recovered(
  disk: SimulatedDisk,
  promised: History,
): Promise<{ readonly calls: number; readonly syncs: readonly number[]; readonly first: History }> {
  const syncs: number[] = [];
  disk.onCall = (call) => void (isSync(call) && syncs.push(call.index));
  const history = promised.at(promised.mark());
  const session = new Session(disk, history);
  let loaded = history.mark();
  history.onLoaded = () => loaded = history.mark();
  await session.openOrThrow();
  const calls = disk.calls.count();
  disk.cutPower();
  await session.runtime?.close().catch(() => {});
  return { calls, syncs, first: history.at(loaded) };
}

/** Point and kind of an interruption, and the check afterwards. */
interface Stop {
  readonly call: number;
  readonly way: Way;
  readonly whole: boolean;
  readonly choice: number;
  readonly written: boolean;
}

async function stopAndGoOn(
  disk: SimulatedDisk,
  history: History,
  { call, way, whole, choice, written }: Stop,
): Promise<readonly Diagnostic[]> {
  disk.onCall = way === "error"
    ? failAt(call, "EIO")
    : way === "kill"
    ? killAt(call)
    : cutPowerAt(call, way === "power-after" ? "after" : "before");
  const session = new Session(disk, history);
  await settled(session.open());
  disk.onCall = undefined;
  if (way === "power-later") await settled(goOn(session));
  const isPowerCut = way.startsWith("power-");
  // A failing call does not cut the power after itself: then the power is cut now.
  if (isPowerCut) disk.cutPower();
  const mark = history.mark();
  await session.runtime?.close().catch(() => {});
  const random = new Random(choice + call);
  const choose = way === "power-later" ? loseAll : chooseRandomly(random);
  const next = isPowerCut ? disk.crash(choose) : disk.kill();
  // A normal close may have added its event; after a power cut nothing was added.
  const left = isPowerCut ? history.at(mark, written) : history;
  return await settled(whole ? checkWhole(next, left, written) : checkOpens(next, left));
}

/** Makes the recovered files the only copy: reads them, which repairs them, writes two checkpoints, and prunes. */
async function goOn(session: Session): Promise<void> {
  const workers = session.runtime?.workers({ limit: 1_000 }).items ?? [];
  for (const { record: { workerId }, status } of workers) {
    await session.read(workerId);
    if (status !== "running") continue;
    await session.ask(workerId, (worker) => worker.append([{ role: "assistant", content: "after all" }]));
  }
  await session.reopen();
  await session.reopen();
  await session.tell((runtime) => runtime.prune());
}

function report(tally: Tally, { share, only }: Budget): SuiteReport {
  const all = only === undefined;
  const { states = 0, cases = 0 } = tally.counts;
  return {
    counts: [
      { what: "crash states", count: states, target: all ? Math.floor(STATES_TARGET * share) : 0 },
      { what: "stopped recoveries", count: cases, target: all ? Math.floor(TARGET * share) : 1 },
    ],
    notes: [],
  };
}

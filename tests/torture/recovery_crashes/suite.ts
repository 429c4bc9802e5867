/**
 * Cuts the power, kills the process or fails a call while the store recovers
 * from a power cut, then recovers again: nothing that the first recovery
 * could read is lost by it (I4).
 *
 * @module
 */
import { chooseRandomly, cutPowerAt, failAt, killAt, Random, SimulatedDisk } from "../../disk/mod.ts";
import { type Moments, momentsOf } from "../crash_states/moments.ts";
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
/** One in so many cases is held against all oracles. */
const WHOLE_EACH = 16;

/** How a recovery is stopped. */
const WAYS = ["power-before", "power-after", "kill", "error"] as const;
type Way = typeof WAYS[number];

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
    const chosen = { moment: random.pick(played.moments), choice: random.fork() };
    if (only !== "" && !only.startsWith(`${name}/`)) continue;
    if (!await tryState(workload, played, chosen, name, only, tally)) return;
    count(tally, "states");
    unhandled.check();
  }
}

async function tryState(
  workload: Workload,
  { history }: Moments,
  { moment, choice }: { readonly moment: Moments["moments"][number]; readonly choice: number },
  name: string,
  only: string,
  tally: Tally,
): Promise<boolean> {
  const written = workload.durability === "written";
  const { image, calls, first } = await recovered(moment, history.at(moment.mark, written), choice);
  const random = new Random(choice);
  for (let stop = 0; stop < Math.min(STOPS, calls); stop++) {
    // Every call of a short recovery, a sample of a long one.
    const call = calls <= STOPS ? stop + 1 : 1 + random.below(calls);
    const way = WAYS[random.below(WAYS.length)] ?? "kill";
    const caseName = `${name}/${call}/${way}`;
    if (only !== "" && only !== caseName) continue;
    const whole = only !== "" || isChosen(caseName, 1 / WHOLE_EACH, 1);
    const disk = new SimulatedDisk({ contents: image });
    const left = first.at(first.mark());
    if (
      !await tryCase(tally, caseName, () => stopAndGoOn(disk, left, { call, way, whole, choice, written }))
    ) {
      return false;
    }
    count(tally, "cases");
  }
  return true;
}

/** What a state holds: a recovery without a crash tells, and tells how many calls it takes. */
async function recovered(
  { disk }: Moments["moments"][number],
  history: History,
  choice: number,
): Promise<{ image: ReturnType<SimulatedDisk["image"]>; calls: number; first: History }> {
  const state = disk.crash(chooseRandomly(new Random(choice), 0.6));
  const image = state.image();
  const session = new Session(state, history);
  let loaded = history.mark();
  history.onLoaded = () => loaded = history.mark();
  await session.openOrThrow();
  const calls = state.calls.count();
  state.cutPower();
  await session.runtime?.close().catch(() => {});
  return { image, calls, first: history.at(loaded) };
}

/** Where and how a recovery is stopped, and how it is looked at afterwards. */
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
): Promise<void> {
  disk.onCall = way === "error"
    ? failAt(call, "EIO")
    : way === "kill"
    ? killAt(call)
    : cutPowerAt(call, way === "power-before" ? "before" : "after");
  const session = new Session(disk, history);
  await settled(session.open());
  disk.onCall = undefined;
  const isPowerCut = way === "power-before" || way === "power-after";
  // A call that fails by itself is not cut off behind it: then the power goes now.
  if (isPowerCut) disk.cutPower();
  const mark = history.mark();
  await session.runtime?.close().catch(() => {});
  const random = new Random(choice + call);
  const next = isPowerCut ? disk.crash(chooseRandomly(random)) : disk.kill();
  // A close in good order may have added its event; after a power cut nothing was added.
  const left = isPowerCut ? history.at(mark, written) : history;
  await settled(whole ? checkWhole(next, left, written) : checkOpens(next, left));
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

/**
 * Suites of many small cases, divided into jobs that run on all cores. A job runs
 * in any thread with the same result.
 *
 * @module
 */
import { inParallel } from "../kit/parallel.ts";
import { begin } from "../kit/serving.ts";
import { BrokenOracle, type Budget, type Suite, type SuiteReport } from "../suite.ts";
import { Finding } from "./history.ts";

/** A case that violated an oracle. */
export interface Failure {
  readonly oracle: string;
  readonly caseName: string;
  readonly why: string;
}

/** Totals of jobs. */
export interface Tally {
  /** Counts by kind. */
  readonly counts: Record<string, number>;
  /** Distinct items seen, by kind. */
  readonly seen: Record<string, string[]>;
  /** The first failure. */
  failure?: Failure;
}

/** A part of a suite, as plain data. */
export type Job = Readonly<Record<string, string | number | boolean>>;

/** A job of the suite of this name. */
export interface SuiteJob {
  readonly suite: string;
  readonly job: Job;
}

/** A suite that is divided into jobs. */
export interface JobSuite {
  readonly name: string;
  readonly title: string;
  /** All jobs of the budget, or the one that holds `only`. */
  jobs(budget: Budget): Promise<readonly Job[]>;
  /** Does a job. */
  work(job: Job, tally: Tally): Promise<void>;
  /** Returns true if the targets are met, so that the remaining jobs may be skipped. */
  isDone?(tally: Tally, budget: Budget): boolean;
  /** Counts against targets. */
  report(tally: Tally, budget: Budget): SuiteReport;
}

/** An empty tally. */
export function newTally(): Tally {
  return { counts: {}, seen: {} };
}

/** Counts. */
export function count(tally: Tally, what: string, by = 1): void {
  tally.counts[what] = (tally.counts[what] ?? 0) + by;
}

/** Records an item that was seen. */
export function see(tally: Tally, kind: string, thing: string): void {
  const things = tally.seen[kind] ??= [];
  if (!things.includes(thing)) things.push(thing);
}

/** Runs a case; a violated oracle is recorded with its name. Returns true if there is none. */
export async function tryCase(tally: Tally, caseName: string, run: () => Promise<void>): Promise<boolean> {
  if (tally.failure !== undefined) return false;
  begin(caseName);
  try {
    await run();
    return true;
  } catch (error) {
    const oracle = error instanceof Finding ? error.oracle : "I7";
    const why = error instanceof Error ? error.stack ?? error.message : String(error);
    const cause = error instanceof Error && error.cause instanceof Error
      ? `\ncaused by ${error.cause.stack}`
      : "";
    tally.failure = { oracle, caseName, why: `${why}${cause}` };
    return false;
  }
}

/** Makes a suite of its jobs. */
export function suiteOf(jobs: JobSuite): Suite {
  const { name, title } = jobs;
  return { name, title, real: false, run: (budget) => runJobs(jobs, budget) };
}

/** Below this share one thread suffices. */
const THREADS_FROM_SHARE = 0.1;
/** A thread that begins no case for this many seconds hangs. A job may prepare a long history first. */
const SILENCE_SECONDS_MAX = 600;

async function runJobs(suite: JobSuite, budget: Budget): Promise<SuiteReport> {
  const jobs = await suite.jobs(budget);
  const total = newTally();
  const isLast = (tally: Tally): boolean => {
    add(total, tally);
    return total.failure !== undefined || suite.isDone?.(total, budget) === true;
  };
  const { progress } = budget;
  if (budget.share >= THREADS_FROM_SHARE && budget.only === undefined) {
    const portions = jobs.map((job) => ({ suite: suite.name, job }));
    const module = new URL("./thread.ts", import.meta.url);
    const options = { progress, isLast, silenceSecondsMax: SILENCE_SECONDS_MAX };
    await inParallel<SuiteJob, Tally>(module, portions, options);
  } else {
    for (const [index, job] of jobs.entries()) {
      if (isLast(await workHere(suite, job))) break;
      progress?.(index + 1, jobs.length);
    }
  }
  if (total.failure !== undefined) {
    const { oracle, caseName, why } = total.failure;
    throw new BrokenOracle(oracle, caseName, why);
  }
  return suite.report(total, budget);
}

/** Runs a job in this thread. A failure before its first case counts too. */
export async function workHere(suite: JobSuite, job: Job): Promise<Tally> {
  const tally = newTally();
  await tryCase(tally, `job ${JSON.stringify(job)}`, () => suite.work(job, tally));
  return tally;
}

function add(total: Tally, part: Tally): void {
  for (const [what, by] of Object.entries(part.counts)) count(total, what, by);
  for (const [kind, things] of Object.entries(part.seen)) {
    total.seen[kind] = [...new Set([...total.seen[kind] ?? [], ...things])];
  }
  if (part.failure !== undefined) total.failure ??= part.failure;
}

/** Returns true if a case is in the sample: deterministic for a seed, and evenly spread. */
export function isChosen(caseName: string, share: number, seed: number): boolean {
  if (share >= 1) return true;
  let hash = seed | 0;
  for (let index = 0; index < caseName.length; index++) {
    hash = Math.imul(hash ^ caseName.charCodeAt(index), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return (Math.imul(hash, 0x85ebca6b) >>> 0) / 0x100000000 < share;
}

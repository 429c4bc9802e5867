/**
 * Suites of many small cases, divided into jobs that run on all cores. A job runs
 * in any thread with the same result.
 *
 * @module
 */
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

async function runJobs(suite: JobSuite, budget: Budget): Promise<SuiteReport> {
  const jobs = await suite.jobs(budget);
  const total = newTally();
  const queue = jobs.values();
  let done = 0;
  const threads = budget.share >= THREADS_FROM_SHARE && budget.only === undefined
    ? Math.max(1, navigator.hardwareConcurrency)
    : 0;
  const drain = async (work: (job: Job) => Promise<Tally>) => {
    for (const job of queue) {
      if (total.failure !== undefined || suite.isDone?.(total, budget)) return;
      add(total, await work(job));
      budget.progress?.(++done, jobs.length);
    }
  };
  if (threads === 0) await drain((job) => workHere(suite, job));
  else await Promise.all(Array.from({ length: threads }, () => drainInThread(suite.name, drain)));
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

async function drainInThread(
  suite: string,
  drain: (work: (job: Job) => Promise<Tally>) => Promise<void>,
): Promise<void> {
  const thread = new Worker(new URL("./thread.ts", import.meta.url), { type: "module" });
  try {
    await drain((job) =>
      new Promise((resolve, reject) => {
        thread.onmessage = ({ data }: MessageEvent<Tally>) => resolve(data);
        thread.onerror = (event) => reject(new Error(`A thread failed: ${event.message}`));
        thread.postMessage({ suite, job });
      })
    );
  } finally {
    thread.terminate();
  }
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

/**
 * The jobs that a measuring process does, and their results: what goes over
 * its standard input and output, a line of JSON each.
 *
 * @module
 */
import type { ContenderId } from "../contenders/contender.ts";
import type { Load } from "./callers.ts";
import type { Timed } from "./following.ts";
import type { RawLoad } from "./raw.ts";
import type { ReadLoad } from "./reads.ts";

/** A job's arguments and its result. */
interface Job<Arguments, Result> {
  readonly arguments: Arguments;
  readonly result: Result;
}

/** What a run of callers gave. */
export interface InputsResult {
  readonly inputs: number;
  /** Time with callers, in milliseconds. */
  readonly ms: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Bytes caused to be written; null where the platform does not tell. */
  readonly bytesWritten: number | null;
}

/** Jobs by name. */
export interface Jobs {
  /** Loads the contender, and opens nothing. */
  readonly load: Job<{ readonly contender: ContenderId }, null>;
  /** Opens the store in a directory or a database; gives the milliseconds. */
  readonly open: Job<{ readonly place: string }, number>;
  readonly close: Job<null, null>;
  readonly createWorkers: Job<{ readonly count: number }, null>;
  readonly fill: Job<{ readonly workers: number; readonly inputs: number; readonly callers: number }, null>;
  readonly inputs: Job<Load, InputsResult>;
  /** Writes what the store has put off; gives the milliseconds, and the bytes caused to be written. */
  readonly flush: Job<null, { readonly ms: number; readonly bytesWritten: number | null }>;
  /** Starts callers that go on until the process is killed. */
  readonly inputsUntilKilled: Job<Load, null>;
  /** How often the store asked for a checkpoint; always 0 for a contender that never asks. */
  readonly checkpointsDue: Job<null, number>;
  readonly raw: Job<RawLoad, { readonly inputs: number; readonly ms: number }>;
  /** Longest stall of the event loop, in milliseconds, while callers run. */
  readonly stall: Job<Load, number>;
  /** The same while nothing runs. */
  readonly stallIdle: Job<{ readonly ms: number }, number>;
  /** The same while callers run, all workers are dirty, and the store saves a checkpoint and flushes; this library only. */
  readonly stallCheckpoint: Job<Load, number>;
  /** Microseconds of each read. */
  readonly read: Job<ReadLoad, number[]>;
  /** Microseconds of each page of 50 workers; this library only. */
  readonly listWorkers: Job<{ readonly lastCursor: number; readonly count: number }, number[]>;
  /** Milliseconds from each call until a watcher has the event; this library only. */
  readonly watch: Job<
    { readonly callers: number; readonly workers: number; readonly inputs: number },
    number[]
  >;
  /** Sends inputs at random times. Returns when each was acknowledged. */
  readonly sendSlowly: Job<{ readonly workers: number; readonly inputs: number }, Timed[]>;
  /** Begins to follow the runtime of a database. */
  readonly follow: Job<{ readonly url: string; readonly pollMs: number }, null>;
  /** Follows up to an event. Returns when each was delivered. */
  readonly followThrough: Job<{ readonly id: number }, Timed[]>;
  /** Resident memory in bytes, after a garbage collection. */
  readonly memory: Job<null, number>;
}

/** A line to a measuring process. */
export interface Request {
  readonly job: keyof Jobs;
  readonly arguments: unknown;
}

/** A line from it. */
export type Response = { readonly result: unknown } | { readonly error: string };

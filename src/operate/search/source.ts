/**
 * Data of a search, on disk, in a database or in an open runtime: workers as of one
 * moment.
 *
 * @module
 */
import { addsEntries, parseEvent } from "../../core/events.ts";
import { type AnyRuntimeError, isRuntimeError } from "../../core/errors.ts";
import type { WorkerFork } from "../../core/event_types.ts";
import type { WorkerId } from "../../core/ids.ts";
import { entriesOf, type TranscriptEntry } from "../../core/reading.ts";
import type { StoredRuntime } from "../../core/store.ts";
import { corrupt } from "../../fs/disk/faults.ts";
import type { FindingCode } from "../verify/finding.ts";
import type { Conduct } from "./conduct.ts";

/** A transcript to search. */
export interface SearchedWorker {
  /** The worker. */
  readonly workerId: WorkerId;
  /** The event that created it. */
  readonly createdEventId: number;
  /** Entries to search: those of the moment when the search began. */
  readonly length: number;
  /** Its origin, if it is a fork: the first entries are in blobs. */
  readonly fork: WorkerFork | undefined;
}

/** Entries that may hold a match. */
export interface Candidates {
  /** The worker. */
  readonly worker: SearchedWorker;
  /** Some of its entries, in order. */
  readonly entries: readonly TranscriptEntry[];
}

/** A runtime to search. */
export interface SearchSource extends Pick<StoredRuntime, "readBlob"> {
  /** The entries that may hold a match: those of each worker in order. */
  candidates(): AsyncIterable<Candidates>;
  /** Returns true if a worker was purged since. */
  isGone(worker: SearchedWorker): Promise<boolean>;
  /** Ends the search. */
  close(): Promise<void>;
}

/** The entries of an event that adds to a transcript. Damage is reported. */
export function candidatesIn(worker: SearchedWorker, text: string, conduct: Conduct): Candidates {
  try {
    const event = parseEvent(text);
    if (event.type !== "unknown" && addsEntries(event)) {
      return { worker, entries: entriesOf(event) };
    }
    throw corrupt("", `event ${event.id} adds nothing to a transcript`);
  } catch (error) {
    if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
    conduct.damage(error, "transcript_damaged", worker.workerId);
    return { worker, entries: [] };
  }
}

/** Reports the error of a blob, unless its worker was purged since. Throws any other error. */
export async function reportBlob(
  error: unknown,
  source: SearchSource,
  worker: SearchedWorker,
  conduct: Conduct,
): Promise<void> {
  const code = isRuntimeError(error) ? DAMAGED_BLOB.get(error.code) : undefined;
  if (code === undefined || !isRuntimeError(error)) throw error;
  if (!await source.isGone(worker)) conduct.damage(error, code, worker.workerId);
}

const DAMAGED_BLOB: ReadonlyMap<AnyRuntimeError["code"], FindingCode> = new Map([
  ["blob_missing", "blob_missing"],
  ["blob_corrupt", "blob_damaged"],
  ["worker_not_found", "blob_missing"],
]);

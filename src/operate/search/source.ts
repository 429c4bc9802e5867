/**
 * Data of a search, on disk, in a database or in an open runtime: workers as of one
 * moment.
 *
 * @module
 */
import type { BlobRef } from "../../core/blob_ref.ts";
import { addsEntries, parseEvent } from "../../core/events.ts";
import { isRuntimeError } from "../../core/errors.ts";
import type { WorkerId } from "../../core/ids.ts";
import { entriesOf, type TranscriptEntry } from "../../core/reading.ts";
import { corrupt } from "../../fs/disk/faults.ts";
import type { Conduct } from "./conduct.ts";

/** A transcript to search. */
export interface SearchedWorker {
  /** The worker. */
  readonly workerId: WorkerId;
  /** The event that created it. */
  readonly createdEventId: number;
  /** Entries to search: those of the moment when the search began. */
  readonly length: number;
}

/** Entries that may hold a match. */
export interface Candidates {
  /** The worker. */
  readonly worker: SearchedWorker;
  /** Some of its entries, in order. */
  readonly entries: readonly TranscriptEntry[];
}

/** A runtime to search. */
export interface SearchSource {
  /** The entries that may hold a match: those of each worker in order. */
  candidates(): AsyncIterable<Candidates>;
  /** The bytes of a blob. Throws `blob_missing`, `blob_corrupt`, `worker_not_found`. */
  blob(workerId: WorkerId, blob: BlobRef): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
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

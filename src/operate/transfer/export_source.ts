/**
 * Data of an export, on disk or in a database: a runtime as of one event.
 *
 * @module
 */
import type { FileSpot } from "../../core/errors.ts";
import type { RuntimeEvent } from "../../core/event_types.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import type { Ledger } from "../../core/ledger.ts";
import type { WorkerState } from "../../core/state.ts";
import type { BlobFacts, BlobOwner } from "../../core/store.ts";
import type { Meter, OperationProgress } from "../options.ts";

/** A runtime to export. */
export interface ExportSource {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** The state after the last event. */
  readonly ledger: Ledger;
  /** The oldest event that the log holds. */
  readonly firstEventId: number;
  /** Time of creation, ISO 8601; empty if it is not known. */
  readonly createdAt: string;
  /** The operator's `config.jsonc`. */
  readonly config: string | undefined;
  /** Size of the log, for the progress of reading it. */
  readonly size: Pick<OperationProgress, "total" | "unit">;
  /**
   * The texts of the events after `after` up to the last one. Throws `store_corrupt`,
   * and `cursor_expired` if they were pruned meanwhile.
   */
  events(after: number, meter?: Meter): AsyncIterable<string>;
  /** The location of an event, for errors about it. */
  spotOf(eventId: number): FileSpot | undefined;
  /**
   * The events that precede the log and hold the transcript of a worker. Returns false
   * if there is no transcript of this worker.
   */
  oldTranscript(state: WorkerState): AsyncGenerator<OldTranscriptEvent, boolean, void>;
  /** The bytes of a blob. Throws `blob_missing`, `blob_corrupt`. */
  blobBytes(workerId: WorkerId, blob: BlobFacts): AsyncIterable<Uint8Array>;
  /** Those of these workers that were purged after the last event. */
  purgedSince(owners: readonly BlobOwner[]): Promise<ReadonlySet<BlobOwner>>;
}

/** An event that precedes the log. */
export interface OldTranscriptEvent {
  /** The event. */
  readonly event: RuntimeEvent;
  /** Its text. */
  readonly text: string;
}

/**
 * Inputs of a recovery.
 *
 * @module
 */
import type { WorkerId } from "../../core/ids.ts";
import type { StoreHost } from "../../core/store.ts";
import type { Checkpoints } from "../checkpoint/checkpoints.ts";
import type { Quarantine } from "../quarantine.ts";
import type { Transcripts } from "../transcripts/transcripts.ts";
import type { PurgedWorkers } from "../workers/directories.ts";
import type { OpenedPlace } from "./place.ts";

/** The parts of a store that are recovered, and its place. */
export interface Recovery extends OpenedPlace {
  /** Receives the content. */
  readonly host: StoreHost;
  readonly checkpoints: Checkpoints;
  readonly transcripts: Transcripts;
  readonly purged: PurgedWorkers;
  readonly quarantine: Quarantine;
  /** Removes the files of a worker; with `keepsBlobs`, those that its log can restore. */
  purge(workerId: WorkerId, purgedEventId: number, keepsBlobs: boolean): void;
  /** Bounds the transcript lines in memory. */
  flushIfFull(): Promise<void>;
}

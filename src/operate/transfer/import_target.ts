/**
 * Data of an import, on disk or in a database.
 *
 * @module
 */
import type { EventRecord } from "../../core/event_types.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import type { Ledger } from "../../core/ledger.ts";
import type { BlobFacts, BlobOwner } from "../../core/store.ts";
import type { OldEvent } from "../../postgres/import.ts";
import type { ExportHeader } from "./export_format.ts";

/** A blob that is being written. */
export interface ImportedBlob {
  /** Adds the bytes at an offset: those that follow. */
  write(bytes: Uint8Array, offset: number): void | Promise<void>;
  /** Ends it: the blob is complete and durable. */
  finish(): Promise<void>;
  /** Ends an incomplete blob. */
  close(): void;
}

/** Writes a runtime, which is invisible until it is complete. */
export interface ImportWriter {
  /** Appends a batch of events. */
  append(batch: readonly EventRecord[]): Promise<void>;
  /** Begins the transcript of a worker of a pruned log, before all events. */
  create(workerId: WorkerId, createdEventId: number, before: number): void;
  /** Adds an event that precedes a pruned log to the transcript of such a worker. */
  addOld(event: OldEvent): void | Promise<void>;
  /** Begins a blob. */
  blob(owner: BlobOwner, blob: BlobFacts): ImportedBlob;
  /** Ends the runtime with this state: everything is durable. */
  finish(ledger: Ledger): Promise<void>;
}

/** Place of imported runtimes. */
export interface ImportTarget {
  /**
   * Runs `work`, which writes and finishes a new runtime. Then the runtime has its
   * name; if anything fails, all that was written is removed. Throws
   * `invalid_request` if the runtime exists, `store_locked` if another import of it
   * is running.
   */
  write<T>(
    runtimeId: RuntimeId,
    header: ExportHeader,
    work: (writer: ImportWriter) => Promise<T>,
  ): Promise<T>;
}

/** Time of creation of an imported runtime: that of its source, if it is known. */
export function createdAtOf({ createdAt }: ExportHeader): string {
  return createdAt === "" ? new Date(0).toISOString() : createdAt;
}

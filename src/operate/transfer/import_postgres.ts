/**
 * Imports into a PostgreSQL database.
 *
 * @module
 */
import type { EventRecord } from "../../core/event_types.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import type { Ledger } from "../../core/ledger.ts";
import { limits } from "../../core/limits.ts";
import { takeSnapshot } from "../../core/snapshots.ts";
import type { BlobFacts, BlobInput, BlobOwner } from "../../core/store.ts";
import { type OldEvent, PostgresImport } from "../../postgres/import.ts";
import type { PostgresSpace } from "../../postgres/location.ts";
import type { ExportHeader } from "./export_format.ts";
import { createdAtOf, type ImportedBlob, type ImportTarget, type ImportWriter } from "./import_target.ts";

/** The runtimes of a space. */
export class ImportSpace implements ImportTarget {
  readonly #space: PostgresSpace;

  /** Imports into a space. */
  constructor(space: PostgresSpace) {
    this.#space = space;
  }

  /** Writes a runtime under a reserved name, and renames it last. */
  async write<T>(
    runtimeId: RuntimeId,
    header: ExportHeader,
    work: (writer: ImportWriter) => Promise<T>,
  ): Promise<T> {
    const { firstEventId } = header;
    const imported = await PostgresImport.begin({ ...this.#space, runtimeId, firstEventId });
    try {
      return await work(new ImportedRows(imported, header));
    } catch (error) {
      await imported.abandon();
      throw error;
    }
  }
}

/** Writes the rows of one import. */
class ImportedRows implements ImportWriter {
  readonly #imported: PostgresImport;
  readonly #header: ExportHeader;
  #old: OldEvent[] = [];
  #oldUnits = 0;

  constructor(imported: PostgresImport, header: ExportHeader) {
    this.#imported = imported;
    this.#header = header;
  }

  async append(batch: readonly EventRecord[]): Promise<void> {
    await this.#flush();
    await this.#imported.append(batch);
  }

  create(workerId: WorkerId, createdEventId: number): void {
    this.#imported.create(workerId, createdEventId);
  }

  addOld(event: OldEvent): void | Promise<void> {
    this.#old.push(event);
    this.#oldUnits += event.json.length;
    if (this.#oldUnits >= limits.batchUnitsMax || this.#old.length >= limits.batchEventsMax) {
      return this.#flush();
    }
  }

  blob(owner: BlobOwner, blob: BlobFacts): ImportedBlob {
    return new BlobRows(this.#imported, owner, blob);
  }

  async finish(ledger: Ledger): Promise<void> {
    await this.#flush();
    const { config } = this.#header;
    await this.#imported.finish(takeSnapshot(ledger), { createdAt: createdAtOf(this.#header), config });
  }

  async #flush(): Promise<void> {
    if (this.#old.length === 0) return;
    const old = this.#old;
    [this.#old, this.#oldUnits] = [[], 0];
    await this.#imported.addOld(old);
  }
}

/** A blob whose pieces are passed on as they arrive. */
class BlobRows implements ImportedBlob {
  readonly #pieces: WritableStreamDefaultWriter<Uint8Array>;
  readonly #put: Promise<void>;

  constructor(imported: PostgresImport, owner: BlobOwner, facts: BlobFacts) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const input: BlobInput = { facts, [Symbol.asyncIterator]: () => readable.values() };
    this.#pieces = writable.getWriter();
    // Its error is thrown by the next call.
    this.#pieces.closed.catch(() => {});
    this.#put = imported.putBlob(owner, input);
    this.#put.catch(() => {});
  }

  async write(bytes: Uint8Array): Promise<void> {
    const written = this.#pieces.write(bytes);
    written.catch(() => {});
    // Ends before all bytes are written only if it fails.
    await Promise.race([written, this.#put]);
  }

  async finish(): Promise<void> {
    this.#pieces.close().catch(() => {});
    await this.#put;
  }

  close(): void {
    this.#pieces.abort().catch(() => {});
  }
}

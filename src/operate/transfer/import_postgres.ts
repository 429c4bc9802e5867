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
import type { BlobFacts, BlobOwner } from "../../core/store.ts";
import { type OldEvent, PostgresImport } from "../../postgres/import.ts";
import type { PostgresSpace } from "../../postgres/location.ts";
import type { ExportHeader } from "./export_format.ts";
import { PipedBlob } from "./piped_blob.ts";
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
    return new PipedBlob((bytes) =>
      this.#imported.putBlob(owner, { facts: blob, [Symbol.asyncIterator]: () => bytes.values() })
    );
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

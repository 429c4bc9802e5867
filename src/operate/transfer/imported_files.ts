/**
 * The files of a store during its import: the log and the transcripts, completed
 * by a checkpoint and the projections.
 *
 * @module
 */
import type { EventRecord } from "../../core/event_types.ts";
import type { WorkerId } from "../../core/ids.ts";
import type { Ledger } from "../../core/ledger.ts";
import { takeSnapshot } from "../../core/snapshots.ts";
import { Checkpoints } from "../../fs/checkpoint/checkpoints.ts";
import type { StoreConfig } from "../../fs/place/config.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import { LogWriter } from "../../fs/log/writer.ts";
import type { BlobFacts, BlobOwner } from "../../core/store.ts";
import { blobPath } from "../../fs/blobs/name.ts";
import { guarded, guardedAsync } from "../../fs/disk/faults.ts";
import { closeQuietly, writeAll } from "../../fs/disk/files.ts";
import { workerLayout } from "../../fs/layout.ts";
import { LineBuffer } from "../../fs/lines/buffer.ts";
import { makeWorkerDirectory } from "../../fs/workers/directories.ts";
import type { OldEvent } from "../../postgres/import.ts";
import type { ImportedBlob, ImportWriter } from "./import_target.ts";
import { dirname } from "@std/path";
import { Projections } from "../../fs/workers/projections.ts";
import { Transcripts } from "../../fs/transcripts/transcripts.ts";

/** Transcript bytes kept in memory before they are written. */
const TRANSCRIPT_BYTES_MAX = 16_777_216;

/** Writes the files of one import. */
export class ImportedFiles implements ImportWriter {
  readonly #parts: FoundPlace & { readonly notice: () => void; readonly quarantine: () => Promise<void> };
  readonly #displayName: string | undefined;
  readonly #writer: LogWriter;
  readonly #transcripts: Transcripts;
  readonly #lines = new LineBuffer();
  /** Workers with blobs. */
  readonly #withBlobs = new Set<WorkerId>();

  /** Begins a log with `firstEventId`. */
  constructor(
    place: FoundPlace,
    { displayName, limits: { segmentBytes } }: StoreConfig,
    firstEventId: number,
  ) {
    this.#parts = { ...place, notice: () => {}, quarantine: () => Promise.resolve() };
    this.#displayName = displayName;
    const start = { segments: [], lastEventId: firstEventId - 1, offset: Infinity, lineOffset: 0 };
    this.#writer = new LogWriter(this.#parts, start, { durability: "written", segmentBytes });
    const log = () => {
      throw new Error("Cannot rebuild transcript: an import is under way");
    };
    this.#transcripts = new Transcripts({ ...this.#parts, log });
  }

  /** Writes a batch. */
  async append(batch: readonly EventRecord[]): Promise<void> {
    const lines = await this.#writer.append(batch);
    for (const [index, record] of batch.entries()) {
      this.#transcripts.apply(record, lines[index]);
      this.#keepBounded();
    }
  }

  /** Begins the transcript of a worker. */
  create(workerId: WorkerId, createdEventId: number, before: number): void {
    this.#transcripts.create(workerId, createdEventId, before);
  }

  /** Adds an event that the log does not hold to a transcript. */
  addOld({ id, json, workerId, count }: OldEvent): void {
    const { lines: [line] } = this.#lines.encode([{ json }], id - 1);
    if (line !== undefined) this.#transcripts.add(workerId, line, count);
    this.#keepBounded();
  }

  /** Creates the file of a blob. */
  blob({ workerId }: BlobOwner, { sha256 }: BlobFacts): ImportedBlob {
    const { fs, layout } = this.#parts;
    const path = blobPath(layout, workerId, sha256);
    this.#withBlobs.add(workerId);
    const file = guarded("write", path, () => {
      makeWorkerDirectory(this.#parts, workerId);
      fs.makeDirectory(dirname(path));
      return fs.open(path, "create");
    });
    return {
      write: (bytes, offset) => guarded("write", path, () => writeAll(file, bytes, offset)),
      finish: async () => {
        try {
          await guardedAsync("sync", path, () => file.sync());
        } finally {
          closeQuietly(file);
        }
      },
      close: () => closeQuietly(file),
    };
  }

  #keepBounded(): void {
    if (this.#transcripts.pendingBytes > TRANSCRIPT_BYTES_MAX) this.#transcripts.flushNow();
  }

  /** Syncs everything, writes a checkpoint and the projections, and closes the files. */
  async finish(ledger: Ledger): Promise<void> {
    const { fs, layout } = this.#parts;
    for (const workerId of this.#withBlobs) {
      const { directory, blobs } = workerLayout(layout, workerId);
      for (const path of [blobs, directory]) {
        await guardedAsync("sync", path, () => fs.syncDirectory(path));
      }
    }
    const [writer, transcripts, { lastEventId }] = [this.#writer, this.#transcripts, ledger.runtime];
    if (writer.segments.length === 0) await writer.startSegment();
    await writer.syncNow();
    await transcripts.syncAll();
    await new Checkpoints(this.#parts).save({
      snapshot: takeSnapshot(ledger),
      position: writer.position,
      lengths: transcripts.lengths(),
    });
    const projections = new Projections({ ...this.#parts, view: ledger, displayName: this.#displayName });
    projections.begin();
    projections.touch([...ledger.workers()].map(({ record }) => record.workerId), lastEventId);
    await projections.flush();
    for (const path of [layout.workers, layout.events]) await fs.syncDirectory(path);
    this.close();
  }

  /** Closes the files; idempotent. */
  close(): void {
    this.#writer.close();
    this.#transcripts.close();
  }
}

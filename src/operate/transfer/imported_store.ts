/**
 * A store during its import: the log, the transcripts and the state are built
 * together, and completed by a checkpoint.
 *
 * @module
 */
import type { EventHead, EventRecord } from "../../core/event_types.ts";
import { isTranscriptEvent, recordOf } from "../../core/events.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import { Ledger } from "../../core/ledger.ts";
import { restoreSnapshot, takeSnapshot } from "../../core/snapshots.ts";
import { Checkpoints } from "../../fs/checkpoint/checkpoints.ts";
import type { StoreConfig } from "../../fs/place/config.ts";
import type { FileSystem } from "../../fs/disk/file_system.ts";
import type { RuntimeLayout } from "../../fs/layout.ts";
import { LineBuffer } from "../../fs/lines/buffer.ts";
import { LogWriter } from "../../fs/log/writer.ts";
import { Projections } from "../../fs/workers/projections.ts";
import { Transcripts } from "../../fs/transcripts/transcripts.ts";
import type { ExportHeader } from "./export_format.ts";
import type { Prelude } from "./prelude.ts";
import { StreamStructure, type TranscriptPlace } from "./stream_structure.ts";

/** Target of an import; absent if the stream is only checked. */
export interface ImportTarget {
  /** The disk. */
  readonly fs: FileSystem;
  /** The files. */
  readonly layout: RuntimeLayout;
  /** The config in the stream. */
  readonly config: StoreConfig;
}

/** Transcript bytes kept in memory before they are written. */
const TRANSCRIPT_BYTES_MAX = 16_777_216;

/** A store that is being imported. */
export class ImportedStore {
  readonly #target: ImportTarget | undefined;
  readonly #structure: StreamStructure;
  readonly #runtimeId: RuntimeId;
  readonly #ledger: Ledger;
  readonly #writer: LogWriter | undefined;
  readonly #transcripts: Transcripts | undefined;
  readonly #lines = new LineBuffer();
  /** The snapshot of a pruned log, of its last event. */
  #snapshot: { through: number; runtimeJson: string; workers: string[] } | undefined;
  /** Events written. */
  events = 0;

  /** Creates an empty store. */
  constructor(target: ImportTarget | undefined, header: ExportHeader, runtimeId: RuntimeId) {
    this.#target = target;
    this.#structure = new StreamStructure(header);
    this.#runtimeId = runtimeId;
    this.#ledger = new Ledger(runtimeId);
    if (target === undefined) return;
    const { fs, layout, config: { limits: { segmentBytes } } } = target;
    const place = { fs, layout, runtimeId, notice: () => {} };
    const start = { segments: [], lastEventId: header.firstEventId - 1, offset: Infinity, lineOffset: 0 };
    this.#writer = new LogWriter(place, start, { durability: "written", segmentBytes });
    this.#transcripts = new Transcripts({
      ...place,
      quarantine: () => Promise.resolve(),
      log: () => {
        throw new Error("Cannot rebuild transcript: an import is under way");
      },
    });
  }

  /** The last event. */
  get lastEventId(): number {
    return this.#structure.lastEventId;
  }

  /** The number of workers. */
  get workers(): number {
    return this.#ledger.workerCount;
  }

  /** Adds a line that precedes the events of a pruned log. */
  prelude({ snapshot, snapshotWorker, transcriptEvent }: Prelude): void {
    if (snapshot !== undefined) {
      const { through, runtime } = snapshot;
      this.#structure.snapshot(through);
      this.#snapshot = { through, runtimeJson: JSON.stringify(runtime), workers: [] };
    }
    if (snapshotWorker !== undefined) {
      const { createdEventId, part } = snapshotWorker;
      const { record: { workerId }, createdEventId: stateCreatedEventId } = part.state;
      this.#structure.snapshotWorker(workerId, createdEventId, stateCreatedEventId);
      this.#snapshot?.workers.push(JSON.stringify(part));
      this.#transcripts?.create(workerId, createdEventId);
    }
    if (transcriptEvent !== undefined) {
      this.#structure.transcriptEvent(transcriptEvent);
      this.#addLine(transcriptEvent.json, transcriptEvent);
    }
  }

  /** Folds an event; returns the record to append. */
  record(json: string, head: EventHead): EventRecord {
    const isKept = this.#structure.event(head);
    if (this.#snapshot === undefined) this.#ledger.apply(head);
    // For a pruned log, only the transcripts of its snapshot's workers are kept.
    const isRelevant = isTranscriptEvent(head) ? isKept : this.#snapshot === undefined;
    return isRelevant ? recordOf(head, json) : { id: head.id, json };
  }

  /** Writes a batch. */
  async append(batch: readonly EventRecord[]): Promise<void> {
    this.events += batch.length;
    const [writer, transcripts] = [this.#writer, this.#transcripts];
    if (writer === undefined || transcripts === undefined || batch.length === 0) return;
    const lines = await writer.append(batch);
    for (const [index, record] of batch.entries()) transcripts.apply(record, lines[index]);
    if (transcripts.pendingBytes > TRANSCRIPT_BYTES_MAX) transcripts.flushNow();
  }

  /** Ends the import: syncs everything, and writes a checkpoint and the projections. */
  async finish(): Promise<void> {
    if (this.#snapshot !== undefined) restoreSnapshot(this.#ledger, this.#snapshot);
    this.#structure.end(this.#ledger);
    const [writer, transcripts, target] = [this.#writer, this.#transcripts, this.#target];
    if (writer === undefined || transcripts === undefined || target === undefined) return;
    if (this.events === 0) await writer.startSegment();
    try {
      await writer.syncNow();
      await transcripts.syncAll();
      await this.#checkpoint(target, writer, transcripts);
      await this.#project(target);
      for (const path of [target.layout.workers, target.layout.events]) await target.fs.syncDirectory(path);
    } finally {
      writer.close();
      transcripts.close();
    }
  }

  /** Closes its files after a failure. */
  close(): void {
    this.#writer?.close();
    this.#transcripts?.close();
  }

  async #checkpoint(
    { fs, layout }: ImportTarget,
    writer: LogWriter,
    transcripts: Transcripts,
  ): Promise<void> {
    const checkpoints = new Checkpoints({ fs, layout, runtimeId: this.#runtimeId, notice: () => {} });
    await checkpoints.save({
      snapshot: takeSnapshot(this.#ledger),
      position: writer.position,
      lengths: transcripts.lengths(),
    });
  }

  async #project({ fs, layout, config: { displayName } }: ImportTarget): Promise<void> {
    const projections = new Projections({
      fs,
      layout,
      runtimeId: this.#runtimeId,
      view: this.#ledger,
      displayName,
      notice: () => {},
      quarantine: () => Promise.resolve(),
    });
    projections.begin();
    const workerIds = [...this.#ledger.workers()].map(({ record }) => record.workerId);
    projections.touch(workerIds, this.#ledger.runtime.lastEventId);
    await projections.flush();
  }

  #addLine(json: string, { id, workerId, count }: TranscriptPlace): void {
    const { lines: [line] } = this.#lines.encode([{ json }], id - 1);
    if (line !== undefined) this.#transcripts?.add(workerId as WorkerId, line, count);
    if ((this.#transcripts?.pendingBytes ?? 0) > TRANSCRIPT_BYTES_MAX) this.#transcripts?.flushNow();
  }
}

/**
 * A store while it is imported: the log, the transcripts and the state grow
 * together, and a checkpoint ends it.
 *
 * @module
 */
import { type EventHead, type EventRecord, isTranscriptEvent } from "../../core/events.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import { Ledger } from "../../core/ledger.ts";
import { restoreSnapshot, takeSnapshot } from "../../core/snapshots.ts";
import { Checkpoints } from "../checkpoints.ts";
import type { StoreConfig } from "../config.ts";
import { corrupt } from "../faults.ts";
import type { FileSystem } from "../file_system.ts";
import type { RuntimeLayout } from "../layout.ts";
import { LineBuffer } from "../line_buffer.ts";
import { LogWriter } from "../log_writer.ts";
import { Projections } from "../projections.ts";
import { Transcripts } from "../transcripts.ts";
import type { PlacedLine } from "../waiting_lines.ts";
import type { ExportHeader } from "./export_format.ts";

/** Where it is written; nowhere when the stream is only checked. */
export interface ImportTarget {
  /** The disk. */
  readonly fs: FileSystem;
  /** The files. */
  readonly layout: RuntimeLayout;
  /** The config that came with the stream. */
  readonly config: StoreConfig;
}

/** Transcript bytes kept in memory before they are written. */
const TRANSCRIPT_BYTES_MAX = 16_777_216;
const PARALLEL_SYNCS = 16;

/** A store that is being imported. */
export class ImportedStore {
  readonly #target: ImportTarget | undefined;
  readonly #header: ExportHeader;
  readonly #runtimeId: RuntimeId;
  readonly #ledger: Ledger;
  readonly #writer: LogWriter | undefined;
  readonly #transcripts: Transcripts | undefined;
  readonly #lines = new LineBuffer();
  /** What a snapshot for a pruned log said so far. */
  #snapshot: { through: number; runtimeJson: string; workers: string[] } | undefined;
  readonly #created = new Map<string, number>();
  #restored = false;
  #nextId: number;
  /** Events written. */
  events = 0;

  /** An empty one. */
  constructor(target: ImportTarget | undefined, header: ExportHeader, runtimeId: RuntimeId) {
    this.#target = target;
    this.#header = header;
    this.#runtimeId = runtimeId;
    this.#ledger = new Ledger(runtimeId);
    this.#nextId = header.firstEventId;
    if (target === undefined) return;
    const { fs, layout, config: { limits: { segmentBytes } } } = target;
    const start = { segments: [], lastEventId: header.firstEventId - 1, offset: Infinity, lineOffset: 0 };
    this.#writer = new LogWriter(fs, layout, runtimeId, start, {
      durability: "written",
      segmentBytes,
      notice: () => {},
    });
    this.#transcripts = new Transcripts(fs, layout, runtimeId, {
      notice: () => {},
      quarantine: () => Promise.resolve(),
      mustReachBack: () => {},
      rebuild: () => Promise.reject(new Error("Cannot rebuild transcript: an import is under way")),
    });
  }

  /** The last event. */
  get lastEventId(): number {
    return this.#nextId - 1;
  }

  /** The number of workers. */
  get workers(): number {
    return this.#ledger.workerCount;
  }

  /** Takes a line that stands before the events of a pruned log. */
  prelude(text: string): void {
    if (text.startsWith('{"snapshot":')) {
      const { snapshot: { through, runtime } } = parsed(text);
      this.#snapshot = { through, runtimeJson: JSON.stringify(runtime), workers: [] };
    } else if (text.startsWith('{"snapshotWorker":')) {
      const { snapshotWorker: { createdEventId, part } } = parsed(text);
      const { workerId } = part.state.record;
      this.#snapshot?.workers.push(JSON.stringify(part));
      this.#created.set(workerId, createdEventId);
      this.#transcripts?.create(workerId, createdEventId);
    } else if (text.startsWith('{"transcriptEvent":')) {
      const json = text.slice('{"transcriptEvent":'.length, -1);
      this.#addLine(json, parsed(json));
    } else throw corrupt("", "it is neither an event nor what may stand before events");
  }

  /** Folds an event; gives what is to be appended. */
  record(json: string, head: EventHead): EventRecord {
    if (head.id !== this.#nextId) {
      throw corrupt("", `it is event ${head.id}, and ${this.#nextId} was expected`);
    }
    this.#nextId++;
    this.#restore(head.id - 1);
    if (this.#restored || this.#snapshot === undefined) this.#ledger.apply(head);
    const transcript = isTranscriptEvent(head) ? head : undefined;
    return {
      id: head.id,
      workerId: "workerId" in head ? head.workerId : undefined,
      effect: effectOf(head),
      seq: transcript?.seq ?? 0,
      count: transcript?.count ?? 0,
      json,
    };
  }

  /** Writes a batch. */
  async append(batch: readonly EventRecord[]): Promise<void> {
    this.events += batch.length;
    const [writer, transcripts] = [this.#writer, this.#transcripts];
    if (writer === undefined || transcripts === undefined || batch.length === 0) return;
    const lines = await writer.append(batch);
    for (const [index, record] of batch.entries()) this.#take(transcripts, record, lines[index]);
    if (transcripts.pendingBytes > TRANSCRIPT_BYTES_MAX) this.#flush(transcripts);
  }

  /** Ends the import: all is synced, and a checkpoint and the projections are written. */
  async finish(): Promise<void> {
    this.#restore(this.lastEventId);
    const isWhole = this.lastEventId === this.#header.lastEventId && this.lastEventId > 0 &&
      (this.#snapshot === undefined || this.#restored);
    if (!isWhole) throw corrupt("", `it ends with event ${this.lastEventId} of ${this.#header.lastEventId}`);
    const [writer, transcripts, target] = [this.#writer, this.#transcripts, this.#target];
    if (writer === undefined || transcripts === undefined || target === undefined) return;
    if (this.events === 0) await writer.startSegment();
    try {
      await writer.syncNow();
      this.#flush(transcripts);
      await this.#sync(transcripts);
      await this.#checkpoint(target, writer, transcripts);
      await this.#project(target);
      for (const path of [target.layout.workers, target.layout.events]) await target.fs.syncDirectory(path);
    } finally {
      writer.close();
      transcripts.close();
    }
  }

  /** Closes its files, after a failure. */
  close(): void {
    this.#writer?.close();
    this.#transcripts?.close();
  }

  async #checkpoint(
    { fs, layout }: ImportTarget,
    writer: LogWriter,
    transcripts: Transcripts,
  ): Promise<void> {
    const { through, runtimeJson, workers } = takeSnapshot(this.#ledger);
    const lengths = transcripts.lengths();
    function* rows(): Generator<{
      workerId: string;
      createdEventId: number;
      transcriptBytes: number | undefined;
      transcriptLength: number;
      snapshot: string;
    }> {
      for (const { workerId, json } of workers) {
        const length = lengths.get(workerId);
        if (length !== undefined) yield { workerId, ...length, snapshot: json };
      }
    }
    const checkpoints = new Checkpoints(fs, layout, this.#runtimeId, () => {});
    const { position } = writer;
    await checkpoints.save({ runtimeId: this.#runtimeId, through, position, runtimeJson, rows: rows() });
  }

  async #project({ fs, layout, config: { displayName } }: ImportTarget): Promise<void> {
    const projections = new Projections(fs, layout, this.#runtimeId, {
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

  /** Puts the snapshot of a pruned log in where its events come to it. */
  #restore(id: number): void {
    if (this.#snapshot === undefined || this.#restored || this.#snapshot.through !== id) return;
    restoreSnapshot(this.#ledger, this.#snapshot);
    this.#restored = true;
  }

  #take(transcripts: Transcripts, record: EventRecord, line: PlacedLine | undefined): void {
    const { workerId, effect, id, count } = record;
    if (workerId === undefined || line === undefined) return;
    // Of what a snapshot covers, only the transcripts of its own workers are of interest.
    const isCovered = this.#snapshot !== undefined && id <= this.#snapshot.through;
    if (isCovered && (effect !== "transcript" || id <= (this.#created.get(workerId) ?? Infinity))) return;
    if (effect === "created") transcripts.create(workerId, id);
    else if (effect === "transcript") transcripts.add(workerId, line, count);
    else if (effect === "purged") transcripts.forget(workerId);
  }

  async #sync(transcripts: Transcripts): Promise<void> {
    const unsynced = transcripts.unsynced();
    for (let index = 0; index < unsynced.length; index += PARALLEL_SYNCS) {
      const group = unsynced.slice(index, index + PARALLEL_SYNCS);
      await Promise.all(group.map((workerId) => transcripts.sync(workerId)));
    }
  }

  #addLine(json: string, event: { workerId: WorkerId; count: number; id: number }): void {
    const { lines: [line] } = this.#lines.encode([{ json }], event.id - 1);
    if (line !== undefined) this.#transcripts?.add(event.workerId, line, event.count);
    if ((this.#transcripts?.pendingBytes ?? 0) > TRANSCRIPT_BYTES_MAX && this.#transcripts) {
      this.#flush(this.#transcripts);
    }
  }

  #flush(transcripts: Transcripts): void {
    for (const workerId of transcripts.dirty()) transcripts.flush(workerId);
  }
}

function effectOf(head: EventHead): EventRecord["effect"] {
  if (isTranscriptEvent(head)) return "transcript";
  return head.type === "worker.created" ? "created" : head.type === "worker.purged" ? "purged" : "none";
}

// deno-lint-ignore no-explicit-any -- lines of a stream whose checksum is checked at its end
function parsed(text: string): any {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw corrupt("", "it is no JSON", { cause });
  }
}

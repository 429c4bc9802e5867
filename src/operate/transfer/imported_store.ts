/**
 * A store during its import: the structure of the stream is checked, its events are
 * folded, and its files are written.
 *
 * @module
 */
import type { EventHead, EventRecord } from "../../core/event_types.ts";
import { isTranscriptEvent, recordOf } from "../../core/events.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import { Ledger } from "../../core/ledger.ts";
import { restoreSnapshot } from "../../core/snapshots.ts";
import type { WorkerState } from "../../core/state.ts";
import { LineBuffer } from "../../fs/lines/buffer.ts";
import type { ExportHeader } from "./export_format.ts";
import type { ImportedFiles } from "./imported_files.ts";
import { StreamStructure, type TranscriptPlace } from "./stream_structure.ts";

/** A store that is being imported. */
export class ImportedStore {
  readonly #files: ImportedFiles | undefined;
  readonly #structure: StreamStructure;
  readonly #ledger: Ledger;
  readonly #lines = new LineBuffer();
  /** The snapshot of a pruned log, of its last event. */
  #snapshot: { through: number; runtimeJson: string; workers: string[] } | undefined;
  /** Events written. */
  events = 0;

  /** Creates an empty store; without `files`, the stream is only checked. */
  constructor(header: ExportHeader, runtimeId: RuntimeId, files: ImportedFiles | undefined) {
    this.#files = files;
    this.#structure = new StreamStructure(header);
    this.#ledger = new Ledger(runtimeId);
  }

  /** The last event. */
  get lastEventId(): number {
    return this.#structure.lastEventId;
  }

  /** The number of workers. */
  get workers(): number {
    return this.#ledger.workerCount;
  }

  /** Adds the runtime's part of the snapshot of a pruned log. */
  snapshot(through: number, runtime: object): void {
    this.#structure.snapshot(through);
    this.#snapshot = { through, runtimeJson: JSON.stringify(runtime), workers: [] };
  }

  /** Adds a worker's part of the snapshot. */
  snapshotWorker(createdEventId: number, part: { readonly state: WorkerState }): void {
    const { record: { workerId }, createdEventId: stateCreatedEventId } = part.state;
    this.#structure.snapshotWorker(workerId, createdEventId, stateCreatedEventId);
    this.#snapshot?.workers.push(JSON.stringify(part));
    this.#files?.create(workerId, createdEventId);
  }

  /** Adds a transcript event that precedes the first event of a pruned log. */
  transcriptEvent(json: string, place: TranscriptPlace): void {
    this.#structure.transcriptEvent(place);
    const { lines: [line] } = this.#lines.encode([{ json }], place.id - 1);
    if (line !== undefined) this.#files?.add(place.workerId as WorkerId, line, place.count);
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
    if (batch.length > 0) await this.#files?.append(batch);
  }

  /** Ends the import. */
  async finish(): Promise<void> {
    if (this.#snapshot !== undefined) restoreSnapshot(this.#ledger, this.#snapshot);
    this.#structure.end(this.#ledger);
    await this.#files?.finish(this.#ledger);
  }
}

/**
 * A store during its import: the structure of the stream is checked (the order of its
 * lines, the numbers of its events, the completeness of transcripts), its events are
 * folded, and written. Methods throw `store_corrupt`.
 *
 * @module
 */
import type { BlobRef } from "../../core/blob_ref.ts";
import type { EventHead, EventRecord } from "../../core/event_types.ts";
import { addsEntries, recordOf } from "../../core/events.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import { Ledger } from "../../core/ledger.ts";
import { restoreSnapshot } from "../../core/snapshots.ts";
import type { WorkerState } from "../../core/state.ts";
import { corrupt } from "../../fs/disk/faults.ts";
import type { BlobPiece } from "./blob_lines.ts";
import type { ExportHeader } from "./export_format.ts";
import type { ImportWriter } from "./import_target.ts";
import { ImportedBlobs } from "./imported_blobs.ts";

/** The entries that an event adds to a transcript. */
interface TranscriptPlace {
  readonly id: number;
  readonly workerId: WorkerId;
  readonly seq: number;
  readonly count: number;
}

/** A store that is being imported. */
export class ImportedStore {
  readonly #header: ExportHeader;
  readonly #writer: ImportWriter | undefined;
  /** The state so far. */
  readonly ledger: Ledger;
  readonly #blobs: ImportedBlobs;
  /** The last event and the entries so far of each transcript. */
  readonly #transcripts = new Map<string, { lastId: number; entries: number; before: number }>();
  /** The snapshot of a pruned log, of its last event. */
  #snapshot: { through: number; runtimeJson: string; workers: string[] } | undefined;
  #hasTranscripts = false;
  /** The events that created the workers of the snapshot. */
  readonly #created = new Map<string, number>();
  /** Bases of the forks that the log does not create, and that the stream has yet to have. */
  readonly #bases = new Map<string, BlobRef>();
  /** The event that created the last worker of the snapshot. */
  #createdEventId = 0;
  /** The last event so far. */
  lastEventId: number;

  /** Creates an empty store; without a writer, the stream is only checked. */
  constructor(header: ExportHeader, runtimeId: RuntimeId, writer: ImportWriter | undefined) {
    this.#header = header;
    this.#writer = writer;
    this.#blobs = new ImportedBlobs(writer, (workerId) => this.#createdEventIdOf(workerId));
    this.ledger = new Ledger(runtimeId);
    this.lastEventId = header.firstEventId - 1;
  }

  /** Adds the runtime's part of the snapshot of a pruned log: the first line after the header. */
  snapshot(through: number, runtime: object): void {
    const { firstEventId, lastEventId } = this.#header;
    if (this.#snapshot !== undefined) throw corrupt("", "it is a second snapshot");
    this.#blobs.refer(undefined, []);
    this.#assertPrecedesEvents();
    if (firstEventId === 1) throw corrupt("", "it is a snapshot, but the log was not pruned");
    if (through !== lastEventId) {
      throw corrupt("", `it is a snapshot of event ${through}, not of event ${lastEventId}`);
    }
    this.#snapshot = { through, runtimeJson: JSON.stringify(runtime), workers: [] };
  }

  /** Adds a worker's part of the snapshot, in order of creation. */
  snapshotWorker(createdEventId: number, part: { readonly state: WorkerState }): void {
    if (this.#snapshot === undefined || this.#hasTranscripts) {
      throw corrupt("", "a worker must follow the snapshot");
    }
    this.#blobs.refer(undefined, []);
    this.#assertPrecedesEvents();
    const { record: { workerId }, createdEventId: stateCreatedEventId } = part.state;
    const isInOrder = createdEventId === stateCreatedEventId && createdEventId > this.#createdEventId &&
      createdEventId <= this.#header.lastEventId && !this.#transcripts.has(workerId);
    if (!isInOrder) throw corrupt("", "it is not the next worker of the snapshot");
    this.#createdEventId = createdEventId;
    const before = part.state.fork?.seq ?? 0;
    this.#transcripts.set(workerId, { lastId: createdEventId - 1, entries: before, before });
    this.#created.set(workerId, createdEventId);
    const base = part.state.fork?.base;
    if (base !== undefined && createdEventId < this.#header.firstEventId) this.#bases.set(workerId, base);
    this.#snapshot.workers.push(JSON.stringify(part));
    this.#writer?.create(workerId, createdEventId, before);
  }

  /** Adds the base of a fork whose creation is not in the log: its blobs precede this line. */
  transcriptBase(workerId: string): void {
    this.#assertPrecedesEvents();
    this.#hasTranscripts = true;
    const base = this.#bases.get(workerId);
    if (base === undefined) throw corrupt("", "it is of a worker without such a base");
    this.#bases.delete(workerId);
    this.#blobs.refer(workerId, [], base);
  }

  /** Adds a transcript event that precedes the first event of a pruned log. */
  transcriptEvent(json: string, place: TranscriptPlace, refs: readonly BlobRef[]): void | Promise<void> {
    this.#assertPrecedesEvents();
    this.#hasTranscripts = true;
    if (!this.#transcripts.has(place.workerId)) {
      throw corrupt("", "it is of a worker that is not in the snapshot");
    }
    if (place.id >= this.#header.firstEventId) {
      throw corrupt("", `event ${place.id} belongs among the events`);
    }
    this.#advance(place);
    this.#blobs.refer(place.workerId, refs);
    const { id, workerId, seq, count } = place;
    return this.#writer?.addOld({ id, json, workerId, seq, count });
  }

  /** Adds a piece of a blob. Returns a function that writes it. */
  blob(piece: BlobPiece): () => Promise<void> {
    return this.#blobs.add(piece);
  }

  /** Folds the next event, whose entries refer to these blobs; returns the record to append. */
  record(json: string, head: EventHead, refs: readonly BlobRef[]): EventRecord {
    const { firstEventId, lastEventId } = this.#header;
    const { id } = head;
    const isPruned = this.#snapshot !== undefined;
    const expected = this.lastEventId + 1;
    if (id !== expected) throw corrupt("", `it is event ${id}, and ${expected} was expected`);
    if (id > lastEventId) throw corrupt("", `event ${lastEventId} is the last`);
    if (firstEventId > 1 && !isPruned) {
      throw corrupt("", `events 1 to ${firstEventId - 1} are missing, and no snapshot replaces them`);
    }
    this.lastEventId = id;
    const fork = head.type === "worker.created" ? head.fork : undefined;
    if (isPruned) {
      // The snapshot was taken at the last event: its workers are those that exist at the end.
      const isKept = addsEntries(head) && this.#isKept(head);
      if (isKept) this.#advance(head);
      const workerId = "workerId" in head ? head.workerId : undefined;
      const base = this.#created.get(workerId ?? "") === id ? fork?.base : undefined;
      const isOfWorker = isKept || base !== undefined;
      this.#blobs.refer(isOfWorker ? workerId : undefined, isKept ? refs : [], base);
      if (!isKept) return { id, json, workerId };
      return { ...recordOf(head, json), creates: undefined };
    }
    this.ledger.apply(head);
    if (head.type === "worker.created") {
      const before = fork?.seq ?? 0;
      this.#transcripts.set(head.workerId, { lastId: id - 1, entries: before, before });
    }
    if (addsEntries(head)) this.#advance(head);
    this.#blobs.refer("workerId" in head ? head.workerId : undefined, refs, fork?.base);
    if (head.type === "worker.purged") {
      this.#transcripts.delete(head.workerId);
      this.#blobs.purge(head.workerId);
    }
    return recordOf(head, json);
  }

  /** Ends the import. The stream must be complete. */
  async finish(): Promise<void> {
    const { firstEventId, lastEventId } = this.#header;
    if (this.#snapshot !== undefined) restoreSnapshot(this.ledger, this.#snapshot);
    if (this.lastEventId !== lastEventId || firstEventId > 1 && this.#snapshot === undefined) {
      throw corrupt("", `it ends with event ${this.lastEventId} of ${lastEventId}`);
    }
    for (const { record: { workerId }, transcriptLength } of this.ledger.workers()) {
      const entries = this.#transcripts.get(workerId)?.entries ?? 0;
      if (entries === transcriptLength) continue;
      const id = JSON.stringify(workerId);
      throw corrupt("", `the transcript of ${id} has ${entries} of ${transcriptLength} entries`);
    }
    for (const workerId of this.#bases.keys()) {
      throw corrupt("", `the base of ${JSON.stringify(workerId)} is missing`);
    }
    this.#blobs.finish();
    await this.#writer?.finish(this.ledger);
  }

  /** Ends an incomplete blob; idempotent. */
  close(): void {
    this.#blobs.close();
  }

  /** Returns true for the transcript of a worker that exists at the end, not of an earlier one with its id. */
  #isKept({ id, workerId }: TranscriptPlace): boolean {
    const progress = this.#transcripts.get(workerId);
    return progress !== undefined && (id > progress.lastId || progress.entries > progress.before);
  }

  /** The event that created a worker whose blob arrives: the next one, if the worker does not exist yet. */
  #createdEventIdOf(workerId: string): number {
    return this.#created.get(workerId) ??
      this.ledger.worker(workerId as WorkerId)?.createdEventId ?? this.lastEventId + 1;
  }

  #advance({ id, workerId, seq, count }: TranscriptPlace): void {
    const { lastId = 0, entries = 0, before = 0 } = this.#transcripts.get(workerId) ?? {};
    if (id <= lastId || seq !== entries + 1) {
      throw corrupt("", `it adds entry ${seq} to a transcript of ${entries} entries`);
    }
    this.#transcripts.set(workerId, { lastId: id, entries: entries + count, before });
  }

  #assertPrecedesEvents(): void {
    if (this.lastEventId >= this.#header.firstEventId) throw corrupt("", "it must precede the events");
  }
}

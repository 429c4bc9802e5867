/**
 * The structure of an export stream: the order of its lines, the numbers of
 * its events, and completeness of transcripts. Keeps a few numbers per worker.
 *
 * @module
 */
import type { EventHead } from "../../core/event_types.ts";
import { isTranscriptEvent } from "../../core/events.ts";
import type { StateView } from "../../core/state.ts";
import { corrupt } from "../../fs/disk/faults.ts";
import type { ExportHeader } from "./export_format.ts";

/** The members of a transcript event that determine its position. */
export interface TranscriptPlace {
  /** The event. */
  readonly id: number;
  /** The worker of the transcript. */
  readonly workerId: string;
  /** Sequence of its first entry. */
  readonly seq: number;
  /** Number of its entries. */
  readonly count: number;
}

interface TranscriptProgress {
  lastId: number;
  entries: number;
}

/** Checks the lines of one stream, in order. All methods throw `store_corrupt`. */
export class StreamStructure {
  readonly #header: ExportHeader;
  readonly #transcripts = new Map<string, TranscriptProgress>();
  #nextId: number;
  #isPruned = false;
  #hasTranscripts = false;
  /** The event that created the last worker of the snapshot. */
  #createdEventId = 0;

  /** Starts after the header. */
  constructor(header: ExportHeader) {
    this.#header = header;
    this.#nextId = header.firstEventId;
  }

  /** The last event so far. */
  get lastEventId(): number {
    return this.#nextId - 1;
  }

  /** Checks the snapshot of a pruned log: the first line after the header, taken at the last event. */
  snapshot(through: unknown): void {
    if (this.#isPruned) throw corrupt("", "it is a second snapshot");
    this.#assertPrecedesEvents();
    if (this.#header.firstEventId === 1) throw corrupt("", "it is a snapshot, but the log was not pruned");
    if (through !== this.#header.lastEventId) {
      throw corrupt("", `it is a snapshot of event ${through}, not of event ${this.#header.lastEventId}`);
    }
    this.#isPruned = true;
  }

  /** Checks a worker of the snapshot, in order of creation. */
  snapshotWorker(workerId: unknown, createdEventId: unknown, stateCreatedEventId: unknown): void {
    if (!this.#isPruned || this.#hasTranscripts) throw corrupt("", "a worker must follow the snapshot");
    this.#assertPrecedesEvents();
    const isInOrder = typeof workerId === "string" && isCount(createdEventId) &&
      createdEventId === stateCreatedEventId && createdEventId > this.#createdEventId &&
      createdEventId <= this.#header.lastEventId && !this.#transcripts.has(workerId);
    if (!isInOrder) throw corrupt("", "it is not the next worker of the snapshot");
    this.#createdEventId = createdEventId;
    this.#transcripts.set(workerId, { lastId: createdEventId - 1, entries: 0 });
  }

  /** Checks a transcript event that precedes the first event of a pruned log. */
  transcriptEvent(place: TranscriptPlace): void {
    this.#assertPrecedesEvents();
    this.#hasTranscripts = true;
    const progress = this.#transcripts.get(place.workerId);
    if (progress === undefined) throw corrupt("", "it is of a worker that is not in the snapshot");
    if (!(place.id < this.#header.firstEventId)) {
      throw corrupt("", `event ${place.id} belongs among the events`);
    }
    advance(progress, place);
  }

  /** Checks the next event. Returns true if it adds to the transcript of a worker that exists at the end. */
  event(head: EventHead): boolean {
    if (head.id !== this.#nextId) {
      throw corrupt("", `it is event ${head.id}, and ${this.#nextId} was expected`);
    }
    if (head.id > this.#header.lastEventId) {
      throw corrupt("", `event ${this.#header.lastEventId} is the last`);
    }
    if (this.#header.firstEventId > 1 && !this.#isPruned) {
      throw corrupt(
        "",
        `events 1 to ${this.#header.firstEventId - 1} are missing, and no snapshot replaces them`,
      );
    }
    this.#nextId++;
    // The snapshot was taken at the last event: its workers are those that exist at the end.
    if (isTranscriptEvent(head)) {
      const progress = this.#transcripts.get(head.workerId);
      const isOfEarlierWorker = this.#isPruned && head.id <= (progress?.lastId ?? Infinity) &&
        progress?.entries === 0;
      if (progress === undefined || isOfEarlierWorker) return false;
      advance(progress, head);
      return true;
    }
    if (this.#isPruned) return false;
    if (head.type === "worker.created") this.#transcripts.set(head.workerId, { lastId: head.id, entries: 0 });
    if (head.type === "worker.purged") this.#transcripts.delete(head.workerId);
    return false;
  }

  /** Checks the end of the stream; `view` is the resulting state. */
  end(view: StateView): void {
    const { firstEventId, lastEventId } = this.#header;
    if (this.lastEventId !== lastEventId || firstEventId > 1 && !this.#isPruned) {
      throw corrupt("", `it ends with event ${this.lastEventId} of ${lastEventId}`);
    }
    for (const { record: { workerId }, transcriptLength } of view.workers()) {
      const entries = this.#transcripts.get(workerId)?.entries ?? 0;
      if (entries === transcriptLength) continue;
      const id = JSON.stringify(workerId);
      throw corrupt("", `the transcript of ${id} has ${entries} of ${transcriptLength} entries`);
    }
  }

  #assertPrecedesEvents(): void {
    if (this.#nextId > this.#header.firstEventId) throw corrupt("", "it must precede the events");
  }
}

function advance(progress: TranscriptProgress, { id, seq, count }: TranscriptPlace): void {
  if (!isCount(id) || !isCount(count)) throw corrupt("", "it lacks its members");
  if (id <= progress.lastId || seq !== progress.entries + 1) {
    throw corrupt("", `it adds entry ${seq} to a transcript of ${progress.entries} entries`);
  }
  progress.lastId = id;
  progress.entries += count;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1;
}

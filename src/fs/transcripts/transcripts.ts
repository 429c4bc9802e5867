/**
 * The transcripts of all workers of a store. Work on all of them is done in slices
 * that yield to the event loop.
 *
 * @module
 */
import type { EventRecord } from "../../core/event_types.ts";
import type { WorkerId } from "../../core/ids.ts";
import type { ReadTranscript } from "../../core/store.ts";
import { Slices } from "../../core/turn.ts";
import { OpenFiles } from "../disk/open_files.ts";
import type { PlacedLine } from "../lines/buffer.ts";
import { isUnproven, type TranscriptLength, withSynced } from "./state.ts";
import { TranscriptTails } from "./tails.ts";
import { Transcript, type TranscriptHost, type TranscriptPool } from "./transcript.ts";

/**
 * Each transcript is synced with one checkpoint in this many: a sync costs the
 * device a flush, however little was written, and delays the syncs of the log.
 * Lines that were not synced are verified after a crash, so the number bounds
 * that work. Larger numbers gain nothing more.
 */
export const SYNC_TURNS = 16;
/** Files synced concurrently. More would not be faster overall, and would delay the syncs of the log. */
const PARALLEL_SYNCS = 2;
/** A quarter of the strictest common limit on open files: Deno raises its own limit to the hard one. */
const OPEN_MAX = 1_024;

/** An event as far as transcripts are concerned. */
export type AppliedEvent = Omit<EventRecord, "json">;

/** The transcripts of a runtime. */
export class Transcripts {
  readonly #pool: TranscriptPool;
  readonly #known = new Map<WorkerId, Transcript>();
  #turns = 0;

  /** The transcripts below the directory of a runtime. */
  constructor(host: TranscriptHost) {
    this.#pool = {
      ...host,
      files: new OpenFiles(host.fs, "update", OPEN_MAX),
      tails: new TranscriptTails(),
      rebuilds: new Map(),
      dirty: new Set(),
      waitingBytes: 0,
      isReplaying: false,
    };
  }

  /** Bytes that wait to be written. */
  get pendingBytes(): number {
    return this.#pool.waitingBytes;
  }

  /** Adds a worker's transcript of the length that a checkpoint records. */
  restore({ workerId, ...length }: TranscriptLength & { readonly workerId: string }): void {
    const { createdEventId, transcriptBefore: before = 0 } = length;
    const owner = { runtimeId: this.#pool.runtimeId, workerId, createdEventId, before };
    const transcript = new Transcript(this.#pool, owner, this.#turns++ % SYNC_TURNS, length);
    this.#known.set(workerId as WorkerId, transcript);
  }

  /** Transcripts that may have lost lines in a power cut: all, or those of a turn. */
  unproven(turn?: number): Transcript[] {
    return this.#all(turn).filter(({ state }) => isUnproven(state));
  }

  /** Adds the transcript of a new worker, whose id may have been used before. */
  create(workerId: WorkerId, createdEventId: number, before = 0): void {
    this.forget(workerId);
    const length = { transcriptBytes: 0, transcriptLength: before, transcriptBefore: before };
    this.restore({ workerId, createdEventId, ...length });
  }

  /** Marks the beginning of the replay of the log. */
  beginReplay(): void {
    this.#pool.isReplaying = true;
  }

  /** Marks the end of the replay: from here on, files are truncated to their known ends. */
  endReplay(): void {
    this.#pool.isReplaying = false;
    for (const transcript of this.#all()) transcript.doubt();
  }

  /** Applies an event; the bytes of its line must not change until it is flushed. */
  apply({ id, workerId, creates, before, purges, count }: AppliedEvent, line: PlacedLine | undefined): void {
    if (workerId === undefined) return;
    if (creates) this.create(workerId, id, before);
    if (count !== undefined && line !== undefined) this.add(workerId, line, count);
    if (purges) this.forget(workerId);
  }

  /** Adds a line of the log; its bytes must not change until it is flushed. */
  add(workerId: WorkerId, line: PlacedLine, count: number): void {
    const transcript = this.#known.get(workerId);
    if (transcript === undefined) {
      throw new Error(`Cannot add to transcript: worker ${workerId} is not known`);
    }
    transcript.add(line, count);
  }

  /** The lengths of all transcripts once their waiting lines are written. */
  lengths(): Map<string, TranscriptLength> {
    return new Map([...this.#known].map(([workerId, transcript]) => [workerId, transcript.length]));
  }

  /** Completes these lengths for a checkpoint with the parts synced by now. */
  withSynced(lengths: ReadonlyMap<string, TranscriptLength>): Map<string, TranscriptLength> {
    return new Map(
      [...lengths].map(([workerId, length]) => {
        const transcript = this.#known.get(workerId as WorkerId);
        const isSame = transcript?.owner.createdEventId === length.createdEventId;
        return [workerId, withSynced(length, isSame ? transcript : undefined)];
      }),
    );
  }

  /** First event that a rebuild of a transcript may need; `Infinity` if all files are intact. */
  firstNeeded(): number {
    const needing = this.#all().filter(({ needsLog }) => needsLog);
    return needing.reduce((first, { owner }) => Math.min(first, owner.createdEventId), Infinity);
  }

  /** Writes all waiting lines without a pause. */
  flushNow(): void {
    for (const transcript of [...this.#pool.dirty]) transcript.flush();
  }

  /** Writes all waiting lines. */
  async flushAll(): Promise<void> {
    await inSlices(this.#pool.dirty, (transcript) => transcript.flush());
  }

  /**
   * Writes all waiting lines, rebuilds lost files and syncs the files that were
   * written: those of a turn, or all. Lines that a power cut may have taken are
   * verified first. Returns true if any file was written: its directory may be new.
   * A transcript that cannot be rebuilt prevents the pruning of the log that it
   * needs.
   */
  async syncAll(turn?: number): Promise<boolean> {
    await inSlices(this.unproven(turn), (transcript) => transcript.verify());
    for (const transcript of this.#all()) {
      if (transcript.state.kind === "lost") await transcript.rebuild();
    }
    await this.flushAll();
    const written = this.#all().filter(({ unsynced }) => unsynced !== undefined);
    const due = this.#all(turn).filter(({ unsynced }) => unsynced !== undefined);
    for (let index = 0; index < due.length; index += PARALLEL_SYNCS) {
      await Promise.all(due.slice(index, index + PARALLEL_SYNCS).map((transcript) => transcript.sync()));
    }
    return written.length > 0;
  }

  /** Verifies all files before the log segments needed to rebuild them are pruned, and marks them to be synced. */
  async verifyAll(): Promise<void> {
    await inSlices(this.#all(), (transcript) => transcript.verify());
  }

  /** Reads a page. Throws `store_corrupt` if the file is damaged and cannot be repaired from the log. */
  async read(read: ReadTranscript): Promise<string[]> {
    return await this.#known.get(read.workerId)?.read(read) ?? [];
  }

  /** Returns the event that created a worker; `undefined` if it has no transcript. */
  createdEventId(workerId: WorkerId): number | undefined {
    return this.#known.get(workerId)?.owner.createdEventId;
  }

  /** Returns true if there is a transcript of a worker. */
  has(workerId: WorkerId): boolean {
    return this.#known.has(workerId);
  }

  /** Forgets a worker; the caller removes its file. */
  forget(workerId: WorkerId): void {
    this.#known.get(workerId)?.purge();
    this.#known.delete(workerId);
  }

  /** Closes files that are only kept open for speed; `false` if there are none. */
  makeRoom(): boolean {
    return this.#pool.files.makeRoom();
  }

  /** Closes all files without writing. */
  close(): void {
    this.#pool.files.closeAll();
  }

  /** All transcripts, or those of a turn. */
  #all(turn?: number): Transcript[] {
    const all = [...this.#known.values()];
    return turn === undefined ? all : all.filter((transcript) => transcript.turn === turn);
  }
}

async function inSlices(
  transcripts: Iterable<Transcript>,
  work: (transcript: Transcript) => void,
): Promise<void> {
  const slices = new Slices();
  for (const transcript of [...transcripts]) {
    work(transcript);
    await slices.pause();
  }
}

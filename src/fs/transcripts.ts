/**
 * The transcripts of all workers: written behind the commit, flushed before
 * they are read, and healed from the log.
 *
 * For each worker the store knows how many bytes of the file are right (and
 * were synced by the checkpoint), and which lines come behind them. At the
 * first touch after opening, the file is held against that: whatever else
 * lies behind those bytes is cut, because its lines are in the log and are
 * waiting to be written again. A file that does not reach or does not match
 * is rebuilt from the log, from the event that created its worker on.
 *
 * @module
 */
import type { Notice } from "../core/diagnostics.ts";
import { RuntimeError } from "../core/errors.ts";
import type { WorkerId } from "../core/ids.ts";
import type { ReadTranscript } from "../core/store.ts";
import { corrupt, guarded, guardedAsync, isNotFound, storeFault } from "./faults.ts";
import { closeQuietly, mustBeDirectory } from "./disk.ts";
import type { FileSystem } from "./file_system.ts";
import { nameOf, type RuntimeLayout, type WorkerLayout, workerLayout } from "./layout.ts";
import { DamagedLine } from "./line_pages.ts";
import {
  lengthOf,
  pageOf,
  pendingTexts,
  type Transcript,
  type TranscriptLength,
} from "./known_transcript.ts";
import { OpenFiles } from "./open_files.ts";
import { appendLines, checkTranscript, transcriptHeader, type TranscriptOwner } from "./transcript_file.ts";
import { readTranscriptLines } from "./transcript_pages.ts";
import type { RebuiltTranscript } from "./transcript_rebuild.ts";
import { TranscriptTails } from "./transcript_tails.ts";
import { type PlacedLine, WaitingLines } from "./waiting_lines.ts";

/** A quarter of what the strictest of the usual limits lets a process have open: Deno raises its own to the hard one. */
const OPEN_MAX = 1_024;
/** What one transcript may keep in memory while its disk is full. */
const WAITING_BYTES_MAX = 16_777_216;

/** What transcripts ask of the store. */
export interface TranscriptHost {
  /** Takes what is noticed. */
  notice(notice: Notice): void;
  /** Keeps a damaged file. */
  quarantine(path: string): Promise<void>;
  /** Throws `store_corrupt` when the log does not reach back to the worker's creation. */
  mustReachBack?(owner: TranscriptOwner, path: string): void;
  /** Writes the transcript of a worker anew, atomically: from the log, behind what was synced where that was pruned. */
  rebuild(
    owner: TranscriptOwner,
    path: string,
    synced: RebuiltTranscript | undefined,
  ): Promise<RebuiltTranscript>;
}

/** The transcripts of a runtime. */
export class Transcripts {
  readonly #fs: FileSystem;
  readonly #layout: RuntimeLayout;
  readonly #runtimeId: string;
  readonly #host: TranscriptHost;
  readonly #files: OpenFiles;
  readonly #tails = new TranscriptTails();
  readonly #known = new Map<WorkerId, Transcript>();
  readonly #dirty = new Set<WorkerId>();
  #pendingBytes = 0;
  /** While the log is read, what lies behind in a file stays: it may be a witness of more events. */
  #isReplaying = false;

  /** Transcripts below the directory of a runtime. */
  constructor(fs: FileSystem, layout: RuntimeLayout, runtimeId: string, host: TranscriptHost) {
    this.#fs = fs;
    this.#layout = layout;
    this.#runtimeId = runtimeId;
    this.#host = host;
    this.#files = new OpenFiles(fs, "update", OPEN_MAX);
  }

  /** Bytes that wait to be written. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Puts in what a checkpoint says of a transcript; `bytes` is `undefined` when it must be rebuilt. */
  restore(workerId: WorkerId, createdEventId: number, bytes: number | undefined, entries: number): void {
    this.#known.set(workerId, this.#transcript(workerId, createdEventId, bytes, entries));
  }

  /** A worker came to be, perhaps under an id that was used before. */
  create(workerId: WorkerId, createdEventId: number): void {
    const transcript = this.#transcript(workerId, createdEventId, 0, 0);
    // A rebuilding for the worker that had the id before would write over ours: it has to end first.
    const before = this.#known.get(workerId)?.rebuilding;
    transcript.rebuilding = before?.catch(() => {}).finally(() => {
      transcript.rebuilding = undefined;
    });
    this.forget(workerId);
    this.#known.set(workerId, transcript);
  }

  /** The log is about to be read. */
  beginReplay(): void {
    this.#isReplaying = true;
  }

  /** The log was read to its end: from here on, files are made to end where they should. */
  endReplay(): void {
    this.#isReplaying = false;
    for (const transcript of this.#known.values()) transcript.checked = false;
  }

  /** Adds a line of the log; the bytes must stay as they are until they are flushed. */
  add(workerId: WorkerId, line: PlacedLine, count: number): void {
    const transcript = this.#known.get(workerId);
    if (transcript === undefined) {
      throw new Error(`Cannot add to transcript: worker ${workerId} is not known`);
    }
    transcript.waiting.add(line, count);
    this.#pendingBytes += line.end - line.start;
    this.#dirty.add(workerId);
  }

  /** The lengths of all transcripts with all that waits: what a checkpoint of this moment says of them. */
  lengths(): Map<string, TranscriptLength> {
    return new Map([...this.#known].map(([workerId, transcript]) => [workerId, lengthOf(transcript)]));
  }

  /** The workers whose lines wait. */
  dirty(): WorkerId[] {
    return [...this.#dirty];
  }

  /**
   * Writes what waits for one worker. When that fails it goes on waiting, and
   * is read from memory, up to a bound; if the file is damaged, or past the
   * bound, it is dropped, to be rebuilt from the log.
   */
  flush(workerId: WorkerId): void {
    const transcript = this.#known.get(workerId);
    if (transcript === undefined || transcript.waiting.length === 0 || transcript.rebuilding !== undefined) {
      return;
    }
    const path = this.#paths(workerId).transcript;
    try {
      if (transcript.bytes === undefined) return this.#dropPending(transcript);
      this.#check(transcript, path);
      transcript.unsynced = true;
      transcript.bytes = appendLines(this.#files.get(path), transcript.waiting, transcript.bytes);
      this.#dropPending(transcript);
      transcript.fault = undefined;
    } catch (error) {
      const fault = storeFault(error, "write", path);
      if (isDamage(error, fault) || transcript.waiting.bytes >= WAITING_BYTES_MAX) {
        this.#damaged(transcript, path, error);
      } else this.#wait(transcript, path, fault);
    }
  }

  /**
   * Why a checkpoint may not say these lengths: lines that they count still
   * wait to be written; or a transcript was rebuilt only after they were taken,
   * and the log from `firstEventId` on would not do to rebuild it again.
   */
  faultBehind(
    lengths: ReadonlyMap<string, TranscriptLength>,
    firstEventId: number,
  ): RuntimeError | undefined {
    for (const [workerId, { createdEventId, transcriptBytes }] of lengths) {
      const transcript = this.#known.get(workerId as WorkerId);
      if (transcript?.owner.createdEventId !== createdEventId || transcript.bytes === undefined) continue;
      if (transcript.bytes < (transcriptBytes ?? 0)) return transcript.fault;
      if (transcriptBytes === undefined && createdEventId < firstEventId) {
        return this.#rebuiltMeanwhile(workerId);
      }
    }
    return undefined;
  }

  #rebuiltMeanwhile(workerId: string): RuntimeError {
    const path = this.#paths(workerId).transcript;
    const message = `Cannot count ${
      JSON.stringify(path)
    }: it was rebuilt meanwhile; the next checkpoint counts it`;
    return new RuntimeError("store_io", message, { operation: "count", path, systemCode: "" });
  }

  /** Workers whose files have bytes that were not synced. */
  unsynced(): WorkerId[] {
    return [...this.#known].filter(([, { unsynced }]) => unsynced).map(([workerId]) => workerId);
  }

  /** Workers of whose files this opening has not made certain that they last. */
  uncertain(): WorkerId[] {
    return [...this.#known].filter(([, { unnamed, bytes }]) => unnamed && bytes !== undefined && bytes > 0)
      .map(([workerId]) => workerId);
  }

  /** Looks at a file before what it could be rebuilt from is given up; what is right is to be synced. */
  look(workerId: WorkerId): void {
    const transcript = this.#known.get(workerId);
    if (transcript === undefined || transcript.rebuilding !== undefined || !transcript.bytes) return;
    const path = this.#path(transcript);
    try {
      this.#check(transcript, path);
      transcript.unsynced = true;
    } catch (error) {
      const fault = storeFault(error, "read", path);
      if (!isDamage(error, fault)) throw fault;
      this.#damaged(transcript, path, error);
    }
  }

  /** Syncs a transcript, and its name unless this opening has. A failed sync is not repeated: the file is rebuilt. */
  async sync(workerId: WorkerId): Promise<void> {
    const transcript = this.#known.get(workerId);
    if (transcript === undefined || !transcript.unsynced) return;
    const { transcript: path, directory } = this.#paths(workerId);
    const file = guarded("open", path, () => this.#fs.open(path, "update"));
    transcript.unsynced = false;
    const { bytes, entries } = transcript;
    try {
      await file.syncData();
      if (transcript.unnamed) await this.#fs.syncDirectory(directory);
      transcript.unnamed = false;
      if (bytes !== undefined) transcript.synced = { bytes, entries };
    } catch (error) {
      // Purged meanwhile: there is nothing to sync any more.
      if (this.#known.get(workerId) !== transcript) return;
      this.#damaged(transcript, path, error);
      throw storeFault(error, "sync", path);
    } finally {
      closeQuietly(file);
    }
  }

  /** A page. Throws `store_corrupt` when the transcript is damaged and the log cannot heal it. */
  async read(read: ReadTranscript): Promise<string[]> {
    const transcript = this.#known.get(read.workerId);
    if (transcript === undefined) return [];
    const { from, to, isNewest } = pageOf(transcript, read);
    const tail = isNewest ? this.#tails.get(transcript, from, to - 1) : undefined;
    if (tail !== undefined) return tail;
    try {
      return await this.#healed(transcript, read);
    } catch (error) {
      if (this.#known.get(read.workerId) === transcript) throw error;
      // Purged meanwhile: what was found then is nobody's damage.
      const { workerId } = read;
      const message = `Cannot read transcript of ${JSON.stringify(workerId)}: the worker was purged`;
      throw new RuntimeError("worker_not_found", message, { workerId });
    }
  }

  async #healed(transcript: Transcript, read: ReadTranscript): Promise<string[]> {
    await this.settled(read.workerId);
    this.flush(read.workerId);
    const path = this.#path(transcript);
    try {
      return this.#page(transcript, path, read);
    } catch (error) {
      if (!(error instanceof DamagedLine) && !isNotFound(error)) throw storeFault(error, "read", path);
      // What cannot be rebuilt is left as it is: its other pages can be read still.
      if (transcript.bytes !== undefined) this.#host.mustReachBack?.(transcript.owner, path);
      // Another reader may have found it first: then its rebuilding is ours too.
      if (transcript.rebuilding === undefined) this.#damaged(transcript, path, error);
      await guardedAsync("rebuild", path, () => this.#rebuild(transcript, path));
      return guarded("read", path, () => this.#page(transcript, path, read));
    }
  }

  /** Workers whose transcripts must be rebuilt from the log, by the event that created them. */
  toRebuild(): Map<WorkerId, number> {
    const wanted = new Map<WorkerId, number>();
    for (const [workerId, { bytes, owner }] of this.#known) {
      if (bytes === undefined) wanted.set(workerId, owner.createdEventId);
    }
    return wanted;
  }

  /** Rebuilds a transcript that must be. Throws when the log cannot give it. */
  async rebuild(workerId: WorkerId): Promise<void> {
    const transcript = this.#known.get(workerId);
    if (transcript === undefined || transcript.bytes !== undefined) return;
    const path = this.#paths(workerId).transcript;
    await guardedAsync("rebuild", path, () => this.#rebuild(transcript, path));
  }

  /** Waits for a rebuilding under way. */
  async settled(workerId: WorkerId): Promise<void> {
    await this.#known.get(workerId)?.rebuilding;
  }

  /** Whether a worker is known. */
  has(workerId: WorkerId): boolean {
    return this.#known.has(workerId);
  }

  /** Forgets a worker; its file is the caller's to remove. */
  forget(workerId: WorkerId): void {
    const transcript = this.#known.get(workerId);
    if (transcript === undefined) return;
    this.#dropPending(transcript);
    this.#tails.delete(transcript);
    this.#known.delete(workerId);
    this.#files.close(this.#paths(workerId).transcript);
  }

  /** Closes files that are open for nothing but speed; `false` when there are none. */
  makeRoom(): boolean {
    return this.#files.makeRoom();
  }

  /** Closes all files, without writing. */
  close(): void {
    this.#files.closeAll();
  }

  #transcript(
    workerId: WorkerId,
    createdEventId: number,
    bytes: number | undefined,
    entries: number,
  ): Transcript {
    return {
      owner: { runtimeId: this.#runtimeId, workerId, createdEventId },
      bytes,
      entries,
      waiting: new WaitingLines(),
      checked: false,
      unsynced: false,
      unnamed: true,
      synced: bytes === undefined ? undefined : { bytes, entries },
      fault: undefined,
      rebuilding: undefined,
      path: undefined,
    };
  }

  #path(transcript: Transcript): string {
    return transcript.path ??= this.#paths(transcript.owner.workerId).transcript;
  }

  #paths(workerId: string): WorkerLayout {
    return workerLayout(this.#layout, workerId);
  }

  /** At the first touch: makes the file what it should be, or throws. */
  #check(transcript: Transcript, path: string): void {
    if (transcript.checked) return;
    if (transcript.bytes === 0) this.#begin(transcript, path);
    else this.#cut(transcript, path, transcript.bytes ?? 0);
    transcript.checked = true;
  }

  /** A transcript that has nothing durable yet: whatever lies there is an unfinished beginning, or a purged worker's. */
  #begin(transcript: Transcript, path: string): void {
    const { directory } = this.#paths(transcript.owner.workerId);
    this.#files.close(path);
    if (!this.#fs.makeDirectory(directory)) {
      mustBeDirectory(this.#fs, directory, nameOf(this.#layout, directory));
      if (this.#isReplaying && this.#takesUp(transcript, path)) return;
      this.#fs.remove(path);
    }
    const file = this.#fs.open(path, "create");
    try {
      transcript.bytes = appendLines(file, [transcriptHeader(transcript.owner)], 0);
      transcript.unsynced = transcript.unnamed = true;
    } finally {
      closeQuietly(file);
    }
  }

  #cut(transcript: Transcript, path: string, bytes: number): void {
    const { directory } = this.#paths(transcript.owner.workerId);
    mustBeDirectory(this.#fs, directory, nameOf(this.#layout, directory));
    if (this.#fs.stat(path)?.kind === "link") {
      throw corrupt(nameOf(this.#layout, path), "it is a link, not a file");
    }
    const file = this.#files.get(path);
    const { size } = file.stat();
    if (size < bytes) throw new DamagedLine(size);
    checkTranscript(file, transcript.owner, bytes, transcript.entries);
    if (size > bytes && !this.#isReplaying) {
      file.truncate(bytes);
      transcript.unsynced = true;
    }
  }

  /** Goes on behind the header of a file that is the owner's already. */
  #takesUp(transcript: Transcript, path: string): boolean {
    const { length } = transcriptHeader(transcript.owner);
    try {
      this.#cut(transcript, path, length);
    } catch (error) {
      if (error instanceof DamagedLine || isNotFound(error)) return false;
      throw error;
    }
    transcript.bytes = length;
    transcript.unsynced = true;
    return true;
  }

  #page(transcript: Transcript, path: string, read: ReadTranscript): string[] {
    const { from, to, isNewest } = pageOf(transcript, read);
    if (from >= to) return [];
    if (transcript.bytes === undefined) throw new DamagedLine(0);
    const waiting = pendingTexts(transcript, from, to);
    if (from > transcript.entries) return waiting;
    this.#check(transcript, path);
    const range = { from, to, keep: read.after === undefined ? "last" : "first" } as const;
    const file = this.#files.get(path);
    const { bytes, entries, owner } = transcript;
    const texts = [...readTranscriptLines(file, owner, bytes, entries, range), ...waiting];
    if (isNewest) this.#tails.put(transcript, from, to - 1, texts);
    return texts;
  }

  /** Leaves lines waiting until they can be written; the file ends where it was right, or is cut before that. */
  #wait(transcript: Transcript, path: string, fault: RuntimeError): void {
    const { bytes, owner: { workerId } } = transcript;
    transcript.fault = fault;
    try {
      if (transcript.checked && bytes !== undefined) this.#files.get(path).truncate(bytes);
    } catch {
      transcript.checked = false;
      this.#files.close(path);
    }
    const file = nameOf(this.#layout, path);
    this.#host.notice({
      code: "projection_failed",
      severity: "warning",
      message: fault.message,
      workerId,
      file,
    });
  }

  /** Forgets waiting lines: they are in the file, or it is to be rebuilt. Their entries count all the same. */
  #dropPending(transcript: Transcript): void {
    transcript.entries += transcript.waiting.entries;
    this.#pendingBytes -= transcript.waiting.bytes;
    transcript.waiting = new WaitingLines();
    this.#dirty.delete(transcript.owner.workerId as WorkerId);
  }

  #damaged(transcript: Transcript, path: string, error: unknown): void {
    this.#tails.delete(transcript);
    transcript.bytes = undefined;
    transcript.checked = false;
    transcript.unsynced = false;
    this.#dropPending(transcript);
    this.#files.close(path);
    const byteOffset = error instanceof DamagedLine ? { byteOffset: error.byteOffset } : {};
    const why = error instanceof DamagedLine
      ? "it is damaged"
      : error instanceof Error
      ? error.message
      : String(error);
    this.#host.notice({
      code: "transcript_rebuilt",
      severity: "warning",
      message: `Transcript of ${JSON.stringify(transcript.owner.workerId)} is rebuilt from the log: ${why}`,
      workerId: transcript.owner.workerId,
      file: nameOf(this.#layout, path),
      ...byteOffset,
    });
  }

  /** One rebuilding at a time; lines that come meanwhile are behind what it reads, or in it and dropped. */
  #rebuild(transcript: Transcript, path: string): Promise<void> {
    return transcript.rebuilding ??= this.#rebuildNow(transcript, path).finally(() => {
      transcript.rebuilding = undefined;
    });
  }

  async #rebuildNow(transcript: Transcript, path: string): Promise<void> {
    const { directory } = this.#paths(transcript.owner.workerId);
    if (!this.#fs.makeDirectory(directory)) {
      mustBeDirectory(this.#fs, directory, nameOf(this.#layout, directory));
    }
    await this.#host.quarantine(path);
    this.#dropPending(transcript);
    const rebuilt = await this.#host.rebuild(transcript.owner, path, transcript.synced);
    // The directory may be new as well.
    await this.#fs.syncDirectory(this.#layout.workers);
    transcript.synced = rebuilt;
    transcript.bytes = rebuilt.bytes;
    transcript.entries = rebuilt.entries;
    transcript.checked = true;
    transcript.unnamed = false;
  }
}

/** Whether an error says that the file is not what it should be. */
function isDamage(error: unknown, { code }: RuntimeError): boolean {
  return error instanceof DamagedLine || isNotFound(error) || code === "store_corrupt";
}

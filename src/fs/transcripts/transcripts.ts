/**
 * The transcripts of all workers: written behind the commit, flushed before
 * they are read, and healed from the log.
 *
 * For each worker the store knows how many bytes of the file are right, how
 * many of them were synced, and which lines come behind them. At the first
 * touch after opening, the file is held against that: whatever else lies
 * behind those bytes is cut, because its lines are in the log and are waiting
 * to be written again. Lines that were not synced may be missing after a
 * power cut, so each of them is looked at. A file that does not reach or does
 * not match is rebuilt from the log, from the event that created its worker
 * on.
 *
 * @module
 */
import type { Notice } from "../../core/diagnostics.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { WorkerId } from "../../core/ids.ts";
import type { ReadTranscript } from "../../core/store.ts";
import { guarded, guardedAsync, isNotFound, storeFault } from "../disk/faults.ts";
import { closeQuietly } from "../disk/files.ts";
import type { FileSystem, OpenFile } from "../disk/file_system.ts";
import { nameOf, type RuntimeLayout } from "../layout.ts";
import { DamagedLine } from "../lines/pages.ts";
import {
  lengthOf,
  pageOf,
  pendingTexts,
  SYNC_TURNS,
  type Transcript,
  type TranscriptLength,
  withSynced,
} from "./transcript.ts";
import type { CheckpointRow } from "../checkpoint/checkpoint.ts";
import { appendLines, type TranscriptOwner } from "./file.ts";
import { readTranscriptLines } from "./pages.ts";
import type { TranscriptExtent } from "./extent.ts";
import { markOf } from "../log/segment_ends.ts";
import { checkEnd, TranscriptFiles } from "./files.ts";
import type { LostTranscript } from "./rebuild.ts";
import { TranscriptTails } from "./tails.ts";
import { type PlacedLine, WaitingLines } from "../lines/waiting_lines.ts";
import { clearWorkerDirectory, makeWorkerDirectory } from "../workers/directory.ts";

/** What one transcript may keep in memory while its disk is full. */
const WAITING_BYTES_MAX = 16_777_216;

/** What transcripts ask of the store. */
export interface TranscriptHost {
  /** Takes what is noticed. */
  notice(notice: Notice): void;
  /** Keeps a damaged file. */
  quarantine(path: string): Promise<void>;
  /** Throws `store_corrupt` when the log does not reach back to the worker's creation. */
  assertRebuildable?(owner: TranscriptOwner, path: string): void;
  /** Writes the transcript of a worker anew, atomically: from the log, behind what is whole where that was pruned. */
  rebuild(owner: TranscriptOwner, path: string, lost: LostTranscript): Promise<TranscriptExtent>;
}

/** The transcripts of a runtime. */
export class Transcripts {
  readonly #fs: FileSystem;
  readonly #layout: RuntimeLayout;
  readonly #runtimeId: string;
  readonly #host: TranscriptHost;
  readonly #files: TranscriptFiles;
  readonly #tails = new TranscriptTails();
  readonly #known = new Map<WorkerId, Transcript>();
  readonly #dirty = new Set<WorkerId>();
  #pendingBytes = 0;
  #turns = 0;

  /** Transcripts below the directory of a runtime. */
  constructor(fs: FileSystem, layout: RuntimeLayout, runtimeId: string, host: TranscriptHost) {
    this.#fs = fs;
    this.#layout = layout;
    this.#runtimeId = runtimeId;
    this.#host = host;
    this.#files = new TranscriptFiles(fs, layout);
  }

  /** Bytes that wait to be written. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Puts in what a checkpoint says of a transcript. */
  restore({ workerId, ...row }: Omit<CheckpointRow, "snapshot">): void {
    const { createdEventId, transcriptBytes, transcriptLength, transcriptSynced } = row;
    const transcript = this.#transcript(workerId, createdEventId, transcriptBytes, transcriptLength);
    if (transcriptSynced !== undefined) {
      transcript.synced = transcriptSynced;
      transcript.proven = false;
      transcript.unsynced = true;
    }
    this.#known.set(workerId as WorkerId, transcript);
  }

  /** Goes back to a part that was found to be whole; the lines behind it are to be added again. */
  resetTo(workerId: WorkerId, { bytes, entries }: TranscriptExtent): void {
    const transcript = this.#known.get(workerId);
    if (transcript !== undefined) {
      Object.assign(transcript, { bytes, entries, mark: undefined, proven: true });
    }
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
    this.#files.isReplaying = true;
  }

  /** The log was read to its end: from here on, files are made to end where they should. */
  endReplay(): void {
    this.#files.isReplaying = false;
    for (const transcript of this.#known.values()) transcript.checked = false;
  }

  /** Adds a line of the log; the bytes must stay as they are until they are flushed. */
  add(workerId: WorkerId, line: PlacedLine, count: number): void {
    const transcript = this.#known.get(workerId);
    if (transcript === undefined) {
      throw new Error(`Cannot add to transcript: worker ${workerId} is not known`);
    }
    if (transcript.waiting.length === 0) this.#dirty.add(workerId);
    transcript.waiting.add(line, count);
    this.#pendingBytes += line.end - line.start;
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
    const path = this.#files.path(transcript);
    try {
      if (transcript.bytes === undefined) return this.#dropPending(transcript);
      this.#files.check(transcript);
      transcript.unsynced = true;
      transcript.bytes = appendLines(this.#files.get(transcript), transcript.waiting, transcript.bytes);
      if (transcript.waiting.last !== undefined) transcript.mark = markOf(transcript.waiting.last);
      this.#dropPending(transcript);
      transcript.fault = undefined;
    } catch (error) {
      const fault = storeFault(error, "write", path);
      if (isDamage(error, fault) || transcript.waiting.bytes >= WAITING_BYTES_MAX) {
        this.#damaged(transcript, path, error);
      } else this.#wait(transcript, path, fault);
    }
  }

  /** What a checkpoint says of these lengths, by what is synced by now. */
  withSynced(lengths: ReadonlyMap<string, TranscriptLength>): Map<string, TranscriptLength> {
    return new Map(
      [...lengths].map(([workerId, length]) => [
        workerId,
        withSynced(length, this.#known.get(workerId as WorkerId)),
      ]),
    );
  }

  /** Workers whose files have bytes that were not synced, and are right: all of them, or those whose turn it is. */
  unsynced(turn?: number): WorkerId[] {
    return this.#those((transcript) => transcript.unsynced && transcript.proven && isTurn(transcript, turn));
  }

  /** Workers whose files have lines that were not looked at since a power cut may have taken them. */
  unproven(turn?: number): WorkerId[] {
    return this.#those((transcript) => !transcript.proven && isTurn(transcript, turn));
  }

  /** Workers whose files have contents. */
  written(): WorkerId[] {
    return this.#those(({ bytes }) => bytes !== undefined && bytes > 0);
  }

  #those(isOne: (transcript: Transcript) => boolean): WorkerId[] {
    return [...this.#known].filter(([, transcript]) => isOne(transcript)).map(([workerId]) => workerId);
  }

  /**
   * Verifies the file that the path names now, which may not be the open one, before the log segments that could
   * rebuild it are pruned. Marks it to be synced.
   */
  look(workerId: WorkerId): void {
    const transcript = this.#known.get(workerId);
    if (transcript === undefined || transcript.rebuilding !== undefined || !transcript.bytes) return;
    const path = this.#files.path(transcript);
    try {
      this.#files.reopen(transcript);
      transcript.unsynced = true;
      if (transcript.waiting.length === 0) transcript.fault = undefined;
    } catch (error) {
      const fault = storeFault(error, "read", path);
      if (isDamage(error, fault)) this.#damaged(transcript, path, error);
      else this.#failed(transcript, path, fault);
    }
  }

  /** Syncs what the path of a transcript names, and the name unless this opening has. A failed sync is not repeated: the file is rebuilt. */
  async sync(workerId: WorkerId): Promise<void> {
    const transcript = this.#known.get(workerId);
    if (transcript === undefined || !transcript.unsynced) return;
    const { transcript: path, directory } = this.#files.paths(workerId);
    const file = this.#openToSync(transcript, path);
    if (file === undefined) return;
    transcript.unsynced = false;
    const { bytes, entries } = transcript;
    try {
      if (bytes !== undefined) checkEnd(file, transcript, bytes);
      await file.syncData();
      if (transcript.nameUnsynced) await this.#fs.syncDirectory(directory);
      transcript.nameUnsynced = false;
      if (bytes !== undefined) transcript.synced = { bytes, entries };
      if (transcript.waiting.length === 0) transcript.fault = undefined;
    } catch (error) {
      // Purged meanwhile: there is nothing to sync any more.
      if (this.#known.get(workerId) !== transcript) return;
      this.#damaged(transcript, path, error);
    } finally {
      closeQuietly(file);
    }
  }

  #openToSync(transcript: Transcript, path: string): OpenFile | undefined {
    try {
      return this.#fs.open(path, "update");
    } catch (error) {
      this.#failed(transcript, path, storeFault(error, "sync", path));
      return undefined;
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
    const path = this.#files.path(transcript);
    try {
      return this.#page(transcript, read);
    } catch (error) {
      const fault = storeFault(error, "read", path);
      if (!isDamage(error, fault)) throw fault;
      // What cannot be rebuilt is left as it is: its other pages can be read still.
      if (transcript.bytes !== undefined && !wasUnsynced(transcript, error)) {
        this.#host.assertRebuildable?.(transcript.owner, path);
      }
      // Somebody else may have found it first: then its rebuilding is ours too.
      if (transcript.bytes !== undefined) this.#damaged(transcript, path, error);
      await guardedAsync("rebuild", path, () => this.#rebuild(transcript, path));
      return guarded("read", path, () => this.#page(transcript, read));
    }
  }

  /** Workers whose transcripts must be rebuilt from the log. */
  toRebuild(): WorkerId[] {
    return this.#those(({ bytes }) => bytes === undefined);
  }

  /** First event that a rebuild of a transcript may need; `Infinity` if all files are intact. */
  firstNeeded(): number {
    let first = Infinity;
    for (const { bytes, fault, owner } of this.#known.values()) {
      if (bytes === undefined || fault !== undefined) first = Math.min(first, owner.createdEventId);
    }
    return first;
  }

  /** Rebuilds a transcript if necessary. A failure is reported now or by the next read. */
  async rebuild(workerId: WorkerId): Promise<void> {
    const transcript = this.#known.get(workerId);
    if (transcript === undefined || transcript.bytes !== undefined) return;
    const path = this.#files.path(transcript);
    try {
      await this.#rebuild(transcript, path);
    } catch (error) {
      const fault = storeFault(error, "rebuild", path);
      const isReported = fault.code === "store_corrupt" || this.#known.get(workerId) !== transcript;
      if (!isReported) this.#failed(transcript, path, fault);
    }
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
    this.#files.close(transcript);
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
    workerId: string,
    createdEventId: number,
    bytes: number | undefined,
    entries: number,
  ): Transcript {
    return {
      owner: { runtimeId: this.#runtimeId, workerId, createdEventId },
      bytes,
      entries,
      mark: undefined,
      waiting: new WaitingLines(),
      checked: false,
      unsynced: false,
      nameUnsynced: true,
      synced: bytes === undefined ? undefined : { bytes, entries },
      proven: true,
      turn: this.#turns++ % SYNC_TURNS,
      fault: undefined,
      rebuilding: undefined,
      path: undefined,
    };
  }

  #page(transcript: Transcript, read: ReadTranscript): string[] {
    const { from, to, isNewest } = pageOf(transcript, read);
    if (from >= to) return [];
    if (transcript.bytes === undefined) throw new DamagedLine(0);
    const waiting = pendingTexts(transcript, from, to);
    if (from > transcript.entries) return waiting;
    this.#files.check(transcript);
    const range = { from, to, keep: read.keep };
    const file = this.#files.get(transcript);
    const { bytes, entries, owner } = transcript;
    const texts = [...readTranscriptLines(file, owner, bytes, entries, range), ...waiting];
    if (isNewest) this.#tails.put(transcript, from, to - 1, texts);
    return texts;
  }

  /** Leaves lines waiting until they can be written; the file ends where it was right, or is cut before that. */
  #wait(transcript: Transcript, path: string, fault: RuntimeError): void {
    const { bytes } = transcript;
    try {
      if (transcript.checked && bytes !== undefined) this.#files.get(transcript).truncate(bytes);
    } catch {
      transcript.checked = false;
      this.#files.close(transcript);
    }
    this.#failed(transcript, path, fault);
  }

  /** Records and reports the fault of one worker's file, which must not affect the others. */
  #failed(transcript: Transcript, path: string, fault: RuntimeError): void {
    const { owner: { workerId } } = transcript;
    const file = nameOf(this.#layout, path);
    transcript.fault = fault;
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
    const isLoss = wasUnsynced(transcript, error);
    this.#tails.delete(transcript);
    transcript.bytes = undefined;
    transcript.checked = false;
    transcript.unsynced = false;
    this.#dropPending(transcript);
    this.#files.close(transcript);
    const byteOffset = error instanceof DamagedLine ? { byteOffset: error.byteOffset } : {};
    const why = isLoss
      ? "a power cut took what was not synced yet"
      : error instanceof DamagedLine
      ? "it is damaged"
      : error instanceof Error
      ? error.message
      : String(error);
    this.#host.notice({
      code: isLoss ? "transcript_completed" : "transcript_rebuilt",
      severity: isLoss ? "info" : "warning",
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
    await clearWorkerDirectory(this.#fs, this.#layout, transcript.owner.workerId);
    makeWorkerDirectory(this.#fs, this.#layout, transcript.owner.workerId);
    await this.#host.quarantine(path);
    this.#dropPending(transcript);
    const { synced, entries } = transcript;
    const rebuilt = await this.#host.rebuild(transcript.owner, path, { synced, entries });
    // The directory may be new as well.
    await this.#fs.syncDirectory(this.#layout.workers);
    transcript.synced = rebuilt;
    transcript.bytes = rebuilt.bytes;
    transcript.entries = rebuilt.entries;
    transcript.mark = undefined;
    transcript.checked = true;
    transcript.proven = true;
    transcript.nameUnsynced = false;
    transcript.fault = undefined;
  }
}

function isTurn({ turn }: Transcript, wanted: number | undefined): boolean {
  return wanted === undefined || turn === wanted;
}

/** Whether what is missing was never said to be synced: then it is no damage, and the log has it. */
function wasUnsynced({ proven, synced }: Transcript, error: unknown): boolean {
  if (proven || synced === undefined) return false;
  return error instanceof DamagedLine
    ? error.byteOffset >= synced.bytes
    : synced.bytes === 0 && isNotFound(error);
}

/** Whether an error says that the file is not what it should be. */
function isDamage(error: unknown, { code }: RuntimeError): boolean {
  return error instanceof DamagedLine || isNotFound(error) || code === "store_corrupt";
}

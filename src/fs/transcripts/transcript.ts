/**
 * One transcript of an open store: its file, and the lines that wait in memory
 * to be appended. The file is written after the commit, flushed before it is
 * read, and repaired from the log; see `state.ts` for its states.
 *
 * @module
 */
import { RuntimeError } from "../../core/errors.ts";
import type { ReadTranscript } from "../../core/store.ts";
import { guarded, guardedAsync, isNotFound, storeFault } from "../disk/faults.ts";
import { closeQuietly, isPresent } from "../disk/files.ts";
import type { OpenFile } from "../disk/file_system.ts";
import type { OpenFiles } from "../disk/open_files.ts";
import { nameOf, type WatchedPlace, workerLayout } from "../layout.ts";
import { eventText, transcriptMarks } from "../lines/codec.ts";
import { DamagedLine, type LineRange } from "../lines/pages.ts";
import { type PlacedLine, WaitingLines } from "../lines/buffer.ts";
import type { DurableLog } from "../log/pages.ts";
import { endOf, markOf } from "../log/segment_ends.ts";
import { makeWorkerDirectory, prepareWorkerDirectory } from "../workers/directories.ts";
import {
  appendLines,
  readTranscriptLines,
  transcriptHeader,
  transcriptHeaderBytes,
  type TranscriptOwner,
} from "./file.ts";
import {
  assertRebuildable,
  isDamage,
  isPowerLoss,
  partLeft,
  rebuildNotice,
  rebuildTranscript,
  verifyTranscript,
} from "./healing.ts";
import {
  appended,
  doubted,
  isUnproven,
  lost,
  restored,
  shortened,
  type TranscriptExtent,
  type TranscriptLength,
  type TranscriptState,
  type WholeExtent,
  type Written,
} from "./state.ts";
import type { TranscriptTails } from "./tails.ts";

/** Bytes that may wait while the disk is full; beyond that they are dropped, to be rebuilt from the log. */
const WAITING_BYTES_MAX = 16_777_216;

/** Services of the store that transcripts use. */
export interface TranscriptHost extends WatchedPlace {
  /** Keeps a damaged file. */
  quarantine(path: string): Promise<void>;
  /** The log that transcripts are rebuilt from. */
  log(): DurableLog;
}

/** Resources shared by all transcripts of a store. */
export interface TranscriptPool extends TranscriptHost {
  readonly files: OpenFiles;
  readonly tails: TranscriptTails;
  /** Rebuilds under way, by worker id: one may outlast its worker, and then writes to the file of the next. */
  readonly rebuilds: Map<string, Promise<void>>;
  /** Transcripts with waiting lines. */
  readonly dirty: Set<Transcript>;
  /** Bytes of all waiting lines. */
  waitingBytes: number;
  /** While the log is read, bytes after the known end of a file stay: they may prove that the log lost its end. */
  isReplaying: boolean;
}

/** A transcript. */
export class Transcript {
  readonly #pool: TranscriptPool;
  #state: TranscriptState;
  #waiting = new WaitingLines();
  /** The part that was intact at the last sync; `undefined` if unknown. */
  #synced: TranscriptExtent | undefined;
  /** The file must be synced. */
  #unsynced: boolean;
  /** This process has not synced the file's name. The process that created it may have been killed before doing so. */
  #nameUnsynced = true;
  /** The last attempt to read, write or sync the file failed. */
  #isFailing = false;
  #path: string | undefined;

  /** A transcript of this length, according to a checkpoint; those of its turn sync the file. */
  constructor(
    pool: TranscriptPool,
    readonly owner: TranscriptOwner,
    readonly turn: number,
    length: TranscriptLength,
  ) {
    const { transcriptBytes: bytes, transcriptLength: entries, transcriptSynced } = length;
    this.#pool = pool;
    this.#state = restored(length);
    this.#synced = transcriptSynced ?? (bytes === undefined ? undefined : { bytes, entries });
    this.#unsynced = transcriptSynced !== undefined;
  }

  /** The state of the file. */
  get state(): TranscriptState {
    return this.#state;
  }

  /** The part that was intact at the last sync; `undefined` if unknown. */
  get synced(): TranscriptExtent | undefined {
    return this.#synced;
  }

  /** The state of a file that was written since the last sync, and is not known to lack anything. */
  get unsynced(): Written | undefined {
    const state = this.#state;
    const isKnown = state.kind === "ready" || state.kind === "unverified" && !isUnproven(state);
    return this.#unsynced && isKnown ? state : undefined;
  }

  /** The log must be kept, because the file does not hold all entries. */
  get needsLog(): boolean {
    return this.#isFailing || this.#state.kind === "lost";
  }

  /** The length once all waiting lines are written. */
  get length(): TranscriptLength {
    const { owner } = this;
    const [state, waiting] = [this.#state, this.#waiting];
    const header = state.kind === "unwritten" && waiting.length > 0 ? transcriptHeaderBytes(owner) : 0;
    return {
      createdEventId: owner.createdEventId,
      transcriptBytes: "bytes" in state ? state.bytes + header + waiting.bytes : undefined,
      transcriptLength: state.entries + waiting.entries,
      ...(owner.before === 0 ? {} : { transcriptBefore: owner.before }),
    };
  }

  /** Adds a line; its bytes must not change until it is flushed. */
  add(line: PlacedLine, count: number): void {
    if (this.#waiting.length === 0) this.#pool.dirty.add(this);
    this.#waiting.add(line, count);
    this.#pool.waitingBytes += line.end - line.start;
  }

  /** Shortens an unproven transcript whose file lost its end to the part that is left; `undefined` if it did not. */
  shorten(): WholeExtent | undefined {
    if (!isUnproven(this.#state)) return undefined;
    const left = partLeft(this.#pool.fs, this.owner, this.#filePath, this.#state);
    if (left !== undefined) this.#state = shortened(left);
    return left;
  }

  /** Requests a rebuild of the file with this many entries. Waiting lines are dropped. */
  markLost(entries: number): void {
    this.#takeWaiting();
    // The rebuilt file replaces the open one.
    this.#pool.files.close(this.#filePath);
    this.#state = { kind: "lost", entries };
  }

  /** Requests verification of the end of the file at the next use. */
  doubt(): void {
    this.#state = doubted(this.#state);
  }

  /** The worker was purged. The caller removes the file. */
  purge(): void {
    this.#takeWaiting();
    this.#pool.tails.delete(this);
    this.#pool.files.close(this.#filePath);
    this.#state = { kind: "purged", entries: 0 };
  }

  /**
   * Writes the waiting lines. If that fails they stay in memory, and are read from
   * there, up to a bound. Beyond the bound, or if the file is damaged, they are
   * dropped and the file is rebuilt from the log.
   */
  flush(): void {
    if (this.#waiting.length === 0 || this.#rebuilding !== undefined) return;
    if (this.#state.kind === "lost") {
      this.#state = lost(this.#state, this.#takeWaiting());
      return;
    }
    try {
      const ready = this.#ready();
      this.#unsynced = true;
      const bytes = appendLines(this.#file, this.#waiting, ready.bytes);
      this.#state = appended(ready, bytes, this.#takeWaiting());
      this.#isFailing = false;
    } catch (error) {
      this.#undoWrite();
      this.#handle(error, "write");
    }
  }

  /** Reads a page. Throws `store_corrupt` if the file is damaged and cannot be repaired from the log. */
  async read(read: ReadTranscript): Promise<string[]> {
    const length = this.#state.entries + this.#waiting.entries;
    const range: LineRange = { ...read, to: Math.min(read.to, length) + 1 };
    if (range.from >= range.to) return [];
    const tail = this.#isTail(range) ? this.#pool.tails.get(this, range.from, range.to - 1) : undefined;
    if (tail !== undefined) return tail;
    try {
      return await this.#readFile(range);
    } catch (error) {
      throw this.#state.kind === "purged" ? purged(this.owner) : error;
    }
  }

  /** Verifies the file that the path names now, which may not be the open one, and marks it to be synced. */
  verify(): void {
    if (this.#rebuilding !== undefined) return;
    const { kind } = this.#state;
    if (kind === "lost" || kind === "unwritten" || kind === "purged") return;
    try {
      this.#pool.files.close(this.#filePath);
      this.doubt();
      this.#ready();
      this.#unsynced = true;
      if (this.#waiting.length === 0) this.#isFailing = false;
    } catch (error) {
      this.#handle(error, "read");
    }
  }

  /** Syncs the file that the path names now, and its name once. A failed sync is not repeated: the file is rebuilt. */
  async sync(): Promise<void> {
    const state = this.unsynced;
    if (state === undefined) return;
    let file: OpenFile | undefined;
    try {
      file = this.#pool.fs.open(this.#filePath, "update");
      this.#unsynced = false;
      verifyTranscript(file, this.owner, state);
      await file.syncData();
      if (this.#nameUnsynced) await this.#pool.fs.syncDirectory(this.#directory);
      this.#nameUnsynced = false;
      this.#synced = { bytes: state.bytes, entries: state.entries };
      if (this.#waiting.length === 0) this.#isFailing = false;
    } catch (error) {
      if (file === undefined) this.#handle(error, "sync");
      else this.#lose(error);
    } finally {
      if (file !== undefined) closeQuietly(file);
    }
  }

  /** Rebuilds a lost file. A failure is reported now or by the next read. */
  async rebuild(): Promise<void> {
    try {
      await this.#rebuild();
    } catch (error) {
      const fault = storeFault(error, "rebuild", this.#filePath);
      if (fault.code !== "store_corrupt") this.#fail(fault);
    }
  }

  get #filePath(): string {
    return this.#path ??= workerLayout(this.#pool.layout, this.owner.workerId).transcript;
  }

  get #directory(): string {
    return workerLayout(this.#pool.layout, this.owner.workerId).directory;
  }

  get #file(): OpenFile {
    return this.#pool.files.get(this.#filePath);
  }

  get #rebuilding(): Promise<void> | undefined {
    return this.#pool.rebuilds.get(this.owner.workerId);
  }

  /** Removes the waiting lines. */
  #takeWaiting(): WaitingLines {
    const lines = this.#waiting;
    this.#pool.waitingBytes -= lines.bytes;
    this.#pool.dirty.delete(this);
    this.#waiting = new WaitingLines();
    return lines;
  }

  /** Makes the file ready, or throws. */
  #ready(): Written {
    const state = this.#state;
    switch (state.kind) {
      case "ready":
        return state;
      case "unwritten":
        return this.#state = this.#begin();
      case "unverified":
        return this.#state = this.#verified(state);
      case "lost":
        throw new DamagedLine(0);
      case "purged":
        throw purged(this.owner);
    }
  }

  /** Creates the file. An existing one is an unfinished creation, or a purged worker's. */
  #begin(): Written {
    const { fs, layout, files, isReplaying } = this.#pool;
    const path = this.#filePath;
    const header = transcriptHeader(this.owner);
    files.close(path);
    if (!makeWorkerDirectory(this.#pool, this.owner.workerId)) {
      const found = isReplaying ? this.#foundBegun(header) : undefined;
      if (found !== undefined) return found;
      isPresent(fs, path, "file", nameOf(layout, path));
      fs.remove(path);
    }
    const file = fs.open(path, "create");
    try {
      const bytes = appendLines(file, [header], 0);
      this.#unsynced = this.#nameUnsynced = true;
      return { kind: "ready", bytes, entries: this.owner.before, mark: markOf(header) };
    } finally {
      closeQuietly(file);
    }
  }

  /** A file that already begins with its owner's header; `undefined` if there is none. */
  #foundBegun(header: Uint8Array): Written | undefined {
    try {
      const ready = this.#verified({ kind: "unverified", bytes: header.length, entries: this.owner.before });
      this.#unsynced = true;
      return ready;
    } catch (error) {
      if (error instanceof DamagedLine || isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Verifies the file and truncates the lines after its end; they are in the log, and waiting to be written. */
  #verified(state: Written): Written {
    const { fs, layout, isReplaying } = this.#pool;
    isPresent(fs, this.#directory, "directory", nameOf(layout, this.#directory));
    const file = this.#file;
    verifyTranscript(file, this.owner, state);
    const { bytes, entries } = state;
    if (file.stat().size > bytes && !isReplaying) {
      file.truncate(bytes);
      this.#unsynced = true;
    }
    return { kind: "ready", bytes, entries, mark: endOf(file, bytes).mark };
  }

  /** Truncates the remains of a failed write; if that fails too, the next use does it. */
  #undoWrite(): void {
    if (this.#state.kind !== "ready") return;
    try {
      this.#file.truncate(this.#state.bytes);
    } catch {
      this.doubt();
      this.#pool.files.close(this.#filePath);
    }
  }

  #isTail({ to, keep }: LineRange): boolean {
    return keep === "last" && to > this.#state.entries + this.#waiting.entries;
  }

  async #readFile(range: LineRange): Promise<string[]> {
    const path = this.#filePath;
    await this.#rebuilding?.catch(() => {});
    this.flush();
    try {
      return this.#page(range);
    } catch (error) {
      const fault = storeFault(error, "read", path);
      if (!isDamage(error, fault)) throw fault;
      // A file that cannot be rebuilt is left unchanged: its other pages can still be read.
      const isLost = this.#state.kind === "lost";
      if (!isLost && !isPowerLoss(this.#state, error)) {
        assertRebuildable(this.#pool, this.owner, this.#pool.log());
      }
      if (!isLost) this.#lose(error);
      await guardedAsync("rebuild", path, () => this.#rebuild());
      return guarded("read", path, () => this.#page(range));
    }
  }

  #page(range: LineRange): string[] {
    const state = this.#state;
    const waiting = this.#waitingTexts(range);
    if (range.from > state.entries && "bytes" in state) return waiting;
    const ready = this.#ready();
    const inFile = readTranscriptLines(this.#file, this.owner, ready, range);
    // Entries between the end of a full page and the waiting lines are left to the next page.
    if (inFile.cut && range.keep === "first") return [...inFile.texts];
    const texts = [...inFile.texts, ...waiting];
    if (this.#isTail(range)) this.#pool.tails.put(this, range.from, range.to - 1, texts);
    return texts;
  }

  /** Texts of waiting lines that hold entries of a page. */
  #waitingTexts({ from, to }: LineRange): string[] {
    const texts: string[] = [];
    let seq = this.#state.entries + 1;
    for (const line of this.#waiting) {
      if (seq >= to) break;
      const count = transcriptMarks(line, 0, line.length)?.count ?? 1;
      if (seq + count > from) texts.push(eventText(line, 0, line.length - 1));
      seq += count;
    }
    return texts;
  }

  /** Handles an error of the file. Too many waiting lines are dropped with it. */
  #handle(error: unknown, operation: string): void {
    const fault = storeFault(error, operation, this.#filePath);
    if (isDamage(error, fault) || this.#waiting.bytes >= WAITING_BYTES_MAX) this.#lose(error);
    else this.#fail(fault);
  }

  /** Reports a failure, which must not affect other workers. */
  #fail({ message }: RuntimeError): void {
    if (this.#state.kind === "purged") return;
    this.#isFailing = true;
    const { owner: { workerId } } = this;
    const file = nameOf(this.#pool.layout, this.#filePath);
    this.#pool.notice({ code: "projection_failed", severity: "warning", message, workerId, file });
  }

  /** Marks the file as lost and reports it. It is rebuilt from the log. */
  #lose(error: unknown): void {
    const state = this.#state;
    if (state.kind === "lost" || state.kind === "purged") return;
    const { files, tails, layout } = this.#pool;
    const path = this.#filePath;
    this.#state = lost(state, this.#takeWaiting());
    this.#unsynced = false;
    tails.delete(this);
    files.close(path);
    this.#pool.notice(
      rebuildNotice(this.owner.workerId, nameOf(layout, path), error, isPowerLoss(state, error)),
    );
  }

  /** One rebuild of a file at a time. */
  #rebuild(): Promise<void> {
    const { rebuilds } = this.#pool;
    const { workerId } = this.owner;
    const rebuild = this.#rebuilding ?? this.#rebuildNow().finally(() => rebuilds.delete(workerId));
    rebuilds.set(workerId, rebuild);
    return rebuild;
  }

  async #rebuildNow(): Promise<void> {
    const { fs, layout } = this.#pool;
    await prepareWorkerDirectory(this.#pool, this.owner.workerId);
    await this.#pool.quarantine(this.#filePath);
    if (this.#state.kind === "purged") throw purged(this.owner);
    // Lines added from now on follow those that are read from the log.
    const state = this.#state = lost(this.#state, this.#takeWaiting());
    const log = this.#pool.log();
    const rebuilt = await rebuildTranscript(this.#pool, this.owner, log, this.#synced, state.entries);
    // The directory may be new as well.
    await fs.syncDirectory(layout.workers);
    // The worker was purged meanwhile.
    if (this.#state !== state) return;
    this.#synced = rebuilt;
    this.#state = shortened(rebuilt);
    this.#nameUnsynced = false;
    this.#isFailing = false;
  }
}

function purged({ workerId }: TranscriptOwner): RuntimeError {
  const message = `Cannot read transcript of ${JSON.stringify(workerId)}: the worker was purged`;
  return new RuntimeError("worker_not_found", message, { workerId });
}

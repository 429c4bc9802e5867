/**
 * The writer of the log. Its states:
 *
 * - *good*: offset and last event are known, and everything before them is
 *   synced (with durability `written`: is in the OS page cache).
 * - *a write failed*: the file is truncated to the last good offset and synced;
 *   the batch is rejected, and the next one may succeed.
 * - *failed permanently*: a sync failed (the content of the device is unknown,
 *   and a second sync would claim success), a truncation failed, or the file
 *   was moved, removed or written by another process. Every later append is
 *   rejected with the same error; reopening begins a new segment.
 *
 * @module
 */
import { RuntimeError } from "../../core/errors.ts";
import type { EventRecord } from "../../core/event_types.ts";
import { closeQuietly, removeQuietly, writeAll } from "../disk/files.ts";
import { corrupt, guarded, storeFault } from "../disk/faults.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { nameOf, segmentPath, type WatchedPlace } from "../layout.ts";
import { LineBuffer, type PlacedLine } from "../lines/buffer.ts";
import type { DurableLog } from "./pages.ts";
import { Padding } from "./padding.ts";
import { isVanished, type PlaceGuard, vanished } from "../place/guard.ts";
import { compareEnd, endOf, markOf, readEnds, type SegmentEnd } from "./segment_ends.ts";
import { type LogPosition, segmentHeader } from "./segments.ts";
import { SyncClock } from "./sync_clock.ts";

/** Unsynced bytes that durability `written` allows: a torn tail must be no longer than one write. */
const UNSYNCED_BYTES_MAX = 1_048_576;

/** Position at which a writer begins. */
export interface WriterStart extends Omit<LogPosition, "segment"> {
  /** First event ids of all segments, in order. */
  readonly segments: readonly number[];
  /** The last event. */
  readonly lastEventId: number;
}

/** Options of a writer. */
export interface WriterOptions {
  /** `synced` appends wait for the device. */
  readonly durability: "synced" | "written";
  /** A segment is closed once it is longer. */
  readonly segmentBytes: number;
  /**
   * Checks that the paths still name the files written, and reports a permanent failure. If omitted, only links and
   * size are checked.
   */
  readonly guard?: PlaceGuard | undefined;
}

/** Appends batches of events to the log. */
export class LogWriter {
  readonly #place: WatchedPlace;
  readonly #options: WriterOptions;
  /** Replaced on each change: readers keep the list they started with. */
  #segments: readonly number[];
  readonly #ends: Map<number, SegmentEnd>;
  /** The last line in the last segment. */
  #lastLine: PlacedLine | undefined;
  readonly #lines = new LineBuffer();
  readonly #clock: SyncClock;
  #file: OpenFile | undefined;
  #lastEventId: number;
  #syncedEventId: number;
  #offset: number;
  #lineOffset: number;
  /** Size of the file, including padding. */
  #size: number;
  #padding = new Padding();
  /** Bytes written, and how many of them are synced. */
  #writtenBytes = 0;
  #syncedBytes = 0;
  #failure: RuntimeError | undefined;

  /** A writer of a recovered log. Reads the ends of its segments. */
  constructor(place: WatchedPlace, start: WriterStart, options: WriterOptions) {
    this.#place = place;
    this.#options = options;
    this.#segments = [...start.segments];
    this.#ends = readEnds(place, start.segments);
    this.#lastEventId = this.#syncedEventId = start.lastEventId;
    this.#offset = this.#size = start.offset;
    this.#lineOffset = start.lineOffset;
    this.#clock = new SyncClock((durationMs) => {
      const message = `A sync of the log took ${Math.round(durationMs)} ms`;
      const file = nameOf(place.layout, this.#path);
      place.notice({ code: "slow_sync", severity: "warning", message, file });
    });
  }

  /** First event ids of the segments, in order. */
  get segments(): readonly number[] {
    return this.#segments;
  }

  /** The last event that was appended. */
  get lastEventId(): number {
    return this.#lastEventId;
  }

  /** The permanent failure, if there is one. */
  get failure(): RuntimeError | undefined {
    return this.#failure;
  }

  /** Position of the last event. */
  get position(): LogPosition {
    return { segment: this.#segment, offset: this.#offset, lineOffset: this.#lineOffset };
  }

  /** The log up to an event, for readers. */
  through(lastEventId: number): DurableLog {
    const check = (segment: number, file: OpenFile): void => this.#checkSegment(segment, file);
    return { segments: this.#segments, lastEventId, offset: this.#offset, check };
  }

  get #segment(): number {
    return this.#segments.at(-1) ?? 1;
  }

  get #path(): string {
    return segmentPath(this.#place.layout, this.#segment);
  }

  get #unsyncedBytes(): number {
    return this.#writtenBytes - this.#syncedBytes;
  }

  /**
   * Appends events; resolves when they are durable. Returns their lines in
   * order, in memory that is never overwritten.
   */
  async append(events: readonly EventRecord[]): Promise<readonly PlacedLine[]> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#offset >= this.#options.segmentBytes) await this.startSegment();
    const file = this.#openFile();
    this.#checkFile(file);
    const { bytes, lines } = this.#lines.encode(events, this.#syncedEventId);
    this.#write(file, bytes);
    this.#writtenBytes += bytes.length;
    const { durability, guard } = this.#options;
    // Blobs cannot be restored from the log, so a purge is durable before they are removed.
    const isSynced = durability === "synced" || events.some(({ purges }) => purges);
    if (isSynced || this.#unsyncedBytes >= UNSYNCED_BYTES_MAX) await this.#syncFile(file);
    // Checks after the sync, before the batch is acknowledged, that the path names the file written.
    this.#checked(() => guard?.confirm(file, this.#path, this.#segments));
    this.#lineOffset = this.#offset + (lines.at(-1)?.start ?? 0) - (lines[0]?.start ?? 0);
    this.#offset += bytes.length;
    this.#lastLine = lines.at(-1) ?? this.#lastLine;
    this.#lastEventId += events.length;
    if (this.#unsyncedBytes === 0) this.#syncedEventId = this.#lastEventId;
    return lines;
  }

  /** Begins a new segment after the last event. The header is synced before anything is written after it. */
  async startSegment(): Promise<void> {
    const firstEventId = this.#lastEventId + 1;
    const path = segmentPath(this.#place.layout, firstEventId);
    const header = segmentHeader(this.#place.runtimeId, firstEventId);
    await this.syncNow();
    // Only the last segment may have padding, so it is removed and synced before the next one is created.
    if (this.#size > this.#offset) {
      await this.#syncFile(guarded("truncate", this.#path, () => this.#removePadding()));
    }
    const file = guarded("create segment", path, () => this.#create(path, header));
    await this.#syncCreated(file, path);
    this.close();
    this.#file = file;
    const end = this.#endOf(this.#segment);
    if (end !== undefined) this.#ends.set(this.#segment, end);
    this.#ends.set(firstEventId, { offset: header.length, mark: markOf(header) });
    this.#lastLine = undefined;
    if (this.#segment !== firstEventId) this.#segments = [...this.#segments, firstEventId];
    this.#offset = this.#size = header.length;
    this.#padding = new Padding();
    this.#lineOffset = 0;
  }

  /** Syncs data that durability `written` left in the OS page cache. */
  async syncNow(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#unsyncedBytes === 0) return;
    await this.#syncFile(this.#openFile());
  }

  /** Forgets segments that were removed. */
  forget(segments: ReadonlySet<number>): void {
    this.#segments = this.#segments.filter((segment) => !segments.has(segment));
    for (const segment of segments) this.#ends.delete(segment);
  }

  /**
   * Throws `store_vanished` if a file was opened by the path of a segment and is that of another store. Throws
   * `store_corrupt` if it may be. The first file is trusted if the end of the segment is not known.
   */
  #checkSegment(segment: number, file: OpenFile): void {
    const end = this.#endOf(segment);
    if (end === undefined) return void this.#ends.set(segment, endOf(file));
    const found = compareEnd(file, end);
    if (found === "same") return;
    const { layout } = this.#place;
    const name = nameOf(layout, segmentPath(layout, segment));
    if (found === "replaced") throw this.fail(vanished(name, "it was replaced while the store was open"));
    throw corrupt(name, "it does not end as it did before", { byteOffset: end.offset });
  }

  #endOf(segment: number): SegmentEnd | undefined {
    if (segment !== this.#segment || this.#lastLine === undefined) return this.#ends.get(segment);
    const { block, start, end } = this.#lastLine;
    return { offset: this.#offset, mark: markOf(block.subarray(start, end)) };
  }

  /** Ends the log without padding; padding that remains after a crash here is removed at the next opening. */
  finish(): void {
    try {
      const isLost = this.#failure !== undefined || this.#options.guard?.failure !== undefined;
      if (!isLost && this.#size > this.#offset) this.#removePadding();
    } catch {
      // The padding stays; it is not content.
    }
    this.close();
  }

  /** Closes the file. */
  close(): void {
    if (this.#file !== undefined) closeQuietly(this.#file);
    this.#file = undefined;
  }

  /**
   * Creates a segment with its header. One left by an earlier attempt holds no
   * event and is overwritten; it stays if that fails, because a log needs a segment.
   */
  #create(path: string, header: Uint8Array): OpenFile {
    const { fs } = this.#place;
    const size = fs.stat(path)?.size;
    if (size !== undefined && size > header.length) {
      throw this.fail(this.#vanished("another process wrote it"));
    }
    const file = fs.open(path, size === undefined ? "create" : "update");
    try {
      if (size !== undefined) file.truncate(0);
      writeAll(file, header, 0);
      return file;
    } catch (error) {
      closeQuietly(file);
      if (size === undefined) removeQuietly(fs, path);
      throw error;
    }
  }

  /** A failed sync is permanent here, too: a second one would claim success. */
  async #syncCreated(file: OpenFile, path: string): Promise<void> {
    try {
      await file.sync();
      await this.#place.fs.syncDirectory(this.#place.layout.events);
    } catch (error) {
      closeQuietly(file);
      throw this.fail(
        this.#poison(`${nameOf(this.#place.layout, path)} could not be synced at its creation`, error),
      );
    }
  }

  #openFile(): OpenFile {
    return this.#file ??= guarded("open", this.#path, () => {
      const file = this.#place.fs.open(this.#path, "update");
      try {
        if (this.#ends.has(this.#segment)) this.#checkSegment(this.#segment, file);
        return file;
      } catch (error) {
        closeQuietly(file);
        throw error;
      }
    });
  }

  #write(file: OpenFile, bytes: Uint8Array): void {
    const end = this.#offset + bytes.length;
    try {
      writeAll(file, bytes, this.#offset);
      if (end > this.#size) this.#addPadding(file, end, bytes.length);
    } catch (error) {
      this.#cutBack(file);
      throw storeFault(error, "write", this.#path);
    }
  }

  /** Leaves bytes that other processes wrote after the log. */
  #removePadding(): OpenFile {
    const file = this.#openFile();
    this.#checkFile(file);
    try {
      file.truncate(this.#offset);
    } catch (error) {
      // A failed call may have truncated the file nevertheless.
      this.#size = this.#checked(() => file.size());
      throw error;
    }
    this.#size = this.#offset;
    return file;
  }

  /** Padding is not part of the batch: there is none if the disk is too full for it. */
  #addPadding(file: OpenFile, end: number, batchBytes: number): void {
    const padding = this.#padding.after(batchBytes);
    this.#size = end + padding.length;
    try {
      writeAll(file, padding, end);
    } catch {
      file.truncate(end);
      this.#size = end;
    }
  }

  /** After a failed write: truncates to the last good offset, durably, or fails permanently. */
  #cutBack(file: OpenFile): void {
    try {
      file.truncate(this.#offset);
      this.#size = this.#offset;
      file.syncDataNow();
    } catch (error) {
      throw this.fail(this.#poison("a write failed, and so did truncating it again", error));
    }
  }

  async #syncFile(file: OpenFile): Promise<void> {
    // Bytes appended during the sync are not part of it.
    const written = this.#writtenBytes;
    try {
      await this.#clock.sync(file);
      this.#syncedBytes = Math.max(this.#syncedBytes, written);
    } catch (error) {
      throw this.fail(this.#poison("a sync failed, so the content of the device is unknown", error));
    }
  }

  /**
   * Checks before each write that the store is in its place and that the file
   * has the size this writer left. Bytes of other processes are not overwritten.
   */
  #checkFile(file: OpenFile): void {
    const { guard } = this.#options;
    const size = this.#checked(() => {
      guard?.check();
      if (guard?.isExact) return file.size();
      const stat = file.stat();
      if (stat.links === 0) throw this.#vanished("it was moved or removed while the store was open");
      return stat.size;
    });
    if (size === this.#size) return;
    throw this.fail(
      this.#vanished(`the file has ${size} bytes, not ${this.#size}: another process writes it`),
    );
  }

  #checked<T>(check: () => T): T {
    try {
      return check();
    } catch (error) {
      throw this.fail(this.#poison("the file could not be checked", error));
    }
  }

  /** Fails permanently. Returns the error that every later append is rejected with: this one, or an earlier one. */
  fail(error: RuntimeError): RuntimeError {
    if (this.#failure !== undefined) return this.#failure;
    this.#failure = error;
    if (isVanished(error)) this.#options.guard?.lose(error);
    else this.#options.guard?.onLost?.(error);
    return error;
  }

  #poison(reason: string, error: unknown): RuntimeError {
    if (isVanished(error)) return error;
    const file = nameOf(this.#place.layout, this.#path);
    const cause = storeFault(error, "write", this.#path);
    const message = `Cannot write ${JSON.stringify(file)}: ${reason}; reopen the store`;
    return new RuntimeError("store_poisoned", message, { file, reason }, { cause });
  }

  #vanished(reason: string): RuntimeError<"store_vanished"> {
    return vanished(nameOf(this.#place.layout, this.#path), reason);
  }
}

/**
 * Reads the log of a store without its lock, also while a writer is at work:
 * pushes the newest checkpoint and the events after it, and later what was
 * added since. Never changes a byte.
 *
 * A read that a writer interferes with is retried: a segment or a checkpoint
 * was replaced, or a line is half written. If the log was pruned past the last
 * event read, the newest checkpoint is pushed again. Events that no later line
 * says were synced are held back until they are still there a moment later: a
 * writer may truncate them.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import type { Notice } from "../../core/diagnostics.ts";
import { isRuntimeError, type RuntimeError, withSpot } from "../../core/errors.ts";
import { Folding } from "../../core/folding.ts";
import type { Ledger } from "../../core/ledger.ts";
import type { StoreHost } from "../../core/store.ts";
import { Slices } from "../../core/turn.ts";
import { Checkpoints } from "../checkpoint/checkpoints.ts";
import { readBytes, withFile } from "../disk/files.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { guarded, ifCorrupt, isNotFound } from "../disk/faults.ts";
import { segmentPath } from "../layout.ts";
import { eventText } from "../lines/codec.ts";
import { LogReader } from "../recovery/recover.ts";
import type { LogLine } from "../log/scan.ts";
import { listSegments, type LogPosition, segmentSpot } from "../log/segments.ts";
import type { FoundPlace } from "../place/find.ts";

/** Time after which events of the last write are read again, in milliseconds. */
const SETTLE_MS = 50;
/** Pauses before damage is reported: a writer may be in the middle of a write. */
const RETRY_PAUSES_MS: readonly number[] = [20, 40, 80];

/** The end of the log that a writer may yet truncate. */
export interface PendingTail {
  /** Whole events that a writer is about to make durable, or to truncate. */
  readonly events: number;
  /** Bytes of an unfinished write after them. */
  readonly bytes: number;
}

interface HeldLine {
  readonly id: number;
  readonly text: string;
  readonly position: LogPosition;
  readonly crc: number;
}

/** The part of the runtime that a checkpoint covers. */
export interface CheckpointBase {
  /** Its last event; 0 without a checkpoint. */
  readonly through: number;
  /** Entries of each transcript, by the event that created the worker. */
  readonly entries: ReadonlyMap<number, number>;
}

/** Reads a log, and pushes it to a host. */
export class LogFollower {
  /** The last event that was pushed. */
  lastEventId = 0;
  /** First event ids of the segments, in order. */
  segments: readonly number[] = [];
  /** Position of the last event; absent before event 1. */
  position: LogPosition | undefined;
  /** The part that the checkpoint covers. */
  base: CheckpointBase = { through: 0, entries: new Map() };
  /** The unread end of the log, after the last event. */
  pending: PendingTail = { events: 0, bytes: 0 };
  /** The error that prevents reading further. */
  damage: RuntimeError | undefined;
  readonly #place: FoundPlace;
  readonly #host: StoreHost;
  #held: HeldLine[] = [];

  /** A follower that has read nothing yet. */
  constructor(place: FoundPlace, host: StoreHost) {
    this.#place = place;
    this.#host = host;
  }

  /** Reads the checkpoint and the log after it. Throws `store_version`. */
  async begin(): Promise<void> {
    this.#restore(true);
    await this.advance();
  }

  /** Reads what was added since. Damage is kept in `damage`; what precedes it is pushed. */
  async advance(): Promise<void> {
    for (const pauseMs of [...RETRY_PAUSES_MS, -1]) {
      try {
        this.damage = undefined;
        return await untilSteady(() => this.#read());
      } catch (error) {
        // A writer's work in progress, or a removed file: a retry may succeed.
        const mayPass = isRuntimeError(error) && (error.code === "store_corrupt" || isNotFound(error));
        if (!mayPass) throw error;
        this.damage = error as RuntimeError;
        if (pauseMs < 0) return this.#releaseBeforeDamage();
      }
      await sleep(pauseMs);
    }
  }

  /** Pushes the newest checkpoint if it is ahead. Problems found are reported then, and always if it is the first. */
  #restore(isFirst: boolean): void {
    const found: Notice[] = [];
    const checkpoints = new Checkpoints({ ...this.#place, notice: (notice) => found.push(notice) });
    const checkpoint = checkpoints.load();
    const isAhead = checkpoint !== undefined && checkpoint.snapshot.through > this.lastEventId;
    if (isAhead) {
      const { position, snapshot, rows } = checkpoint;
      const entries = new Map(rows.map((row) => [row.createdEventId, row.transcriptLength]));
      this.#host.restore(snapshot);
      this.lastEventId = snapshot.through;
      this.position = position;
      this.base = { through: snapshot.through, entries };
    }
    if (isAhead || isFirst) found.forEach((notice) => this.#host.notice(notice));
  }

  async #read(): Promise<void> {
    // Something other than a file under the name of a segment.
    let odd: RuntimeError | undefined;
    const list = () => listSegments(this.#place, (error) => odd ??= error).firstEventIds;
    const segments = this.segments = ifCorrupt(list, () => []);
    // The log was pruned past the last event read.
    if ((this.position?.segment ?? 1) < (segments[0] ?? 1)) this.#restore(false);
    const start = { through: this.lastEventId, position: this.position };
    const log = new LogReader(this.#place, segments, start);
    const slices = new Slices();
    this.#held = [];
    for (const line of log) {
      this.#take(line);
      await slices.pause();
    }
    if (odd !== undefined) throw odd;
    // Held lines are pushed if they stay.
    if (this.#held.length > 0) {
      await sleep(SETTLE_MS);
      if (this.#isSettled()) this.#release(Infinity);
    }
    this.pending = { events: this.#held.length, bytes: log.end.tail?.bytes ?? 0 };
  }

  /** Pushes the events that a line says were synced, and holds the line itself back. */
  #take(line: LogLine): void {
    const { bytes, start, end, id, durable, offset, endOffset } = line;
    const segment = this.segments.findLast((first) => first <= id) ?? 1;
    this.#release(durable);
    this.#held.push({
      id,
      text: eventText(bytes, start, end),
      position: { segment, offset: endOffset, lineOffset: offset },
      crc: crc32(bytes.subarray(start, end)),
    });
  }

  #release(through: number): void {
    let count = 0;
    for (const { id, text, position } of this.#held) {
      if (id > through) break;
      try {
        this.#host.replay([text]);
      } catch (error) {
        const { segment, lineOffset: byteOffset } = position;
        throw withSpot(error, () => ({ ...segmentSpot(this.#place.layout, [segment], id), byteOffset }));
      }
      this.lastEventId = id;
      this.position = position;
      count++;
    }
    if (count > 0) this.#held.splice(0, count);
  }

  /** A bad line is damage only if the whole lines before it had been acknowledged. */
  #releaseBeforeDamage(): void {
    try {
      this.#release(Infinity);
    } catch (error) {
      // The damage is in a held line itself, and has been reported.
      if (!isRuntimeError(error)) throw error;
    }
  }

  #isSettled(): boolean {
    const { fs, layout } = this.#place;
    const { segment } = this.#held.at(-1)?.position ?? { segment: 1 };
    const path = segmentPath(layout, segment);
    const isThere = (file: OpenFile) =>
      this.#held.every(({ position: { lineOffset, offset }, crc }) =>
        crc32(readBytes(file, lineOffset, offset - lineOffset - 1)) === crc
      );
    return guarded("read", path, () => withFile(fs, path, "read", isThere));
  }
}

/** Folds the log of a place as it is now. */
export async function foldLog(
  place: FoundPlace,
): Promise<{ readonly follower: LogFollower; readonly ledger: Ledger }> {
  const folding = new Folding(place.runtimeId);
  const follower = new LogFollower(place, folding);
  await follower.begin();
  return { follower, ledger: folding.view };
}

/** Waits; ends early if the signal aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}

/** A read fails only if a writer prunes or purges this many times during it. */
const ATTEMPTS_MAX = 32;

/**
 * Runs `read`, and retries it if a writer removed a file that it was reading.
 * Each attempt must start from the current state of the disk; `again` is called
 * before each retry, and its errors are final. Throws the last error after
 * several attempts.
 */
export async function untilSteady<T>(
  read: () => T | Promise<T>,
  again: () => Promise<void> = () => Promise.resolve(),
): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await read();
    } catch (error) {
      const isOvertaken = isNotFound(error) || isRuntimeError(error) && error.code === "cursor_expired";
      if (attempt === ATTEMPTS_MAX || !isOvertaken) throw error;
    }
    await again();
  }
}

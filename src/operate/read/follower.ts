/**
 * Follows the log of a store without its lock, also while a writer is at it:
 * folds the newest checkpoint and the events behind it, and later what was
 * added since. Never changes a byte.
 *
 * Whatever the writer does meanwhile is survived by looking again: a segment
 * or a checkpoint that is replaced, a line that is half written. If the log was
 * pruned past the last event read, it restarts from the newest checkpoint.
 * Events that no later line says were synced are taken in only when they are
 * still there a moment later: a writer may cut them off again.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import type { Notice } from "../../core/diagnostics.ts";
import { isRuntimeError, type RuntimeError, withSpot } from "../../core/errors.ts";
import { type EventHead, isKnownEvent, parseEventHead } from "../../core/events.ts";
import { Ledger } from "../../core/ledger.ts";
import { restoreSnapshot } from "../../core/snapshots.ts";
import { Slices } from "../../core/turn.ts";
import { Checkpoints } from "../../fs/checkpoint/checkpoints.ts";
import { readBytes, withFile } from "../../fs/disk/files.ts";
import { guarded, isNotFound } from "../../fs/disk/faults.ts";
import { segmentPath } from "../../fs/layout.ts";
import { eventText, lineMarks } from "../../fs/lines/codec.ts";
import { type LogEnd, readLog } from "../../fs/recovery/recover.ts";
import type { LogLine } from "../../fs/log/scan.ts";
import { listSegments, type LogPosition, segmentSpot } from "../../fs/log/segments.ts";
import type { FoundPlace } from "../options.ts";
import { untilSteady } from "../steady.ts";

/** Time after which events of the last write are looked at again, in milliseconds. */
const SETTLE_MS = 50;
/** Pauses before damage is believed: a writer may be in the middle of something. */
const RETRY_PAUSES_MS: readonly number[] = [20, 40, 80];

/** What lies at the end of the log and may yet go away. */
export interface PendingTail {
  /** Whole events that a writer is about to make durable, or to cut off. */
  readonly events: number;
  /** Bytes of an unfinished write behind them. */
  readonly bytes: number;
}

interface HeldLine {
  readonly id: number;
  readonly text: string;
  readonly position: LogPosition;
  readonly crc: number;
}

/** What a checkpoint covers. */
export interface CheckpointBase {
  /** Its last event. */
  readonly through: number;
  /** Where that is; absent without a checkpoint. */
  readonly position: LogPosition | undefined;
  /** Entries of each transcript, by the event that created the worker. */
  readonly entries: ReadonlyMap<number, number>;
}

/** The state of a runtime as its log tells it, up to a position. */
export class LogFollower {
  /** The state. */
  ledger: Ledger;
  /** First event ids of the segments, in order. */
  segments: readonly number[] = [];
  /** Where the last event is; absent before event 1. */
  position: LogPosition | undefined;
  /** What the checkpoint covers. */
  base: CheckpointBase;
  /** What lies behind the last event. */
  pending: PendingTail = { events: 0, bytes: 0 };
  /** Why the log cannot be read further. */
  damage: RuntimeError | undefined;
  /** Events of types that this version does not know. */
  unknownCount = 0;
  readonly #place: FoundPlace;
  readonly #notice: (notice: Notice) => void;
  #held: HeldLine[] = [];
  /** Something other than a file under the name of a segment. */
  #odd: RuntimeError | undefined;

  /** A follower that has read nothing yet. */
  constructor(place: FoundPlace, notice: (notice: Notice) => void) {
    this.#place = place;
    this.#notice = notice;
    this.ledger = new Ledger(place.runtimeId);
    this.base = { through: 0, position: undefined, entries: new Map() };
  }

  /** The last event that was taken in. */
  get lastEventId(): number {
    return this.ledger.runtime.lastEventId;
  }

  /** Reads the checkpoint and the log behind it. Throws `store_version` and what reading throws. */
  async begin(): Promise<void> {
    for (const notice of this.#restore()) this.#notice(notice);
    await this.advance();
  }

  /** Reads what was added since. Damage is kept in `damage`, and what lies before it is taken in. */
  async advance(): Promise<void> {
    for (const pauseMs of [...RETRY_PAUSES_MS, -1]) {
      try {
        this.damage = undefined;
        return await untilSteady(() => this.#read());
      } catch (error) {
        if (!isRuntimeError(error) || !mayPass(error)) throw error;
        this.damage = error as RuntimeError;
        if (pauseMs < 0) return this.#releaseBeforeDamage();
      }
      await sleep(pauseMs);
    }
  }

  #list(): readonly number[] {
    const { fs, layout } = this.#place;
    try {
      this.#odd = undefined;
      return this.segments = listSegments(fs, layout, (error) => this.#odd ??= error).firstEventIds;
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
      return this.segments = [];
    }
  }

  /** Adopts the newest checkpoint if it is ahead. Returns diagnostics. */
  #restore(): readonly Notice[] {
    const { fs, layout, runtimeId } = this.#place;
    const found: Notice[] = [];
    const checkpoints = new Checkpoints(fs, layout, runtimeId, (notice) => found.push(notice));
    const checkpoint = checkpoints.load();
    if (checkpoint === undefined || checkpoint.snapshot.through <= this.lastEventId) return found;
    const { position, snapshot: { through }, rows } = checkpoint;
    const ledger = new Ledger(runtimeId);
    try {
      restoreSnapshot(ledger, checkpoint.snapshot);
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
      return [...found, { code: "checkpoint_unusable", severity: "error", message: error.message }];
    }
    const entries = new Map(
      rows.map(({ createdEventId, transcriptLength }) => [createdEventId, transcriptLength]),
    );
    this.ledger = ledger;
    this.position = position;
    this.base = { through, position, entries };
    return found;
  }

  /** Restarts from the newest checkpoint if the log was pruned past the last event read. */
  #catchUp(segments: readonly number[]): void {
    if ((this.position?.segment ?? 1) >= (segments[0] ?? 1)) return;
    const { base } = this;
    const found = this.#restore();
    if (this.base === base) return;
    for (const notice of found) this.#notice(notice);
  }

  async #read(): Promise<void> {
    const { fs, layout, runtimeId } = this.#place;
    const segments = this.#list();
    this.#catchUp(segments);
    const start = { through: this.lastEventId, position: this.position };
    const lines = readLog(fs, layout, runtimeId, segments, start);
    const slices = new Slices();
    this.#held = [];
    try {
      for (;;) {
        const step = lines.next();
        if (step.done && this.#odd !== undefined) throw this.#odd;
        if (step.done) return await this.#end(step.value);
        this.#take(step.value);
        await slices.pause();
      }
    } finally {
      lines.return(undefined as never);
    }
  }

  /** Folds what a line says was synced, and holds the line itself back. */
  #take(line: LogLine): void {
    const { bytes, start, end, id, offset, endOffset } = line;
    const durable = lineMarks(bytes, start, end)?.durable ?? 0;
    const segment = this.segments.findLast((first) => first <= id) ?? 1;
    this.#release(Math.max(durable, segment - 1));
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
      const head = this.#fold(id, text, position);
      if (!isKnownEvent(head)) this.unknownCount++;
      this.position = position;
      count++;
    }
    if (count > 0) this.#held.splice(0, count);
  }

  #fold(id: number, text: string, { segment, lineOffset }: LogPosition): EventHead {
    try {
      const head = parseEventHead(text);
      this.ledger.apply(head);
      return head;
    } catch (error) {
      const { layout } = this.#place;
      throw withSpot(error, () => ({ ...segmentSpot(layout, [segment], id), byteOffset: lineOffset }));
    }
  }

  /** Damage is only called so where it had been acknowledged, and so had all whole lines before it. */
  #releaseBeforeDamage(): void {
    try {
      this.#release(Infinity);
    } catch (error) {
      // The damage is in a line that was held back itself; it has been told.
      if (!isRuntimeError(error)) throw error;
    }
  }

  /** The end of the log: what is held back is taken in if it stays. */
  async #end(end: LogEnd): Promise<void> {
    if (this.#held.length > 0) {
      await sleep(SETTLE_MS);
      if (this.#isSettled()) this.#release(Infinity);
    }
    this.pending = { events: this.#held.length, bytes: end.tail?.bytes ?? 0 };
  }

  #isSettled(): boolean {
    const { fs, layout } = this.#place;
    const { segment } = this.#held.at(-1)?.position ?? { segment: 1 };
    const path = segmentPath(layout, segment);
    return guarded(
      "read",
      path,
      () =>
        withFile(
          fs,
          path,
          "read",
          (file) =>
            this.#held.every(({ position: { lineOffset, offset }, crc }) =>
              crc32(readBytes(file, lineOffset, offset - lineOffset - 1)) === crc
            ),
        ),
    );
  }
}

/** Whether looking again may help: damage that is a writer's work in progress, or a file that was removed. */
function mayPass(error: { readonly code: string; readonly details: object }): boolean {
  return error.code === "store_corrupt" || isNotFound(error);
}

/** Waits; ends early when the signal aborts. */
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

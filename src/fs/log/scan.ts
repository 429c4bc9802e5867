/**
 * Scans the log: yields the lines of its events in order, each verified, and
 * records the reason and the position at which it stopped. Every reader of the log
 * is a filter over it.
 *
 * @module
 */
import { cursorExpired } from "../../core/errors.ts";
import { plainLines } from "../../core/json.ts";
import { Slices } from "../../core/turn.ts";
import { closeQuietly } from "../disk/files.ts";
import { corrupt, isNotFound, storeFault } from "../disk/faults.ts";
import type { OpenFile } from "../disk/file_system.ts";
import type { Place } from "../layout.ts";
import {
  LINE_BYTES_MAX,
  type LineMarks,
  lineMarks,
  type TranscriptMarks,
  transcriptMarks,
} from "../lines/codec.ts";
import { conversionHint } from "../lines/conversion.ts";
import { isWhole, type Line, scanLines } from "../lines/scanner.ts";
import type { DurableLog } from "./pages.ts";
import { listSegments, type LogPosition, openSegment, type Segment, withSegment } from "./segments.ts";

/** Bytes between two pauses. */
const SLICE_BYTES = 262_144;

/** A line of an event, in a buffer that the next step may overwrite. `durable` is the highest event known to be synced. */
export interface LogLine extends LineMarks, Omit<Line, "terminated"> {}

/** Reason and position of the end of a scan. */
export interface ScanStop {
  /**
   * - `through`: the last event wanted was read.
   * - `end`: the log ends.
   * - `line`: the next line is not intact, or not that of the next event.
   * - `header`: the header of the segment is not intact.
   * - `gap`: the segment does not begin with the next event.
   */
  readonly reason: "through" | "end" | "line" | "header" | "gap";
  /** First event id of the segment; 0 if there is none. */
  readonly segment: number;
  /** Byte offset after the last good line of the segment. */
  readonly offset: number;
  /** Byte offset at which the content of the segment ends. */
  readonly end: number;
  /** Bytes of padding after the content. */
  readonly paddingBytes: number;
}

/** The part of a log to scan. */
export interface ScanRange {
  /** First event ids of the segments, in order. */
  readonly segments: readonly number[];
  /** The scan begins with the segment of the event after this one, or after `position`. */
  readonly after: number;
  /** Position of event `after`. @default the scan begins at the start of its segment */
  readonly position?: LogPosition | undefined;
  /** The last event to read. @default the log is read to its end */
  readonly through?: number | undefined;
}

/** Steps of a scan that a reader replaces. */
export interface ScanHooks {
  /** Opens a segment. @default {@linkcode openSegment} */
  readonly open?: ((first: number) => Segment) | undefined;
  /** Checks a segment before its lines are read; returns false if its header is not intact. */
  readonly check?: ((segment: Segment) => boolean | void) | undefined;
}

/** A scan of the log. Iterating it reads the log; `stop` is valid after the last line. */
export class LogScan implements Iterable<LogLine> {
  /** Reason and position of the end of the scan. */
  stop: ScanStop = { reason: "end", segment: 0, offset: 0, end: 0, paddingBytes: 0 };
  /** The last event read, or passed over. */
  lastEventId = 0;
  readonly #place: Place;
  readonly #range: ScanRange;
  readonly #hooks: ScanHooks;

  /** A scan that has read nothing yet. */
  constructor(place: Place, range: ScanRange, hooks: ScanHooks = {}) {
    this.#place = place;
    this.#range = range;
    this.#hooks = hooks;
  }

  /** Reads the lines. Throws {@linkcode storeFault}s and what the hooks throw. */
  *[Symbol.iterator](): Generator<LogLine, void, void> {
    const { segments, after, position, through = Infinity } = this.#range;
    const { open = (first: number) => openSegment(this.#place, first), check } = this.#hooks;
    const at = position?.segment ?? after + 1;
    const remaining = segments.slice(Math.max(0, segments.findLastIndex((segment) => segment <= at)));
    this.lastEventId = position === undefined ? (remaining[0] ?? 1) - 1 : after;
    let durable = this.lastEventId;
    for (const first of remaining) {
      if (first > through) return;
      const isFirst = first === remaining[0];
      if (!isFirst && first !== this.lastEventId + 1) {
        return this.#stopIn("gap", { first, end: 0, paddingBytes: 0 }, 0);
      }
      const segment = open(first);
      try {
        if (check?.(segment) === false) return this.#stopIn("header", segment, 0);
        // A segment is created only after all events before it are synced.
        durable = Math.max(durable, first - 1);
        let offset = isFirst && position !== undefined ? position.offset : segment.start;
        for (const line of scanSegment(segment, offset, this.lastEventId, durable)) {
          ({ durable, endOffset: offset, id: this.lastEventId } = line);
          yield line;
          if (line.id === through) return this.#stopIn("through", segment, offset);
        }
        const isBad = offset < segment.end;
        this.#stopIn(isBad ? "line" : "end", segment, offset);
        if (isBad) return;
      } catch (error) {
        throw storeFault(error, "read", segment.path);
      } finally {
        closeQuietly(segment.file);
      }
    }
  }

  #stopIn(
    reason: ScanStop["reason"],
    { first: segment, end, paddingBytes }: Pick<Segment, "first" | "end" | "paddingBytes">,
    offset: number,
  ): void {
    this.stop = { reason, segment, offset, end, paddingBytes };
  }
}

/**
 * The good lines of a segment from an offset on, at which the event after
 * `after` is expected: each intact, and the next one. Ends before the first
 * other line, or with the content of the segment.
 */
export function* scanSegment(
  segment: Segment,
  offset: number,
  after: number,
  durableBefore: number = segment.first - 1,
): Generator<LogLine, void, void> {
  let lastEventId = after;
  let durable = durableBefore;
  for (const line of scanLines(segment.file, offset, segment.end)) {
    const found = eventLine(line, durable);
    if (found === undefined || found.id !== lastEventId + 1 || found.durable >= found.id) return;
    ({ id: lastEventId, durable } = found);
    yield found;
  }
}

/** The intact lines of events in a part of a file that may be damaged, in any order; each has its own `durable`. */
export function* intactLines(file: OpenFile, from: number, to: number): Generator<LogLine, void, void> {
  for (const line of scanLines(file, from, to, 2 * LINE_BYTES_MAX)) {
    const found = eventLine(line, 0);
    if (found !== undefined) yield found;
  }
}

/** The line of an event; `undefined` unless it is intact. `durable` is at least that of the lines before it. */
function eventLine(line: Line, durableBefore: number): LogLine | undefined {
  const { bytes, start, end, offset, endOffset } = line;
  const marks = isWhole(line) ? lineMarks(bytes, start, end) : undefined;
  if (marks === undefined) return undefined;
  const durable = Math.max(marks.durable, durableBefore);
  return { id: marks.id, durable, bytes, start, end, offset, endOffset };
}

/**
 * The lines of events after `after`, for operations that read a long part of the log. Checks that every line is
 * intact and in its place. Throws `store_corrupt` if one is damaged or missing, and `cursor_expired` if a segment was
 * pruned meanwhile. `meter` counts the bytes read; an error that it throws ends the read.
 */
export async function* logLines(
  place: Place,
  range: ScanRange,
  meter?: { add(bytes: number): void },
  hooks: ScanHooks = { open: (first) => openKept(place, first) },
): AsyncGenerator<LogLine, void, void> {
  const scan = new LogScan(place, range, hooks);
  const slices = new Slices();
  let read = 0;
  let offset = 0;
  for (const line of scan) {
    // The offset decreases only from one segment to the next.
    read += line.endOffset - (line.offset < offset ? 0 : offset);
    offset = line.endOffset;
    if (line.id > range.after) yield line;
    if (read < SLICE_BYTES) continue;
    meter?.add(read);
    read = 0;
    await slices.pause();
  }
  const { end, paddingBytes } = scan.stop;
  meter?.add(read + Math.max(0, end + paddingBytes - offset));
  const { through = 0 } = range;
  if (scan.lastEventId < through) throw missing(place, scan, through);
}

/**
 * The lines of events after `after` that add to transcripts, or to that of one worker, in order. Throws the errors of
 * {@linkcode logLines}.
 */
export async function* logTranscriptLines(
  place: Place,
  { segments, lastEventId: through, check }: Pick<DurableLog, "segments" | "lastEventId" | "check">,
  after: number,
  workerId?: string,
): AsyncGenerator<LogLine & TranscriptMarks, void, void> {
  const hooks: ScanHooks = { check: ({ first, file }) => check?.(first, file) };
  const wanted = workerId === undefined ? undefined : plainLines(JSON.stringify(workerId));
  for await (const line of logLines(place, { segments, after, through }, undefined, hooks)) {
    const marks = transcriptMarks(line.bytes, line.start, line.end);
    if (marks !== undefined && (wanted === undefined || marks.workerIdJson === wanted)) {
      yield { ...line, ...marks };
    }
  }
}

/** Opens a segment. Throws `cursor_expired` if the log begins after it by now. */
export function openKept(place: Place, segment: number): Segment {
  try {
    return openSegment(place, segment);
  } catch (error) {
    const [oldest = 0] = isNotFound(error) ? listSegments(place).firstEventIds : [];
    throw oldest > segment ? cursorExpired(segment - 1, oldest) : error;
  }
}

/** The error for the event at which a scan stopped too early. */
function missing(place: Place, { stop, lastEventId }: LogScan, through: number): Error {
  const expected = lastEventId + 1;
  if (stop.reason === "line") {
    const spot = { byteOffset: stop.offset, eventIds: [expected, expected] } as const;
    return withSegment(place, stop.segment, ({ file, name }) => {
      return corrupt(name, `the line of event ${expected} is damaged${conversionHint(file)}`, spot);
    });
  }
  const last = stop.reason === "gap" ? Math.max(expected, stop.segment - 1) : through;
  return corrupt("events", `events ${expected} to ${last} are missing`, { eventIds: [expected, last] });
}

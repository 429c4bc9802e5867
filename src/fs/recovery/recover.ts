/**
 * Recovery of the log: reads the lines after the checkpoint, and classifies a bad
 * line by `tail_table.ts`. Only reads; the necessary repair is returned.
 *
 * @module
 */
import { isRuntimeError, type RuntimeError } from "../../core/errors.ts";
import { readBytes } from "../disk/files.ts";
import { corrupt } from "../disk/faults.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { nameOf, type Place, segmentPath } from "../layout.ts";
import { isOfType, LINE_BYTES_MAX } from "../lines/codec.ts";
import { conversionHint } from "../lines/conversion.ts";
import { intactLines, type LogLine, LogScan, type ScanStop } from "../log/scan.ts";
import { type LogPosition, type Segment, withSegment } from "../log/segments.ts";
import { judgeTail, type TailRow } from "../log/tail_table.ts";

/** Bytes of a line that suffice to find its type. */
const HEAD_BYTES = 96;

/** Start of the reading. */
export interface LogStart {
  /** The last event that need not be read: the one the checkpoint covers, or 0. */
  readonly through: number;
  /** Position of that event; absent without a checkpoint. */
  readonly position: LogPosition | undefined;
  /** Called at the end of a log that was not closed: other proof that events after this one were synced. */
  readonly witness?: (lastEventId: number) => LogWitness | undefined;
}

/** Proof that the log continued. */
export interface LogWitness {
  /** The file that proves it. */
  readonly file: string;
  /** The last event proved to have been synced. */
  readonly eventId: number;
}

/** The end of the log as found. */
export interface LogEnd {
  /** The last event; the one before the first segment if there is none. */
  readonly lastEventId: number;
  /** First event id of the last segment. */
  readonly segment: number;
  /** Byte offset after the last good line of the last segment. */
  readonly offset: number;
  /** Byte offset of the last event's line; 0 if the last segment has none. */
  readonly lineOffset: number;
  /** Byte offset from which lines may not be synced; equals `offset` if all are. */
  readonly doubtOffset: number;
  /** Bytes of padding at the end of the last segment. */
  readonly paddingBytes: number;
  /** Bytes of the events read. */
  readonly bytesRead: number;
  /** True if the last event closed the runtime. */
  readonly isClosed: boolean;
  /** The repair of a bad line, if there is one. */
  readonly tail: Tail | undefined;
}

/** A bad line that is not damage. */
export interface Tail {
  /** The row of the table that decided. */
  readonly row: TailRow;
  /** Bytes from the end of the log to the end of the segment's content. */
  readonly bytes: number;
}

/** The events after a start. Iterating it reads the log; `end` is valid after the last line. */
export class LogReader implements Iterable<LogLine> {
  /** The end of the log. */
  end!: LogEnd;
  readonly #place: Place;
  readonly #segments: readonly number[];
  readonly #start: LogStart;
  #lastEventId: number;
  /** Byte offset of the last line of the current segment. */
  #lineOffset: number;
  #bytesRead = 0;
  /** Lines of the current segment that may not be synced. */
  #doubtful: { readonly id: number; readonly offset: number }[] = [];

  /** A reader that has read nothing yet. */
  constructor(place: Place, segments: readonly number[], start: LogStart) {
    this.#place = place;
    this.#segments = segments;
    this.#start = start;
    this.#lastEventId = start.through;
    this.#lineOffset = start.position?.lineOffset ?? 0;
  }

  /** Reads the lines. Throws `store_corrupt`, `store_version`. */
  *[Symbol.iterator](): Generator<LogLine, void, void> {
    const { through: after, position } = this.#start;
    this.#checkFirst();
    const range = { segments: this.#segments, after, position };
    const scan = new LogScan(this.#place, range, { check: (segment) => this.#enter(segment) });
    for (const line of scan) {
      this.#take(line);
      yield line;
    }
    if (scan.stop.reason === "gap") throw this.#gap(scan.stop.segment);
    this.end = this.#endAt(scan.stop);
  }

  /** Throws unless the log includes the event that the checkpoint covers. */
  #checkFirst(): void {
    const { through, position } = this.#start;
    const first = position?.segment ?? this.#segments[0];
    if (first === undefined || !this.#segments.includes(first)) {
      const reason = `the segment that holds event ${through} is missing`;
      throw corrupt("events", reason, { eventIds: [through, through] });
    }
    if (position !== undefined || first === 1) return;
    const reason = `the log begins with event ${first}, and no checkpoint covers those before it`;
    throw corrupt("events", reason, { eventIds: [1, first - 1] });
  }

  #gap(first: number): RuntimeError {
    const { layout } = this.#place;
    const missing = this.#lastEventId + 1;
    if (first > missing) {
      const reason = `events ${missing} to ${first - 1} are missing`;
      return corrupt("events", reason, { eventIds: [missing, first - 1] });
    }
    const reason = `it begins with event ${first}, which the segment before it holds too`;
    return corrupt(nameOf(layout, segmentPath(layout, first)), reason);
  }

  /** Begins a segment. Returns false if its header is not intact. */
  #enter(segment: Segment): boolean {
    const { position } = this.#start;
    if (segment.first === position?.segment) {
      this.#checkPosition(segment, position);
      return true;
    }
    if (!hasHeader(segment)) return false;
    this.#lineOffset = 0;
    this.#doubtful = [];
    return true;
  }

  /** Throws unless the line that the checkpoint names exists: otherwise the checkpoint belongs to another log. */
  #checkPosition(segment: Segment, position: LogPosition): void {
    const { through } = this.#start;
    const { file, name, end } = segment;
    const eventIds: readonly [number, number] = [through, through];
    if (end < position.offset) {
      const reason = `it ends before event ${through}, which a checkpoint covers: ` +
        "an older copy, or one taken while the store was in use?";
      throw corrupt(name, reason, { byteOffset: end, eventIds });
    }
    const { lineOffset: byteOffset } = position;
    const isThere = byteOffset === 0
      ? hasHeader(segment)
      : isEventAt(file, byteOffset, position.offset, through);
    if (isThere) return;
    const reason = `event ${through}, which a checkpoint covers, is not where it was${conversionHint(file)}`;
    throw corrupt(name, reason, { byteOffset, eventIds });
  }

  #take({ id, durable, offset, endOffset }: LogLine): void {
    const doubtful = this.#doubtful;
    this.#lastEventId = id;
    this.#lineOffset = offset;
    this.#bytesRead += endOffset - offset;
    while ((doubtful[0]?.id ?? Infinity) <= durable) doubtful.shift();
    doubtful.push({ id, offset });
  }

  #endAt(stop: ScanStop): LogEnd {
    const { segment, offset, paddingBytes } = stop;
    const isWhole = stop.reason === "end";
    const isClosed = isWhole && this.#isClosed(segment);
    const witness = isClosed ? undefined : this.#start.witness?.(this.#lastEventId);
    const tail = isWhole && witness === undefined ? undefined : this.#judge(stop, witness);
    return {
      lastEventId: this.#lastEventId,
      segment,
      offset,
      lineOffset: this.#lineOffset,
      doubtOffset: this.#doubtful[0]?.offset ?? offset,
      paddingBytes,
      bytesRead: this.#bytesRead,
      isClosed,
      tail,
    };
  }

  /** Returns true if the last event, which is in this segment, closed the runtime. */
  #isClosed(first: number): boolean {
    if (this.#lineOffset === 0) return false;
    return withSegment(
      this.#place,
      first,
      ({ file }) => isOfType(readBytes(file, this.#lineOffset, HEAD_BYTES), 0, "runtime.closed"),
    );
  }

  /** Judges a bad line, or a missing one. Throws `store_corrupt` if it is damage. */
  #judge({ segment: first, offset, end }: ScanStop, witness: LogWitness | undefined): Tail {
    const k = this.#lastEventId + 1;
    const later = this.#segments.filter((segment) => segment > first);
    return withSegment(this.#place, first, ({ file, name, start }) => {
      const row = judgeTail({
        k,
        checkpointThrough: this.#start.through,
        // A segment is created only after all events before it are synced, so its name is proof of that.
        durableAfter: Math.max(durableIn(file, offset), ...later.map((segment) => segment - 1)),
        witnessedThrough: witness?.eventId ?? 0,
        nextSegment: later[0] ?? 0,
        bytesAfter: end - offset,
        headerBytes: offset === 0 ? start : 0,
      });
      if (row.losesNothing) throw corrupt(name, row.reason, { byteOffset: offset });
      if (row.verdict !== "corrupt") return { row, bytes: end - offset };
      const found = offset === end ? "missing" : "damaged";
      const proof = witness === undefined
        ? ""
        : ` (${JSON.stringify(witness.file)} holds event ${witness.eventId})`;
      throw corrupt(name, `event ${k} is ${found}${proof}: ${row.reason}${conversionHint(file)}`, {
        byteOffset: offset,
        eventIds: [k, Math.max(k, witness?.eventId ?? 0)],
      });
    });
  }
}

/** Returns true if the header is intact; false also for an unfinished segment in reused space of a removed file. */
function hasHeader(segment: Segment): boolean {
  try {
    return segment.hasHeader();
  } catch (error) {
    const isUnfinished = segment.file.stat().size <= segment.start && isRuntimeError(error) &&
      error.code === "store_corrupt";
    if (isUnfinished) return false;
    throw error;
  }
}

/** Returns true if the bytes from `offset` to `endOffset` are the intact line of an event. */
function isEventAt(file: OpenFile, offset: number, endOffset: number, eventId: number): boolean {
  const [line] = intactLines(file, offset, endOffset);
  return line?.id === eventId && line.offset === offset && line.endOffset === endOffset;
}

/** The highest `durable` of the intact lines from an offset on; a bounded part of the file is examined. */
function durableIn(file: OpenFile, from: number): number {
  let highest = 0;
  const to = Math.min(file.stat().size, from + 2 * LINE_BYTES_MAX);
  for (const { durable } of intactLines(file, from, to)) highest = Math.max(highest, durable);
  return highest;
}

/**
 * Recovery of the log: reads what lies behind the checkpoint, line by line,
 * and decides by `tail_table.ts` what a bad line means. Reads only; what
 * is to be done is returned.
 *
 * @module
 */
import { isRuntimeError } from "../../core/errors.ts";
import { conversionHint } from "../lines/conversion.ts";
import { closeQuietly, readBytes, withFile } from "../disk/files.ts";
import { corrupt, guarded, storeFault } from "../disk/faults.ts";
import type { FileSystem, OpenFile } from "../disk/file_system.ts";
import { nameOf, type RuntimeLayout, segmentPath } from "../layout.ts";
import { type Line, scanLines } from "../lines/scanner.ts";
import { isIntact, lineMarks } from "../lines/codec.ts";
import { contentSize } from "../log/padding.ts";
import { judgeTail, type TailRow, TORN_BYTES_MAX } from "../log/tail_table.ts";
import { isSegmentHeader, segmentHeader } from "../log/segments.ts";

/** The head of an event that closes the runtime in good order. */
export const CLOSE: RegExp = /^\{"id":\d+,"at":"[^"]*","type":"runtime\.closed"/;
const HEAD_BYTES = 96;
const decoder = new TextDecoder();

/** A place in the log, just behind an event. */
export interface LogPosition {
  /** First event id of the segment. */
  readonly segment: number;
  /** Offset just behind the event's line. */
  readonly offset: number;
  /** Offset of the event's line itself; 0 when the event is the last of the segment before this one. */
  readonly lineOffset: number;
}

/** From where the log is to be read. */
export interface LogStart {
  /** The last event that needs no reading: the one the checkpoint covers, or 0. */
  readonly through: number;
  /** Where that event is; absent without a checkpoint. */
  readonly position: LogPosition | undefined;
  /** Asked at the end of a log that was not closed: what else proves that events behind this one were synced. */
  readonly witness?: (lastEventId: number) => LogWitness | undefined;
}

/** Proof that the log went on. */
export interface LogWitness {
  /** The file that proves it. */
  readonly file: string;
  /** The last event that it proves to have been synced. */
  readonly eventId: number;
}

/** The end of the log as it was found. */
export interface LogEnd {
  /** The last event; the one before the first segment when there is none. */
  readonly lastEventId: number;
  /** First event id of the last segment. */
  readonly segment: number;
  /** Offset behind the last good line of the last segment. */
  readonly offset: number;
  /** Offset of the last event's line; 0 when the last segment holds none. */
  readonly lineOffset: number;
  /** Offset from which lines are not known to be on the device; equals `offset` when all are. */
  readonly doubtOffset: number;
  /** Room behind all that, which is no content; see `log_room.ts`. */
  readonly paddingBytes: number;
  /** Bytes of events behind the start of the reading. */
  readonly bytesRead: number;
  /** Whether the log ends with a close in good order. */
  readonly isClosed: boolean;
  /** What to do about a bad line, when there is one. */
  readonly tail: Tail | undefined;
}

/** A bad line that is not damage. */
export interface Tail {
  /** The row of the table that decided. */
  readonly row: TailRow;
  /** First event id of the segment that holds it. */
  readonly segment: number;
  /** Offset of the bad line. */
  readonly offset: number;
  /** Bytes from there to the end of the segment. */
  readonly bytes: number;
  /** The event id that it should carry. */
  readonly k: number;
}

/** An event's line while the log is read. */
export interface LoggedLine extends Line {
  /** The event's id. */
  readonly id: number;
  /** The highest event that is known to be on the device by now. */
  readonly durable: number;
}

interface Cursor {
  id: number;
  durable: number;
  bytesRead: number;
  lineOffset: number;
  /** Room at the end of the current segment. */
  paddingBytes: number;
  /** Lines of the current segment that are not known to be synced. */
  doubtful: { readonly id: number; readonly offset: number }[];
}

/** Reads the events behind `start`; returns the end of the log. Throws `store_corrupt`, `store_version`. */
export function* readLog(
  fs: FileSystem,
  layout: RuntimeLayout,
  runtimeId: string,
  segments: readonly number[],
  start: LogStart,
): Generator<LoggedLine, LogEnd, void> {
  const reader = new LogReader(fs, layout, runtimeId, segments, start);
  return yield* reader.read();
}

class LogReader {
  readonly #fs: FileSystem;
  readonly #layout: RuntimeLayout;
  readonly #runtimeId: string;
  readonly #segments: readonly number[];
  readonly #start: LogStart;
  readonly #cursor: Cursor;

  constructor(
    fs: FileSystem,
    layout: RuntimeLayout,
    runtimeId: string,
    segments: readonly number[],
    start: LogStart,
  ) {
    this.#fs = fs;
    this.#layout = layout;
    this.#runtimeId = runtimeId;
    this.#segments = segments;
    this.#start = start;
    const { through, position } = start;
    this.#cursor = {
      id: through,
      durable: through,
      bytesRead: 0,
      lineOffset: position?.lineOffset ?? 0,
      paddingBytes: 0,
      doubtful: [],
    };
  }

  *read(): Generator<LoggedLine, LogEnd, void> {
    const first = this.#firstSegment();
    for (const [index, segment] of this.#segments.entries()) {
      if (segment < first) continue;
      if (segment !== first && segment !== this.#cursor.id + 1) throw this.#gap(segment);
      const end = yield* this.#readSegment(index, segment, segment === first);
      if (end !== undefined) return end;
    }
    throw corrupt("events", "the log has no segment", { eventIds: [1, 1] });
  }

  /** The segment to begin with. Throws when the log does not reach what the checkpoint covers. */
  #firstSegment(): number {
    const { through, position } = this.#start;
    const first = position?.segment ?? this.#segments[0];
    if (first === undefined || !this.#segments.includes(first)) {
      throw corrupt("events", `the segment that holds event ${through} is missing`, {
        eventIds: [through, through],
      });
    }
    if (position === undefined && first !== 1) {
      throw corrupt(
        "events",
        `the log begins with event ${first}, and no checkpoint covers those before it`,
        {
          eventIds: [1, first - 1],
        },
      );
    }
    return first;
  }

  #gap(segment: number): Error {
    const missing = this.#cursor.id + 1;
    const file = nameOf(this.#layout, segmentPath(this.#layout, segment));
    if (segment > missing) {
      return corrupt("events", `events ${missing} to ${segment - 1} are missing`, {
        eventIds: [missing, segment - 1],
      });
    }
    return corrupt(file, `it begins with event ${segment}, which the segment before it holds too`);
  }

  /** Reads one segment; returns the end of the log when this is where it ends. */
  *#readSegment(
    index: number,
    segment: number,
    isFirst: boolean,
  ): Generator<LoggedLine, LogEnd | undefined, void> {
    const path = segmentPath(this.#layout, segment);
    const file = guarded("open", path, () => this.#fs.open(path, "read"));
    try {
      const size = contentSize(file);
      this.#cursor.paddingBytes = file.stat().size - size;
      const position = isFirst ? this.#start.position : undefined;
      if (position !== undefined) this.#checkPosition(file, path, size, position, segment);
      else if (!this.#checkHeader(file, path, segment)) return this.#end(index, segment, 0, size);
      const from = position?.offset ?? segmentHeader(this.#runtimeId, segment).length;
      if (position === undefined) this.#enter(segment);
      const offset = yield* this.#readLines(file, from, size);
      const isLast = index === this.#segments.length - 1;
      return offset < size || isLast ? this.#end(index, segment, offset, size) : undefined;
    } catch (error) {
      throw storeFault(error, "read", path);
    } finally {
      closeQuietly(file);
    }
  }

  /** The header of a segment says that all before it had been synced. */
  #enter(segment: number): void {
    this.#cursor.durable = Math.max(this.#cursor.durable, segment - 1);
    this.#cursor.doubtful = [];
    this.#cursor.lineOffset = 0;
  }

  #checkHeader(file: OpenFile, path: string, segment: number): boolean {
    const expected = segmentHeader(this.#runtimeId, segment).length;
    const { size } = file.stat();
    const { value: line } = scanLines(file, 0, size, expected * 4).next();
    if (line === undefined || !line.terminated) return false;
    const bytes = line.bytes.subarray(line.start, line.end);
    try {
      return isSegmentHeader(bytes, this.#runtimeId, segment, nameOf(this.#layout, path));
    } catch (error) {
      // Space that was assigned and never written may hold a line of a file that was removed.
      const isUnfinished = size <= expected && isRuntimeError(error) && error.code === "store_corrupt";
      if (isUnfinished) return false;
      throw error;
    }
  }

  /** The line that the checkpoint names must be there, whole: else this is not the log that it was taken of. */
  #checkPosition(file: OpenFile, path: string, size: number, position: LogPosition, segment: number): void {
    const { through } = this.#start;
    const eventIds: readonly [number, number] = [through, through];
    const name = nameOf(this.#layout, path);
    if (size < position.offset) {
      throw corrupt(
        name,
        `it ends before event ${through}, which a checkpoint covers: an older copy, or one taken while the store was in use?`,
        {
          byteOffset: size,
          eventIds,
        },
      );
    }
    const { value: line } = scanLines(file, position.lineOffset, position.offset, TORN_BYTES_MAX).next();
    const isThere = position.lineOffset === 0
      ? this.#checkHeader(file, path, segment)
      : line !== undefined && line.terminated && line.endOffset === position.offset &&
        isIntact(line.bytes, line.start, line.end) &&
        lineMarks(line.bytes, line.start, line.end)?.id === through;
    if (isThere) return;
    const reason = `event ${through}, which a checkpoint covers, is not where it was${conversionHint(file)}`;
    throw corrupt(name, reason, {
      byteOffset: position.lineOffset,
      eventIds,
    });
  }

  /** Gives the good lines; returns the offset behind the last of them. */
  *#readLines(file: OpenFile, from: number, size: number): Generator<LoggedLine, number, void> {
    const cursor = this.#cursor;
    let offset = from;
    for (const line of scanLines(file, from, size, TORN_BYTES_MAX)) {
      const marks = line.terminated && isIntact(line.bytes, line.start, line.end)
        ? lineMarks(line.bytes, line.start, line.end)
        : undefined;
      if (marks === undefined || marks.id !== cursor.id + 1 || marks.durable >= marks.id) return offset;
      cursor.id = marks.id;
      cursor.durable = Math.max(cursor.durable, marks.durable);
      cursor.lineOffset = line.offset;
      cursor.bytesRead += line.endOffset - line.offset;
      while ((cursor.doubtful[0]?.id ?? Infinity) <= cursor.durable) cursor.doubtful.shift();
      cursor.doubtful.push({ id: marks.id, offset: line.offset });
      offset = line.endOffset;
      yield { ...line, id: marks.id, durable: cursor.durable };
    }
    return offset;
  }

  #end(index: number, segment: number, offset: number, size: number): LogEnd {
    const cursor = this.#cursor;
    const isLast = index === this.#segments.length - 1;
    const isWhole = offset === size && offset > 0 && isLast;
    const isClosed = isWhole && this.#isClosed(segment, offset);
    const witness = isClosed ? undefined : this.#start.witness?.(cursor.id);
    const tail = isWhole && witness === undefined
      ? undefined
      : this.#judge(index, segment, offset, size, witness);
    return {
      lastEventId: cursor.id,
      segment,
      offset,
      lineOffset: cursor.lineOffset,
      doubtOffset: cursor.doubtful[0]?.offset ?? offset,
      paddingBytes: cursor.paddingBytes,
      bytesRead: cursor.bytesRead,
      isClosed,
      tail,
    };
  }

  /** Whether the last event, whose line ends at `offset`, is a close in good order. */
  #isClosed(segment: number, offset: number): boolean {
    const { lineOffset } = this.#cursor;
    if (lineOffset === 0) return false;
    const path = segmentPath(this.#layout, segment);
    return guarded("read", path, () =>
      withFile(this.#fs, path, "read", (file) => {
        const head = readBytes(file, lineOffset, Math.min(HEAD_BYTES, offset - lineOffset));
        return CLOSE.test(decoder.decode(head));
      }));
  }

  /** Weighs a bad line at `offset`, or a missing one. Throws `store_corrupt` when it is damage. */
  #judge(
    index: number,
    segment: number,
    offset: number,
    size: number,
    witness: LogWitness | undefined,
  ): Tail {
    const k = this.#cursor.id + 1;
    const later = this.#segments.slice(index + 1);
    const path = segmentPath(this.#layout, segment);
    const row = judgeTail({
      k,
      checkpointThrough: this.#start.through,
      // A segment is only created once all events before it are synced, so a later one's name is a witness.
      durableBehind: Math.max(this.#durableBehind(path, offset), ...later.map((first) => first - 1)),
      witnessedThrough: witness?.eventId ?? 0,
      bytesBehind: size - offset,
      headerBytes: offset === 0 ? segmentHeader(this.#runtimeId, segment).length : 0,
    });
    if (later[0] === k) {
      throw corrupt(
        nameOf(this.#layout, path),
        "something lies behind its last event, though the log goes on",
        {
          byteOffset: offset,
        },
      );
    }
    if (row.verdict !== "corrupt") return { row, segment, offset, bytes: size - offset, k };
    const found = offset === size ? "missing" : "damaged";
    const holds = witness === undefined
      ? ""
      : ` (${JSON.stringify(witness.file)} holds event ${witness.eventId})`;
    const hint = withFile(this.#fs, path, "read", conversionHint);
    throw corrupt(nameOf(this.#layout, path), `event ${k} is ${found}${holds}: ${row.reason}${hint}`, {
      byteOffset: offset,
      eventIds: [k, Math.max(k, witness?.eventId ?? 0)],
    });
  }

  /** The highest `durable` of the intact lines from `offset` on; a bounded stretch is enough to tell. */
  #durableBehind(path: string, offset: number): number {
    return guarded("read", path, () =>
      withFile(this.#fs, path, "read", (file) => {
        const end = Math.min(file.stat().size, offset + 2 * TORN_BYTES_MAX);
        let durable = 0;
        for (const line of scanLines(file, offset, end, 2 * TORN_BYTES_MAX)) {
          if (!line.terminated || !isIntact(line.bytes, line.start, line.end)) continue;
          durable = Math.max(durable, lineMarks(line.bytes, line.start, line.end)?.durable ?? 0);
        }
        return durable;
      }));
  }
}

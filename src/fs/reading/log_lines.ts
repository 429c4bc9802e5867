/**
 * The lines of the log between two events, in order, for operations that read
 * all of it. Checks that every line is intact and in its place, and folds no
 * state.
 *
 * @module
 */
import { Slices } from "../../core/turn.ts";
import { corrupt, isNotFound } from "../disk/faults.ts";
import { conversionHint } from "../lines/conversion.ts";
import { type LogLine, LogScan, type ScanRange } from "../log/scan.ts";
import { cursorExpired, listSegments, openSegment, type Segment, withSegment } from "../log/segments.ts";
import type { FoundPlace } from "../place/find.ts";

/** Bytes between two pauses. */
const SLICE_BYTES = 262_144;

/** Counts the bytes read; an error that it throws ends the read. */
export interface ByteMeter {
  /** Adds to the bytes read. */
  add(bytes: number): void;
}

/** A range of the log with its last event. */
export interface LogStretch extends ScanRange {
  /** The last event wanted. */
  readonly through: number;
}

/**
 * The lines of a range of the log. Throws `store_corrupt` at the first damaged
 * or missing line, `cursor_expired` if a segment was pruned meanwhile.
 */
export async function* logLines(
  place: FoundPlace,
  stretch: LogStretch,
  meter?: ByteMeter,
): AsyncGenerator<LogLine, void, void> {
  const scan = new LogScan(place, stretch, { open: (first) => openKept(place, first) });
  const slices = new Slices();
  let read = 0;
  let offset = 0;
  for (const line of scan) {
    // The offset decreases only from one segment to the next.
    read += line.endOffset - (line.offset < offset ? 0 : offset);
    offset = line.endOffset;
    if (line.id > stretch.after) yield line;
    if (read < SLICE_BYTES) continue;
    meter?.add(read);
    read = 0;
    await slices.pause();
  }
  const { end, paddingBytes } = scan.stop;
  meter?.add(read + Math.max(0, end + paddingBytes - offset));
  if (scan.lastEventId < stretch.through) throw missing(place, scan, stretch.through);
}

/** Opens a segment. Throws `cursor_expired` if the log begins after it by now. */
export function openKept(place: FoundPlace, segment: number): Segment {
  try {
    return openSegment(place, segment);
  } catch (error) {
    const [oldest = 0] = isNotFound(error) ? listSegments(place.fs, place.layout).firstEventIds : [];
    throw oldest > segment ? cursorExpired(segment - 1, oldest) : error;
  }
}

/** The error for the event at which a scan stopped too early. */
function missing(place: FoundPlace, { stop, lastEventId }: LogScan, through: number): Error {
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

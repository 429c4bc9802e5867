/**
 * The lines of the log between two events, in order, for operations that go
 * through all of it: no state is folded here, only that every line is whole
 * and in its place.
 *
 * @module
 */
import { conversionHint } from "../../fs/lines/conversion.ts";
import { Slices } from "../../core/turn.ts";
import { corrupt, isNotFound, storeFault } from "../../fs/disk/faults.ts";
import type { OpenFile } from "../../fs/disk/file_system.ts";
import { nameOf, type RuntimeLayout, segmentPath } from "../../fs/layout.ts";
import { type Line, scanLines } from "../../fs/lines/scanner.ts";
import { idOf, isIntact } from "../../fs/lines/codec.ts";
import { contentSize } from "../../fs/log/padding.ts";
import { TORN_BYTES_MAX } from "../../fs/log/tail_table.ts";
import { cursorExpired, listSegments, segmentHeader } from "../../fs/log/segments.ts";
import type { FoundPlace, Meter } from "../options.ts";

/** A stretch of the log. */
export interface LogStretch {
  /** First event ids of the segments, in order. */
  readonly segments: readonly number[];
  /** Begin after this event. */
  readonly after: number;
  /** The last event wanted. */
  readonly through: number;
}

/** A line of the log, in a buffer that the next step may overwrite. */
export interface EventLine extends Line {
  /** The event's id. */
  readonly id: number;
}

/**
 * The lines of a range of the log. Throws `store_corrupt` at the first damaged
 * or missing line, `cursor_expired` if a segment was pruned meanwhile.
 */
export async function* logLines(
  place: FoundPlace,
  stretch: LogStretch,
  meter?: Meter,
): AsyncGenerator<EventLine, void, void> {
  const { segments, after, through } = stretch;
  const first = segments.findLastIndex((segment) => segment <= after + 1);
  let expected = segments[Math.max(0, first)] ?? 1;
  for (const segment of segments.slice(Math.max(0, first))) {
    if (segment > through) return;
    if (segment !== expected) {
      throw corrupt("events", `events ${expected} to ${segment - 1} are missing`, {
        eventIds: [expected, segment - 1],
      });
    }
    expected = yield* linesOfSegment(place, segment, stretch, meter);
  }
  if (expected <= through) {
    throw corrupt("events", `events ${expected} to ${through} are missing`, {
      eventIds: [expected, through],
    });
  }
}

async function* linesOfSegment(
  place: FoundPlace,
  segment: number,
  { after, through }: LogStretch,
  meter: Meter | undefined,
): AsyncGenerator<EventLine, number, void> {
  const { layout, runtimeId } = place;
  const path = segmentPath(layout, segment);
  const file = openSegment(place, segment);
  const slices = new Slices();
  let expected = segment;
  let counted = 0;
  try {
    const start = segmentHeader(runtimeId, segment).length;
    for (const line of scanLines(file, start, contentSize(file), TORN_BYTES_MAX)) {
      const id = checkedId(line, expected, layout, path, file);
      expected = id + 1;
      if (id > after) yield { ...line, id };
      if (id === through) break;
      if (line.endOffset - counted < 262_144) continue;
      meter?.add(line.endOffset - counted);
      counted = line.endOffset;
      await slices.pause();
    }
    meter?.add(Math.max(0, file.stat().size - counted));
    return expected;
  } finally {
    file.close();
  }
}

/** Opens a segment. Throws `cursor_expired` if the log begins after it by now. */
export function openSegment({ fs, layout }: FoundPlace, segment: number): OpenFile {
  const path = segmentPath(layout, segment);
  try {
    return fs.open(path, "read");
  } catch (error) {
    const [oldest = 0] = isNotFound(error) ? listSegments(fs, layout).firstEventIds : [];
    throw oldest > segment ? cursorExpired(segment - 1, oldest) : storeFault(error, "open", path);
  }
}

function checkedId(
  line: Line,
  expected: number,
  layout: RuntimeLayout,
  path: string,
  file: OpenFile,
): number {
  const { bytes, start, end, terminated, offset } = line;
  const id = terminated && isIntact(bytes, start, end) ? idOf(bytes, start) : 0;
  if (id === expected) return id;
  throw corrupt(nameOf(layout, path), `the line of event ${expected} is damaged${conversionHint(file)}`, {
    byteOffset: offset,
    eventIds: [expected, expected],
  });
}

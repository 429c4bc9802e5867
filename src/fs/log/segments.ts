/**
 * Segments: the files of the log, each named by its first event id. The first
 * line is a header, which is synced before the first event is written behind
 * it.
 *
 * @module
 */
import { join } from "@std/path";
import type { Notice } from "../../core/diagnostics.ts";
import { type FileSpot, RuntimeError } from "../../core/errors.ts";
import { assertDirectory, notAFile, removeQuietly, TEMPORARY_SUFFIX } from "../disk/files.ts";
import { corrupt, guarded } from "../disk/faults.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { FORMAT_VERSION, nameOf, type RuntimeLayout, segmentFirstEventId, segmentPath } from "../layout.ts";
import { encodeLines, eventText, isIntact, logText } from "../lines/codec.ts";
import { plainLines } from "../../core/json.ts";
import { checkSeal, parseObject } from "../lines/sealed.ts";

const FORMAT = "worker-runtime/events";

/** The bytes of a segment's header. They depend on nothing but the runtime and the first event. */
export function segmentHeader(runtimeId: string, firstEventId: number): Uint8Array {
  const previousEventId = firstEventId - 1;
  const header = { format: FORMAT, version: FORMAT_VERSION, runtimeId, firstEventId, previousEventId };
  const line = logText([{ json: plainLines(JSON.stringify(header)) }], previousEventId);
  const bytes = new Uint8Array(line.text.length * 3);
  const ends = encodeLines(line, bytes, 0);
  return bytes.slice(0, ends?.[0]);
}

/**
 * Whether `line` (without its newline) is the header of the segment. Throws
 * `store_version` for a newer format, `store_corrupt` for an intact header of
 * something else.
 */
export function isSegmentHeader(
  line: Uint8Array,
  runtimeId: string,
  firstEventId: number,
  file: string,
): boolean {
  if (!isIntact(line, 0, line.length)) return false;
  const header = checkSeal(
    parseObject(eventText(line, 0, line.length), file),
    { format: FORMAT, runtimeId },
    file,
  );
  if (header.firstEventId !== firstEventId || header.previousEventId !== firstEventId - 1) {
    throw corrupt(file, `its header says that it begins with event ${header.firstEventId}`, {
      byteOffset: 0,
    });
  }
  return true;
}

/** What lies in the directory of the log. */
export interface SegmentListing {
  /** First event ids of the segments, in order. */
  readonly firstEventIds: readonly number[];
  /** Names that are no segments. */
  readonly foreign: readonly string[];
  /** Temporary files that a crash left. */
  readonly temporary: readonly string[];
}

/**
 * Lists the segments. Throws `store_corrupt` if the directory is missing or not a directory. Anything but a file
 * under the name of a segment is left out; `onOdd` receives the error and the first event id. @default throws the error
 */
export function listSegments(
  fs: FileSystem,
  layout: RuntimeLayout,
  onOdd: (error: RuntimeError<"store_corrupt">, firstEventId: number) => void = refuse,
): SegmentListing {
  const entries = guarded("list", layout.events, () => {
    if (fs.stat(layout.events)?.kind === "directory") return fs.list(layout.events);
    assertDirectory(fs, layout.events, "events");
    throw corrupt("events", "the directory of the log is missing");
  });
  const firstEventIds: number[] = [];
  const foreign: string[] = [];
  const temporary: string[] = [];
  for (const { name, kind } of entries) {
    const id = segmentFirstEventId(name);
    if (id !== undefined && kind === "file") firstEventIds.push(id);
    else if (id !== undefined) onOdd(corrupt(`events/${name}`, notAFile(kind)), id);
    else if (name.endsWith(TEMPORARY_SUFFIX) && kind === "file") temporary.push(name);
    else foreign.push(name);
  }
  return { firstEventIds: firstEventIds.sort((a, b) => a - b), foreign, temporary };
}

/** The segment that holds an event. */
export function segmentSpot(layout: RuntimeLayout, segments: readonly number[], eventId: number): FileSpot {
  const segment = segments.findLast((first) => first <= eventId);
  return { file: segment === undefined ? "events" : nameOf(layout, segmentPath(layout, segment)) };
}

/** The error for events that are no longer kept. */
export function cursorExpired(after: number, firstEventId: number): RuntimeError<"cursor_expired"> {
  const message = `Cannot read events after ${after}: the oldest that is kept is ${firstEventId}`;
  return new RuntimeError("cursor_expired", message, { after, firstEventId });
}

function refuse(error: RuntimeError): never {
  throw error;
}

/** Removes what was never finished, and tells of what is none of the store's. */
export function sweepStrays(
  fs: FileSystem,
  layout: RuntimeLayout,
  { foreign, temporary }: SegmentListing,
  notice: (notice: Notice) => void,
): void {
  for (const name of temporary) removeQuietly(fs, join(layout.events, name));
  for (const name of foreign) {
    const file = `events/${name}`;
    const message = `${JSON.stringify(file)} is none of the store's files`;
    notice({ code: "foreign_entry", severity: "warning", message, file });
  }
}

/**
 * Segments: the files of the log, each named by its first event id. The first
 * line is a header, which is synced before the first event is written after
 * it.
 *
 * @module
 */
import { join } from "@std/path";
import type { FileSpot, RuntimeError } from "../../core/errors.ts";
import type { PrunedEvents } from "../../core/store.ts";
import {
  closeQuietly,
  isPresent,
  readBytes,
  removeQuietly,
  sizeOf,
  TEMPORARY_SUFFIX,
  wrongKind,
} from "../disk/files.ts";
import { corrupt, guarded, guardedAsync } from "../disk/faults.ts";
import type { OpenFile, OpenMode } from "../disk/file_system.ts";
import {
  type Files,
  FORMAT_VERSION,
  nameOf,
  type Place,
  type RuntimeLayout,
  segmentFirstEventId,
  segmentPath,
  type WatchedPlace,
} from "../layout.ts";
import { encodeLines, eventText, isIntact, logText, NEWLINE } from "../lines/codec.ts";
import { plainLines } from "../../core/json.ts";
import { checkSeal, parseObject } from "../lines/sealed.ts";
import { contentSize } from "./padding.ts";

const FORMAT = "worker-runtime/events";
/** Bytes by which the header of a newer version may be longer. */
const HEADER_EXTRA_BYTES = 4_096;

/** A place in the log, directly after an event. */
export interface LogPosition {
  /** First event id of the segment. */
  readonly segment: number;
  /** Byte offset after the event's line. */
  readonly offset: number;
  /** Byte offset of the event's line; 0 if the event is the last of the previous segment. */
  readonly lineOffset: number;
}

/** An open segment. */
export class Segment {
  /** Path of the file. */
  readonly path: string;
  /** Name of the file in errors and diagnostics. */
  readonly name: string;
  /** Byte offset of the first event, after the header. */
  readonly start: number;
  readonly #runtimeId: string;
  #end: number | undefined;

  /** A segment that begins with an event, in an open file. */
  constructor({ layout, runtimeId }: Place, readonly first: number, readonly file: OpenFile) {
    this.path = segmentPath(layout, first);
    this.name = nameOf(layout, this.path);
    this.start = segmentHeader(runtimeId, first).length;
    this.#runtimeId = runtimeId;
  }

  /** Byte offset at which its content ends, before any padding. Measured once. */
  get end(): number {
    return this.#end ??= contentSize(this.file);
  }

  /** Bytes of padding after the content. */
  get paddingBytes(): number {
    return this.file.stat().size - this.end;
  }

  /**
   * Returns true if its header is intact. Throws `store_version` for a newer
   * format or an unknown feature, `store_corrupt` for the intact header of something else.
   */
  hasHeader(): boolean {
    const bytes = readBytes(this.file, 0, this.start + HEADER_EXTRA_BYTES);
    const end = bytes.indexOf(NEWLINE);
    if (!isIntact(bytes, 0, end)) return false;
    const seal = { format: FORMAT, runtimeId: this.#runtimeId };
    const header = checkSeal(parseObject(eventText(bytes, 0, end), this.name), seal, this.name);
    if (header.firstEventId === this.first && header.previousEventId === this.first - 1) return true;
    const reason = `its header says that it begins with event ${header.firstEventId}`;
    throw corrupt(this.name, reason, { byteOffset: 0 });
  }
}

/** Opens a segment. */
export function openSegment(place: Place, first: number, mode: OpenMode = "read"): Segment {
  const path = segmentPath(place.layout, first);
  return new Segment(place, first, guarded("open", path, () => place.fs.open(path, mode)));
}

/** Opens a segment for the duration of `work`, which reads it. */
export function withSegment<T>(place: Place, first: number, work: (segment: Segment) => T): T {
  const segment = openSegment(place, first);
  try {
    return guarded("read", segment.path, () => work(segment));
  } finally {
    closeQuietly(segment.file);
  }
}

/** The header of a segment. It depends only on the runtime and the first event. */
export function segmentHeader(runtimeId: string, firstEventId: number): Uint8Array {
  const previousEventId = firstEventId - 1;
  const seal = { format: FORMAT, version: FORMAT_VERSION, runtimeId, requires: [] };
  const header = { ...seal, firstEventId, previousEventId };
  const line = logText([{ json: plainLines(JSON.stringify(header)) }], previousEventId);
  const bytes = new Uint8Array(line.text.length * 3);
  const ends = encodeLines(line, bytes, 0);
  return bytes.slice(0, ends?.[0]);
}

/** Content of the directory of the log. */
export interface SegmentListing {
  /** First event ids of the segments, in order. */
  readonly firstEventIds: readonly number[];
  /** Names that are not those of segments. */
  readonly foreign: readonly string[];
  /** Temporary files left by a crash. */
  readonly temporary: readonly string[];
}

/**
 * Lists the segments. Throws `store_corrupt` if the directory is missing or not a directory. Anything but a file
 * under the name of a segment is left out; `onOdd` receives the error and the first event id. @default throws the error
 */
export function listSegments(
  { fs, layout }: Files,
  onOdd: (error: RuntimeError<"store_corrupt">, firstEventId: number) => void = refuse,
): SegmentListing {
  const entries = guarded("list", layout.events, () => {
    if (isPresent(fs, layout.events, "directory", "events")) return fs.list(layout.events);
    throw corrupt("events", "the directory of the log is missing");
  });
  const firstEventIds: number[] = [];
  const foreign: string[] = [];
  const temporary: string[] = [];
  for (const { name, kind } of entries) {
    const id = segmentFirstEventId(name);
    if (id !== undefined && kind === "file") firstEventIds.push(id);
    else if (id !== undefined) onOdd(corrupt(`events/${name}`, wrongKind(kind, "file")), id);
    else if (name.endsWith(TEMPORARY_SUFFIX) && kind === "file") temporary.push(name);
    else foreign.push(name);
  }
  return { firstEventIds: firstEventIds.sort((a, b) => a - b), foreign, temporary };
}

/** The file of the segment that holds an event. */
export function segmentSpot(layout: RuntimeLayout, segments: readonly number[], eventId: number): FileSpot {
  const segment = segments.findLast((first) => first <= eventId);
  return { file: segment === undefined ? "events" : nameOf(layout, segmentPath(layout, segment)) };
}

function refuse(error: RuntimeError): never {
  throw error;
}

/** Removes temporary files, and reports entries that are not the store's. */
export function sweepStrays(
  { fs, layout, notice }: WatchedPlace,
  { foreign, temporary }: SegmentListing,
): void {
  for (const name of temporary) removeQuietly(fs, join(layout.events, name));
  for (const name of foreign) {
    const file = `events/${name}`;
    const message = `${JSON.stringify(file)} is none of the store's files`;
    notice({ code: "foreign_entry", severity: "warning", message, file });
  }
}

/** First event ids of the segments that hold no event after `through`; the last one is always kept. */
export function prunable(
  { fs, layout }: Files,
  segments: readonly number[],
  through: number,
): { readonly gone: readonly number[]; readonly pruned: PrunedEvents } {
  const gone = segments.filter((_first, index) => (segments[index + 1] ?? Infinity) - 1 <= through);
  const firstEventId = segments[gone.length] ?? 1;
  const paths = gone.map((segment) => segmentPath(layout, segment));
  const bytes = paths.reduce((sum, path) => sum + sizeOf(fs, path), 0);
  return { gone, pruned: { firstEventId, events: firstEventId - (segments[0] ?? 1), bytes } };
}

/** Removes segments, oldest first. Each removal is synced before the next one, so that no crash leaves a gap. */
export async function removeSegments({ fs, layout }: Files, gone: readonly number[]): Promise<void> {
  const { events } = layout;
  for (const path of gone.map((segment) => segmentPath(layout, segment))) {
    guarded("remove", path, () => fs.remove(path));
    await guardedAsync("sync", events, () => fs.syncDirectory(events));
  }
}

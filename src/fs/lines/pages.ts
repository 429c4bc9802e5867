/**
 * Reads pages of consecutive lines from a file of numbered lines, from either
 * end, and the last line alone. Each line is checked.
 *
 * @module
 */
import { limits } from "../../core/limits.ts";
import { readBytes, readScratch } from "../disk/files.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { isIntact, LINE_BYTES_MAX, NEWLINE } from "./codec.ts";
import { LineReader } from "./reader.ts";
import type { Line } from "./scanner.ts";
import { findLine, type SortedLines } from "./search.ts";

/** Bytes by which a line may be off its estimated offset, besides two lines of average size. */
const NEAR_SLACK_BYTES = 1_024;
/** The most bytes of one read around an estimated page. */
const NEAR_BYTES_MAX = 524_288;
/** Reads around an estimated page before it is searched for. */
const NEAR_TRIES = 3;
/** Bytes read at a time while the size of the rest of a page is unknown. */
const REST_BYTES = 65_536;
/** Bytes of the first read of a last line. */
const TAIL_BYTES = 4_096;

/** A damaged line. Internal to the store, which repairs the file or throws a typed error. */
export class DamagedLine extends Error {
  /** A damaged line at a byte offset. */
  constructor(readonly byteOffset: number) {
    super(`Damaged line at byte ${byteOffset}`);
  }
}

/** Numbers of a page: `from` is included, `to` is not. */
export interface LineRange {
  /** The first number wanted; its line may begin with a lower one. */
  readonly from: number;
  /** The last number wanted, plus one. */
  readonly to: number;
  /** The end whose lines are kept if a page would be too large. */
  readonly keep: "first" | "last";
}

/** Lines of a page. */
export interface LinePage {
  /** Texts of the events in the lines. */
  readonly texts: readonly string[];
  /** Bytes of the lines. */
  readonly bytes: number;
  /** True if lines were left out because of the size of the page. */
  readonly cut: boolean;
}

/** The lines of a page: at least one, otherwise at most `limits.pageBytesMax` bytes. */
export function readLinePage(lines: SortedLines, range: LineRange): LinePage {
  return readNear(lines, range) ?? readFound(lines, range);
}

/**
 * Reads around the estimated offset of the page, and again with a better
 * estimate. Usually lines are about equally long; if not, or if anything is
 * wrong, returns `undefined`, and the page is searched for.
 */
function readNear(lines: SortedLines, { from, to }: LineRange): LinePage | undefined {
  const average = averageBytes(lines);
  const slack = 2 * average + NEAR_SLACK_BYTES;
  const length = (to - from) * average + 2 * slack;
  if (length > NEAR_BYTES_MAX) return undefined;
  const share = (from - lines.first) / (lines.next - lines.first);
  const guess = lines.start + Math.floor((lines.end - lines.start) * share);
  let start = Math.min(guess, lines.end - (to - from) * average) - slack;
  for (let tries = 0; tries < NEAR_TRIES; tries++) {
    // From the byte before: if that is a newline, a line starts exactly at `start`.
    const position = Math.min(Math.max(lines.start, 1, start), lines.end) - 1;
    const bytes = readScratch(lines.file, position, Math.min(length, lines.end - position));
    const line = lineNear(lines, bytes, from, 2 * slack);
    if (line === undefined) return undefined;
    const offset = position + line.start;
    if (line.isWanted) {
      const page = readOn(lines, { from, to }, offset, REST_BYTES, bytes.subarray(line.start));
      return page.cut ? undefined : page;
    }
    start = offset + (from - line.number) * average - slack;
  }
  return undefined;
}

/** The first line in a buffer that ends at or after `number`; a line before it if that begins beyond `distance`. */
function lineNear(
  lines: SortedLines,
  bytes: Uint8Array,
  number: number,
  distance: number,
): { readonly start: number; readonly number: number; readonly isWanted: boolean } | undefined {
  for (let start = bytes.indexOf(NEWLINE) + 1;;) {
    const newline = bytes.indexOf(NEWLINE, start);
    const found = newline === -1 ? 0 : lines.numberOf(bytes, start, newline);
    if (found === 0) return undefined;
    const isBefore = found + lines.countOf(bytes, start, newline) <= number;
    if (!isBefore || start > distance) {
      const isWanted = !isBefore && found <= number && isIntact(bytes, start, newline);
      return { start, number: found, isWanted };
    }
    start = newline + 1;
  }
}

function readFound(lines: SortedLines, range: LineRange): LinePage {
  const { to } = range;
  let { from } = range;
  for (;;) {
    const offset = findLine(lines, from);
    if (offset === undefined) throw new DamagedLine(lines.start);
    const step = Math.min((to - from) * averageBytes(lines) + NEAR_SLACK_BYTES, limits.pageBytesMax);
    const page = readOn(lines, { from, to }, offset, step);
    if (range.keep === "first") return page;
    if (!page.cut || from >= to - 1) return { ...page, cut: from > range.from };
    // Too large for a page that must end at `to`: begin nearer to it.
    from = Math.ceil((from + to) / 2);
  }
}

function averageBytes(lines: SortedLines): number {
  return Math.ceil((lines.end - lines.start) / Math.max(1, lines.next - lines.first));
}

/**
 * Reads lines from `offset` on, up to the number `to` or the size of a page.
 * `first` holds the line at `offset` if it was read already; otherwise `step`
 * bytes are read at first.
 *
 * Each line is checked: its checksum, its number, and that it follows the
 * previous one. Lines that were lost, duplicated, moved or inserted have valid
 * checksums; only their numbers reveal them.
 */
function readOn(
  lines: SortedLines,
  { from, to }: Pick<LineRange, "from" | "to">,
  offset: number,
  step: number,
  first?: Uint8Array,
): LinePage {
  const page = { texts: [] as string[], bytes: 0, cut: false };
  let bytes = first;
  let next = 0;
  for (let position = offset; position < lines.end; position = offset + page.bytes) {
    const length = Math.min(step, lines.end - position);
    bytes ??= readScratch(lines.file, position, length);
    const line = new LineReader(bytes);
    // Bytes after the last line wanted, damaged or not, belong to another page.
    while (next < to && line.advance()) {
      const after = numberAfter(lines, bytes, line, from, next);
      if (after === 0) throw new DamagedLine(offset + page.bytes);
      const lineBytes = line.end + 1 - line.start;
      page.cut = next !== 0 && page.bytes + lineBytes > limits.pageBytesMax;
      if (page.cut) return page;
      page.texts.push(line.eventText());
      page.bytes += lineBytes;
      next = after;
    }
    if (next >= to) return page;
    const isStuck = offset + page.bytes === position;
    const atEnd = position + bytes.length >= lines.end || bytes.length < length;
    if (isStuck && (atEnd || step > LINE_BYTES_MAX)) throw new DamagedLine(position);
    step = isStuck ? step * 4 : Math.max(step, REST_BYTES);
    bytes = undefined;
  }
  if (next < Math.min(to, lines.next)) throw new DamagedLine(offset + page.bytes);
  return page;
}

/**
 * The number after those of a line; 0 if it is not intact, or not the next one.
 * `next` is the number expected; 0 for the first line of a page, which holds `from`.
 */
function numberAfter(
  lines: SortedLines,
  bytes: Uint8Array,
  { start, end }: LineReader,
  from: number,
  next: number,
): number {
  const number = lines.numberOf(bytes, start, end);
  if (number === 0 || !isIntact(bytes, start, end)) return 0;
  const after = number + lines.countOf(bytes, start, end);
  const isNext = next === 0 ? number <= from && from < after : number === next;
  return isNext ? after : 0;
}

/**
 * Reads the last line that ends in a newline between `start` and `end`, if any;
 * `bytes` are the line alone, without its newline. Throws {@linkcode DamagedLine}
 * unless it is intact, or if the file ends before `end`.
 */
export function lastLine(
  file: OpenFile,
  start: number,
  end: number,
): Pick<Line, "bytes" | "offset" | "endOffset"> | undefined {
  if (end <= start) return undefined;
  for (let length = TAIL_BYTES;; length *= 4) {
    const from = Math.max(start, end - length);
    const bytes = readBytes(file, from, end - from);
    if (bytes.length < end - from) throw new DamagedLine(from);
    const newline = bytes.lastIndexOf(NEWLINE);
    const before = newline <= 0 ? -1 : bytes.lastIndexOf(NEWLINE, newline - 1);
    if (before === -1 && from > start) continue;
    if (newline === -1) return undefined;
    const offset = from + before + 1;
    if (!isIntact(bytes, before + 1, newline)) throw new DamagedLine(offset);
    return { bytes: bytes.subarray(before + 1, newline), offset, endOffset: from + newline + 1 };
  }
}

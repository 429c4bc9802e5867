/**
 * Finds a line by its number in a file of lines with rising numbers:
 * interpolation on byte offsets, then a short read. A few small reads, and no
 * index file.
 *
 * @module
 */
import type { OpenFile } from "../disk/file_system.ts";
import { readScratch } from "../disk/files.ts";
import { LINE_BYTES_MAX, NEWLINE } from "./codec.ts";

const PROBE_BYTES = 4_096;
/** A range this short is read and searched line by line. */
const STRETCH_BYTES = 16_384;

/** A file of lines with rising numbers. */
export interface SortedLines {
  /** The file. */
  readonly file: OpenFile;
  /** Byte offset of the first line. */
  readonly start: number;
  /** Byte offset after the last line. */
  readonly end: number;
  /** Number of the first line. */
  readonly first: number;
  /** A number greater than that of the last line, for interpolation. */
  readonly next: number;
  /** The number of a line in a buffer; 0 if it has none. */
  numberOf(bytes: Uint8Array, start: number, end: number): number;
  /** The count of numbers in a line in a buffer. Called only for the last line passed to `numberOf`. */
  countOf(bytes: Uint8Array, start: number, end: number): number;
}

interface Place {
  readonly offset: number;
  readonly number: number;
}

/**
 * Byte offset of the last line whose number is at most `number`; `undefined` if
 * anything but a line is found. Does not check the lines.
 */
export function findLine(lines: SortedLines, number: number): number | undefined {
  let low: Place = { offset: lines.start, number: lines.first };
  let high: Place = { offset: lines.end, number: lines.next };
  for (let tries = 0; high.offset - low.offset > STRETCH_BYTES; tries++) {
    const probe = nextLine(lines, guess(low, high, number, tries), high.offset);
    if (probe === undefined) return undefined;
    if (probe.offset >= high.offset) {
      // One line fills the rest of the range: search before it, until it turns out to start at `low`.
      const before = nextLine(lines, low.offset + 1, high.offset);
      if (before === undefined) return undefined;
      if (before.offset >= high.offset) return low.offset;
      if (before.number > number) return low.offset;
      low = before;
    } else if (probe.number > number) high = probe;
    else low = probe;
  }
  return lastNotAbove(lines, low, high, number);
}

/** The next offset to read: interpolated, a little early; halfway every third time, so that odd sizes cannot stall it. */
function guess(low: Place, high: Place, number: number, tries: number): number {
  const span = high.offset - low.offset;
  const share = tries % 3 === 2 ? 0.5 : (number - low.number) / Math.max(1, high.number - low.number);
  const offset = low.offset + Math.floor(span * share) - (tries % 3 === 2 ? 0 : PROBE_BYTES / 2);
  return Math.min(Math.max(offset, low.offset + 1), high.offset - 1);
}

/** The first line that starts at or after `offset`; `number` 0 and offset `limit` if none starts before `limit`. */
function nextLine(lines: SortedLines, offset: number, limit: number): Place | undefined {
  // From the byte before: if that is a newline, a line starts exactly here.
  let from = offset - 1;
  for (let passed = 0; passed <= LINE_BYTES_MAX; passed += PROBE_BYTES / 2) {
    const bytes = readScratch(lines.file, from, Math.min(PROBE_BYTES, lines.end - from));
    const start = bytes.indexOf(NEWLINE) + 1;
    if (from + start >= limit && start > 0) return { offset: limit, number: 0 };
    if (start > 0 && start <= PROBE_BYTES / 2) {
      const number = lines.numberOf(bytes, start, bytes.length);
      return number === 0 ? undefined : { offset: from + start, number };
    }
    if (from + bytes.length >= limit && start === 0) return { offset: limit, number: 0 };
    from += start > 0 ? start - 1 : PROBE_BYTES / 2;
  }
  return undefined;
}

function lastNotAbove(lines: SortedLines, low: Place, high: Place, number: number): number | undefined {
  const bytes = readScratch(lines.file, low.offset, high.offset - low.offset);
  let found = low.offset;
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline === -1 ? bytes.length : newline;
    const current = lines.numberOf(bytes, start, end);
    if (current === 0) return undefined;
    if (current > number) break;
    found = low.offset + start;
    start = end + 1;
  }
  return found;
}

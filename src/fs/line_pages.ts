/**
 * Pages of consecutive lines out of a file of numbered lines, from either
 * end, each line checked before it is given away.
 *
 * @module
 */
import { limits } from "../core/limits.ts";
import { PageLines } from "./page_lines.ts";
import { readScratch } from "./scratch.ts";
import { findLine, type SortedLines } from "./sorted_lines.ts";

const NEWLINE = 0x0a;
/** How far a line may lie from where it should, besides two lines of average size. */
const NEAR_SLACK_BYTES = 1_024;
/** The most that one read around a page is worth. */
const NEAR_BYTES_MAX = 524_288;

/** Thrown inside the store when a line on the way is damaged: healed where it can be, a typed error where not. */
export class DamagedLine extends Error {
  /** Byte offset of the line. */
  readonly byteOffset: number;

  /** A damaged line at an offset. */
  constructor(byteOffset: number) {
    super(`Damaged line at byte ${byteOffset}`);
    this.byteOffset = byteOffset;
  }
}

/** Numbers of a page: from, and up to but not including. */
export interface LineRange {
  /** The first number wanted; it may lie inside a line that begins with a lower one. */
  readonly from: number;
  /** One past the last number wanted. */
  readonly to: number;
  /** From which side to drop lines that are too much for one page. */
  readonly keep: "first" | "last";
}

/** Lines of a page. */
export interface LinePage {
  /** The events in the lines, as text. */
  readonly texts: readonly string[];
  /** Bytes of the lines. */
  readonly bytes: number;
  /** Whether the page ended at its size, before it had all that was asked for. */
  readonly cut: boolean;
}

/** The lines of a page. At least one; else no more than `limits.pageBytesMax`. */
export function readLinePage(lines: SortedLines, range: LineRange): LinePage {
  return readNear(lines, range) ?? readFound(lines, range);
}

/**
 * One read around the place where the page should be. Lines are of about one
 * size more often than not; where they are not, or where anything is wrong,
 * `undefined`: the long way finds out.
 */
function readNear(lines: SortedLines, { from, to }: LineRange): LinePage | undefined {
  const average = averageBytes(lines);
  const slack = 2 * average + NEAR_SLACK_BYTES;
  const share = (from - lines.first) / (lines.next - lines.first);
  const guess = lines.start + Math.floor((lines.end - lines.start) * share);
  const start = Math.max(lines.start, 1, Math.min(guess, lines.end - (to - from) * average) - slack);
  const end = Math.min(lines.end, start + (to - from) * average + 2 * slack);
  if (end - start > NEAR_BYTES_MAX) return undefined;
  // From the byte before: if that is a newline, a line starts exactly at `start`.
  const bytes = readScratch(lines.file, start - 1, end - start + 1);
  const first = firstAbove(lines, bytes, from);
  const page = new PageLines(lines, from, to);
  if (first === undefined || page.take(bytes, first) !== "done") return undefined;
  return { texts: page.texts, bytes: page.bytes, cut: false };
}

/** Where the first line begins that holds `number`, or a higher one. */
function firstAbove(lines: SortedLines, bytes: Uint8Array, number: number): number | undefined {
  for (let start = bytes.indexOf(NEWLINE) + 1;;) {
    const newline = bytes.indexOf(NEWLINE, start);
    const found = newline === -1 ? 0 : lines.numberOf(bytes, start, newline);
    if (found === 0) return undefined;
    if (found + lines.countOf(bytes, start, newline) > number) return start;
    start = newline + 1;
  }
}

function readFound(lines: SortedLines, range: LineRange): LinePage {
  let { from } = range;
  for (;;) {
    const offset = findLine(lines, from);
    if (offset === undefined) throw new DamagedLine(lines.start);
    const page = readOn(lines, offset, from, range.to);
    if (range.keep === "first") return page;
    if (!page.cut || from >= range.to - 1) return { ...page, cut: from > range.from };
    // Too much for a page that must end at `to`: begin nearer to it.
    from = Math.ceil((from + range.to) / 2);
  }
}

function averageBytes(lines: SortedLines): number {
  return Math.ceil((lines.end - lines.start) / Math.max(1, lines.next - lines.first));
}

/**
 * Lines from `offset` on, the first of which holds the number `from`, up to
 * the number `to` or the size of a page.
 */
function readOn(lines: SortedLines, offset: number, from: number, to: number): LinePage {
  const page = new PageLines(lines, from, to);
  let position = offset;
  let step = Math.min((to - from) * averageBytes(lines) + 1_024, limits.pageBytesMax);
  while (position < lines.end) {
    const length = Math.min(step, lines.end - position);
    const bytes = readScratch(lines.file, position, length);
    const before = page.bytes;
    const end = page.take(bytes, 0);
    const taken = page.bytes - before;
    position += taken;
    if (end === "damaged") throw new DamagedLine(position);
    if (end !== "more") return { texts: page.texts, bytes: page.bytes, cut: end === "full" };
    const atEnd = position - taken + bytes.length >= lines.end || bytes.length < length;
    if (taken === 0 && (atEnd || step > lines.lineBytesMax)) throw new DamagedLine(position);
    step = taken === 0 ? step * 4 : Math.max(step, 65_536);
  }
  if (page.next < Math.min(to, lines.next)) throw new DamagedLine(position);
  return { texts: page.texts, bytes: page.bytes, cut: false };
}

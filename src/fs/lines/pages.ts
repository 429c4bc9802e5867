/**
 * Pages of consecutive lines out of a file of numbered lines, from either
 * end, each line checked before it is given away.
 *
 * @module
 */
import { limits } from "../../core/limits.ts";
import { PageLines, type TakingEnd } from "./page_lines.ts";
import { readScratch } from "../disk/scratch.ts";
import { findLine, type SortedLines } from "./search.ts";

const NEWLINE = 0x0a;
/** How far a line may lie from where it should, besides two lines of average size. */
const NEAR_SLACK_BYTES = 1_024;
/** The most that one read around a page is worth. */
const NEAR_BYTES_MAX = 524_288;
/** Reads around a page before it is searched for. */
const NEAR_TRIES = 3;
/** What is read at a time once it is not known how much is missing. */
const REST_BYTES = 65_536;

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
 * A read around the place where the page should be, and another one where
 * that shows how far off it was. Lines are of about one size more often than
 * not; where they are not, or where anything is wrong, `undefined`: the long
 * way finds out.
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
    if (line.isWanted) return readRest(lines, { from, to }, bytes.subarray(line.start), offset);
    start = offset + (from - line.number) * average - slack;
  }
  return undefined;
}

/** The first line in a buffer that holds `number` or more; if it does not begin within `distance`, one before it. */
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
      return { start, number: found, isWanted: !isBefore && found <= number };
    }
    start = newline + 1;
  }
}

/** A page whose first line begins a buffer. `undefined` where that line is not what its number says, or all is too much. */
function readRest(
  lines: SortedLines,
  { from, to }: Pick<LineRange, "from" | "to">,
  bytes: Uint8Array,
  offset: number,
): LinePage | undefined {
  const page = new PageLines(lines, from, to);
  const end = page.take(bytes, 0);
  if (page.texts.length === 0) return undefined;
  const position = offset + page.bytes;
  const whole = pageAt(page, end, position) ?? readOn(lines, page, position, to, REST_BYTES);
  return whole.cut ? undefined : whole;
}

function readFound(lines: SortedLines, range: LineRange): LinePage {
  const { to } = range;
  let { from } = range;
  for (;;) {
    const offset = findLine(lines, from);
    if (offset === undefined) throw new DamagedLine(lines.start);
    const step = Math.min((to - from) * averageBytes(lines) + NEAR_SLACK_BYTES, limits.pageBytesMax);
    const page = readOn(lines, new PageLines(lines, from, to), offset, to, step);
    if (range.keep === "first") return page;
    if (!page.cut || from >= to - 1) return { ...page, cut: from > range.from };
    // Too much for a page that must end at `to`: begin nearer to it.
    from = Math.ceil((from + to) / 2);
  }
}

function averageBytes(lines: SortedLines): number {
  return Math.ceil((lines.end - lines.start) / Math.max(1, lines.next - lines.first));
}

/** Lines from `offset` on, up to the number `to` or the size of a page; `step` bytes are read at first. */
function readOn(lines: SortedLines, page: PageLines, offset: number, to: number, step: number): LinePage {
  let position = offset;
  while (position < lines.end) {
    const length = Math.min(step, lines.end - position);
    const bytes = readScratch(lines.file, position, length);
    const atEnd = position + bytes.length >= lines.end || bytes.length < length;
    const before = page.bytes;
    const end = page.take(bytes, 0);
    const taken = page.bytes - before;
    position += taken;
    const whole = pageAt(page, end, position);
    if (whole !== undefined) return whole;
    if (taken === 0 && (atEnd || step > lines.lineBytesMax)) throw new DamagedLine(position);
    step = taken === 0 ? step * 4 : Math.max(step, REST_BYTES);
  }
  if (page.next < Math.min(to, lines.next)) throw new DamagedLine(position);
  return { texts: page.texts, bytes: page.bytes, cut: false };
}

/** The page, unless there is more to read; `position` is that of the line behind those it has. */
function pageAt({ texts, bytes }: PageLines, end: TakingEnd, position: number): LinePage | undefined {
  if (end === "damaged") throw new DamagedLine(position);
  return end === "more" ? undefined : { texts, bytes, cut: end === "full" };
}

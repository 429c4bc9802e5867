/**
 * Reads pages of consecutive lines from a file of numbered lines, from either
 * end. Each line is checked.
 *
 * @module
 */
import { limits } from "../../core/limits.ts";
import { PageLines, type TakingEnd } from "./page_lines.ts";
import { readScratch } from "../disk/scratch.ts";
import { LINE_BYTES_MAX, NEWLINE } from "./codec.ts";
import { findLine, type SortedLines } from "./search.ts";

/** Bytes by which a line may be off its estimated offset, besides two lines of average size. */
const NEAR_SLACK_BYTES = 1_024;
/** The most bytes of one read around an estimated page. */
const NEAR_BYTES_MAX = 524_288;
/** Reads around an estimated page before it is searched for. */
const NEAR_TRIES = 3;
/** Bytes read at a time while the size of the rest of a page is unknown. */
const REST_BYTES = 65_536;

/** A damaged line. Internal to the store, which repairs the file or throws a typed error. */
export class DamagedLine extends Error {
  /** Byte offset of the line. */
  readonly byteOffset: number;

  /** A damaged line at a byte offset. */
  constructor(byteOffset: number) {
    super(`Damaged line at byte ${byteOffset}`);
    this.byteOffset = byteOffset;
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
    if (line.isWanted) return readRest(lines, { from, to }, bytes.subarray(line.start), offset);
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
      return { start, number: found, isWanted: !isBefore && found <= number };
    }
    start = newline + 1;
  }
}

/** A page whose first line is at the start of a buffer; `undefined` if that line is damaged, or the page is too large. */
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
    // Too large for a page that must end at `to`: begin nearer to it.
    from = Math.ceil((from + to) / 2);
  }
}

function averageBytes(lines: SortedLines): number {
  return Math.ceil((lines.end - lines.start) / Math.max(1, lines.next - lines.first));
}

/** Reads lines from `offset` on, up to the number `to` or the size of a page; `step` bytes at first. */
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
    if (taken === 0 && (atEnd || step > LINE_BYTES_MAX)) throw new DamagedLine(position);
    step = taken === 0 ? step * 4 : Math.max(step, REST_BYTES);
  }
  if (page.next < Math.min(to, lines.next)) throw new DamagedLine(position);
  return { texts: page.texts, bytes: page.bytes, cut: false };
}

/** The page, unless there is more to read; `position` is the offset after its lines. */
function pageAt({ texts, bytes }: PageLines, end: TakingEnd, position: number): LinePage | undefined {
  if (end === "damaged") throw new DamagedLine(position);
  return end === "more" ? undefined : { texts, bytes, cut: end === "full" };
}

/**
 * Pages of consecutive lines out of a file of numbered lines, from either
 * end, each line checked before it is given away.
 *
 * @module
 */
import { limits } from "../core/limits.ts";
import { readFull } from "./disk.ts";
import { eventText, isIntact } from "./lines.ts";
import { findLine, type SortedLines } from "./sorted_lines.ts";

const NEWLINE = 0x0a;

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

/** The texts of the lines of a page. At least one line; else no more than `limits.pageBytesMax`. */
export function readLinePage(lines: SortedLines, range: LineRange): string[] {
  let { from } = range;
  for (;;) {
    const offset = findLine(lines, from);
    if (offset === undefined) throw new DamagedLine(lines.start);
    const page = readOn(lines, offset, range.to, (range.to - from) * averageBytes(lines));
    if (!page.cut || range.keep === "first" || from >= range.to - 1) return page.texts;
    // Too much for a page that must end at `to`: begin nearer to it.
    from = Math.ceil((from + range.to) / 2);
  }
}

function averageBytes(lines: SortedLines): number {
  return Math.ceil((lines.end - lines.start) / Math.max(1, lines.next - lines.first));
}

/** Lines from `offset` on, up to the number `to` or the size of a page. */
function readOn(
  lines: SortedLines,
  offset: number,
  to: number,
  guessBytes: number,
): { texts: string[]; cut: boolean } {
  const texts: string[] = [];
  let position = offset;
  let total = 0;
  let step = Math.min(guessBytes + 1_024, limits.pageBytesMax);
  while (position < lines.end) {
    const bytes = new Uint8Array(Math.min(step, lines.end - position));
    const filled = readFull(lines.file, bytes, position);
    let start = 0;
    for (;;) {
      const newline = bytes.indexOf(NEWLINE, start);
      if (newline === -1 || newline >= filled) break;
      const number = lines.numberOf(bytes, start, newline);
      if (number === 0 || !isIntact(bytes, start, newline)) throw new DamagedLine(position + start);
      if (number >= to) return { texts, cut: false };
      total += newline + 1 - start;
      if (texts.length > 0 && total > limits.pageBytesMax) return { texts, cut: true };
      texts.push(eventText(bytes, start, newline));
      start = newline + 1;
    }
    const atEnd = position + filled >= lines.end || filled < bytes.length;
    if (start === 0 && (atEnd || step > lines.lineBytesMax)) throw new DamagedLine(position);
    position += start;
    step = start === 0 ? step * 4 : Math.max(step, 65_536);
  }
  return { texts, cut: false };
}

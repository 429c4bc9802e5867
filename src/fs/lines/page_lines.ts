/**
 * The lines of a page, taken out of one buffer after another. Each of them is
 * checked: its checksum, its number, and that it follows on from the one
 * before it. Lines that were lost, doubled, moved or put in are intact each by
 * itself: only their numbers tell.
 *
 * @module
 */
import { limits } from "../../core/limits.ts";
import { LineReader } from "./reader.ts";
import { isIntact } from "./codec.ts";
import type { SortedLines } from "./search.ts";

/** Why no more lines were taken out of a buffer. */
export type TakingEnd =
  /** It holds no further whole line. */
  | "more"
  /** The page has all that was asked for. */
  | "done"
  /** The next line is too much for the page. */
  | "full"
  /** The next line is damaged, or not the one that must come next. */
  | "damaged";

/** The lines of a page, as far as they were taken. */
export class PageLines {
  /** The events in the lines, as text. */
  readonly texts: string[] = [];
  /** Bytes of the lines. */
  bytes = 0;
  /** The number after those of the last line; 0 before the first. */
  next = 0;
  readonly #lines: SortedLines;
  readonly #from: number;
  readonly #to: number;

  /** Begins with the line that holds the number `from`, and ends before the number `to`. */
  constructor(lines: SortedLines, from: number, to: number) {
    this.#lines = lines;
    this.#from = from;
    this.#to = to;
  }

  /** Takes lines out of a buffer, the first of which begins at `start`. */
  take(bytes: Uint8Array, start: number): TakingEnd {
    const line = new LineReader(bytes, start);
    // Behind the last line wanted: what comes next, damaged or not, is another page's.
    while (this.next < this.#to) {
      if (!line.advance()) return "more";
      const next = this.#nextAfter(bytes, line);
      if (next === 0) return "damaged";
      const lineBytes = line.end + 1 - line.start;
      if (this.texts.length > 0 && this.bytes + lineBytes > limits.pageBytesMax) return "full";
      this.texts.push(line.eventText());
      this.bytes += lineBytes;
      this.next = next;
    }
    return "done";
  }

  /** The number after those of a line; 0 when it is not intact, or not the one that must come next. */
  #nextAfter(bytes: Uint8Array, { start, end }: LineReader): number {
    const number = this.#lines.numberOf(bytes, start, end);
    if (number === 0 || !isIntact(bytes, start, end)) return 0;
    const next = number + this.#lines.countOf(bytes, start, end);
    const isNext = this.next === 0 ? number <= this.#from && this.#from < next : number === this.next;
    return isNext ? next : 0;
  }
}

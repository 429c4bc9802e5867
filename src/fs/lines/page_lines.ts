/**
 * Collects the lines of a page from one buffer after another. Each line is
 * checked: its checksum, its number, and that it follows the previous one.
 * Lines that were lost, duplicated, moved or inserted have valid checksums;
 * only their numbers reveal them.
 *
 * @module
 */
import { limits } from "../../core/limits.ts";
import { LineReader } from "./reader.ts";
import { isIntact } from "./codec.ts";
import type { SortedLines } from "./search.ts";

/** The reason why no more lines were taken from a buffer. */
export type TakingEnd =
  /** The buffer has no further whole line. */
  | "more"
  /** The page is complete. */
  | "done"
  /** The page would be too large with the next line. */
  | "full"
  /** The next line is damaged, or not the next one by its number. */
  | "damaged";

/** The lines of a page collected so far. */
export class PageLines {
  /** Texts of the events in the lines. */
  readonly texts: string[] = [];
  /** Bytes of the lines. */
  bytes = 0;
  /** The number after those of the last line; 0 before the first. */
  next = 0;
  readonly #lines: SortedLines;
  readonly #from: number;
  readonly #to: number;

  /** A page from the line with the number `from` to before the number `to`. */
  constructor(lines: SortedLines, from: number, to: number) {
    this.#lines = lines;
    this.#from = from;
    this.#to = to;
  }

  /** Takes lines from a buffer; the first one begins at `start`. */
  take(bytes: Uint8Array, start: number): TakingEnd {
    const line = new LineReader(bytes, start);
    // Bytes after the last line wanted, damaged or not, belong to another page.
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

  /** The number after those of a line; 0 if it is not intact, or not the next one. */
  #nextAfter(bytes: Uint8Array, { start, end }: LineReader): number {
    const number = this.#lines.numberOf(bytes, start, end);
    if (number === 0 || !isIntact(bytes, start, end)) return 0;
    const next = number + this.#lines.countOf(bytes, start, end);
    const isNext = this.next === 0 ? number <= this.#from && this.#from < next : number === this.next;
    return isNext ? next : 0;
  }
}

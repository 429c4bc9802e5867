/**
 * Lines that wait to be written. They stay where they were encoded, and only
 * numbers are kept of each: a view for every line would keep the garbage
 * collector busier than the lines themselves.
 *
 * @module
 */
import { eventText, transcriptMarks } from "./lines.ts";

/** A line in a block of memory that nobody overwrites: from `start` to `end`, with its newline. */
export interface PlacedLine {
  /** The block. */
  readonly block: Uint8Array;
  /** Where the line starts. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
}

/** Lines that wait, in order. */
export class WaitingLines {
  readonly #blocks: Uint8Array[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #bytes = 0;
  #entries = 0;

  /** The number of lines. */
  get length(): number {
    return this.#blocks.length;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The transcript entries in them. */
  get entries(): number {
    return this.#entries;
  }

  /** Adds a line that holds some entries. */
  add({ block, start, end }: PlacedLine, entries: number): void {
    this.#blocks.push(block);
    this.#starts.push(start);
    this.#ends.push(end);
    this.#bytes += end - start;
    this.#entries += entries;
  }

  /** The lines, as views. */
  *[Symbol.iterator](): Generator<Uint8Array, void, void> {
    for (const [index, block] of this.#blocks.entries()) {
      yield block.subarray(this.#starts[index], this.#ends[index]);
    }
  }
}

/** The texts of waiting lines that hold entries of a page; the first of them begins with entry `firstSeq`. */
export function waitingTexts(lines: WaitingLines, firstSeq: number, from: number, to: number): string[] {
  const texts: string[] = [];
  let seq = firstSeq;
  for (const line of lines) {
    if (seq >= to) break;
    const count = transcriptMarks(line, 0, line.length)?.count ?? 1;
    if (seq + count > from) texts.push(eventText(line, 0, line.length - 1));
    seq += count;
  }
  return texts;
}

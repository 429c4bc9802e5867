/**
 * Encoded lines in memory. A line is encoded once, for the log and for its
 * transcript, and never overwritten.
 *
 * @module
 */
import { nextBlock } from "../../core/blocks.ts";
import { encodeLines, type LogText, logText } from "./codec.ts";

/** A line in a block of memory that is never overwritten, with its newline. */
export interface PlacedLine {
  /** The block. */
  readonly block: Uint8Array;
  /** Start of the line. */
  readonly start: number;
  /** End of the line. */
  readonly end: number;
}

/** Encodes lines into blocks of memory. */
export class LineBuffer {
  #block: Uint8Array = new Uint8Array(0);
  #used = 0;

  /** Encodes the lines of events, with their checksums. Returns the bytes of all, and the place of each. */
  encode(
    events: readonly { readonly json: string }[],
    durable: number,
  ): { readonly bytes: Uint8Array; readonly lines: readonly PlacedLine[] } {
    const lines = logText(events, durable);
    const ends = encodeLines(lines, this.#block, this.#used) ?? this.#encodeAnew(lines);
    const block = this.#block;
    const first = this.#used;
    let start = first;
    const placed = ends.map((end) => {
      const line = { block, start, end };
      start = end;
      return line;
    });
    this.#used = start;
    return { bytes: block.subarray(first, start), lines: placed };
  }

  /** Copies a line out of a buffer that will be overwritten. */
  copy(bytes: Uint8Array, start: number, end: number): PlacedLine {
    if (this.#used + end - start > this.#block.length) this.#grow(end - start);
    const line = { block: this.#block, start: this.#used, end: this.#used + end - start };
    this.#block.set(bytes.subarray(start, end), line.start);
    this.#used = line.end;
    return line;
  }

  /** Encodes lines into a new, larger block. */
  #encodeAnew(lines: LogText): number[] {
    this.#grow(lines.text.length * 3);
    return encodeLines(lines, this.#block, 0) ?? [];
  }

  #grow(bytes: number): void {
    this.#block = nextBlock(this.#block.length, bytes);
    this.#used = 0;
  }
}

/**
 * Lines that wait to be written, in order. They stay in the memory they were encoded
 * into, and only numbers are kept of each: a view of every line would burden
 * the garbage collector more than the lines themselves.
 */
export class WaitingLines {
  /** The blocks of the lines, and for each the number of lines before it. */
  readonly #blocks: Uint8Array[] = [];
  readonly #firsts: number[] = [];
  #lastBlock: Uint8Array | undefined;
  /** Start and end of each line. One array: each further one would cost cache misses. */
  readonly #places: number[] = [];
  #bytes = 0;
  #entries = 0;

  /** The number of lines. */
  get length(): number {
    return this.#places.length / 2;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The transcript entries in them. */
  get entries(): number {
    return this.#entries;
  }

  /** The last line, as a view. */
  get last(): Uint8Array | undefined {
    return this.#lastBlock?.subarray(this.#places.at(-2), this.#places.at(-1));
  }

  /** Adds a line that holds some entries. */
  add({ block, start, end }: PlacedLine, entries: number): void {
    if (block !== this.#lastBlock) {
      this.#firsts.push(this.length);
      this.#blocks.push(block);
      this.#lastBlock = block;
    }
    this.#places.push(start, end);
    this.#bytes += end - start;
    this.#entries += entries;
  }

  /** The lines, as views. */
  *[Symbol.iterator](): Generator<Uint8Array, void, void> {
    for (const [index, block] of this.#blocks.entries()) {
      const next = this.#firsts[index + 1] ?? this.length;
      for (let line = this.#firsts[index] ?? 0; line < next; line++) {
        yield block.subarray(this.#places[2 * line], this.#places[2 * line + 1]);
      }
    }
  }
}

/**
 * Lines that wait to be written. They stay in the memory they were encoded
 * into, and only numbers are kept of each: a view of every line would burden
 * the garbage collector more than the lines themselves.
 *
 * @module
 */

/** A line in a block of memory that is never overwritten, with its newline. */
export interface PlacedLine {
  /** The block. */
  readonly block: Uint8Array;
  /** Start of the line. */
  readonly start: number;
  /** End of the line. */
  readonly end: number;
}

/** Lines that wait, in order. */
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

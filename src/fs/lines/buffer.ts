/**
 * Memory for encoded lines. A line is encoded once, for the log and for its
 * transcript, and never overwritten.
 *
 * @module
 */
import { nextBlock } from "../../core/blocks.ts";
import { encodeLines, type LogText, logText } from "./codec.ts";
import type { PlacedLine } from "./waiting_lines.ts";

/** Lines encoded together. */
export interface EncodedLines {
  /** The bytes of all lines. */
  readonly bytes: Uint8Array;
  /** Location of each line. */
  readonly lines: readonly PlacedLine[];
}

/** Encodes lines into blocks of memory. */
export class LineBuffer {
  #block: Uint8Array = new Uint8Array(0);
  #used = 0;

  /** Encodes the lines of events, with their checksums. */
  encode(events: readonly { readonly json: string }[], durable: number): EncodedLines {
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

/**
 * Event texts in memory, as UTF-8 in large blocks. One string per text would be an
 * object that the garbage collector has to copy twice while it is young, and to
 * trace from then on.
 *
 * @module
 */
import { indexOfAtLeast } from "../core/bisection.ts";
import { nextBlock } from "../core/blocks.ts";

const NEWLINE = 0x0a;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

interface Block {
  readonly bytes: Uint8Array;
  /** End offset of each text, after its newline. */
  readonly ends: number[];
}

/** The texts of events in order; append-only. */
export class EventTexts {
  readonly #blocks: Block[] = [];
  /** Index of the first text of each block. */
  readonly #firsts: number[] = [];
  #length = 0;

  /** The number of texts. */
  get length(): number {
    return this.#length;
  }

  /** Adds texts atomically. Throws a TypeError if one of them has more than one line. */
  add(texts: readonly string[]): void {
    let text = "";
    for (const one of texts) text += `${one}\n`;
    const block = this.#blocks.at(-1);
    if (block === undefined || !encode(text, texts.length, block)) {
      const next = { bytes: nextBlock(block?.bytes.length ?? 0, text.length * 3), ends: [] };
      encode(text, texts.length, next);
      this.#blocks.push(next);
      this.#firsts.push(this.#length);
    }
    this.#length += texts.length;
  }

  /** The texts from index `start` up to but not including `end`. */
  slice(start: number, end: number): string[] {
    const texts: string[] = [];
    let from = start;
    for (let at = indexOfAtLeast(this.#firsts, start + 1) - 1; from < end; at++) {
      const block = this.#blocks[at];
      if (block === undefined) break;
      const first = this.#firsts[at] ?? 0;
      const to = Math.min(end, first + block.ends.length);
      texts.push(...textsOf(block, from - first, to - first));
      from = to;
    }
    return texts;
  }
}

/** Appends `count` texts, each with a newline, to a block; returns `false` if they do not fit. */
function encode(text: string, count: number, { bytes, ends }: Block): boolean {
  const start = ends.at(-1) ?? 0;
  const { read, written } = encoder.encodeInto(text, bytes.subarray(start));
  if (read < text.length) return false;
  const before = ends.length;
  for (let at = start; at < start + written;) {
    at = bytes.indexOf(NEWLINE, at) + 1;
    ends.push(at);
  }
  if (ends.length === before + count) return true;
  ends.length = before;
  throw new TypeError("Cannot keep event: its text has more than one line");
}

/** Texts of a block, by their indexes in it. */
function textsOf({ bytes, ends }: Block, from: number, to: number): string[] {
  if (from >= to) return [];
  const start = from === 0 ? 0 : ends[from - 1];
  return decoder.decode(bytes.subarray(start, (ends[to - 1] ?? 0) - 1)).split("\n");
}

/**
 * The texts of events in memory, as UTF-8 in large blocks. A string for each
 * of them would be an object that the garbage collector has to copy twice
 * while it is young, and to follow ever after.
 *
 * @module
 */

const BLOCK_BYTES_MIN = 16_384;
const BLOCK_BYTES_MAX = 1_048_576;
const NEWLINE = 0x0a;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

interface Block {
  readonly bytes: Uint8Array;
  /** Index of its first text. */
  readonly first: number;
  /** Where each of its texts ends, past its newline. */
  readonly ends: number[];
}

/** The texts of events in their order, to which more can be added. */
export class EventTexts {
  readonly #blocks: Block[] = [];
  #length = 0;

  /** The number of texts. */
  get length(): number {
    return this.#length;
  }

  /** Adds texts, all or none. Throws a TypeError when one of them has more than one line. */
  add(texts: readonly string[]): void {
    let text = "";
    for (const one of texts) text += `${one}\n`;
    const block = this.#blocks.at(-1);
    if (block === undefined || !encode(text, texts.length, block)) {
      const size = Math.min(BLOCK_BYTES_MAX, Math.max(BLOCK_BYTES_MIN, 2 * (block?.bytes.length ?? 0)));
      const bytes = new Uint8Array(Math.max(size, text.length * 3));
      const next = { bytes, first: this.#length, ends: [] };
      encode(text, texts.length, next);
      this.#blocks.push(next);
    }
    this.#length += texts.length;
  }

  /** The texts from index `start` up to but not including `end`. */
  slice(start: number, end: number): string[] {
    const texts: string[] = [];
    let from = start;
    for (const block of this.#blocks.slice(this.#blockOf(start))) {
      const to = Math.min(end, block.first + block.ends.length);
      texts.push(...textsOf(block, from - block.first, to - block.first));
      from = to;
      if (from >= end) break;
    }
    return texts;
  }

  /** The block that holds an index, by bisection. */
  #blockOf(index: number): number {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#blocks[middle]?.first ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Encodes `count` texts, each with a newline, behind those of a block; `false` when they do not fit. */
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

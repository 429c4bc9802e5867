/**
 * Cache of the newest pages of transcripts, as text: user interfaces read them
 * again and again. They are kept in one block of memory outside the heap, so
 * that the size is fixed and costs the garbage collector nothing. Each read
 * parses the text again, so that readers share no objects.
 *
 * A tail records its last entry, entries never change, and a new worker with a
 * used id is another owner: a tail can be short, but never
 * wrong. Damage on disk is not detected until the next read from there, as with
 * the page cache of the system.
 *
 * @module
 */
import { manyText } from "../lines/codec.ts";
import { encodeScratch } from "../disk/files.ts";

/** Bytes of the block: pages of 50 short messages for about 700 workers. */
export const TAILS_BYTES_MAX = 12_582_912;
/** Longest tail: a longer one would evict too many others. */
const TAIL_BYTES_MAX = 262_144;

/** A tail in the block. */
interface Tail {
  readonly at: number;
  readonly bytes: number;
  /** First sequence of the requested page. */
  readonly from: number;
  /** Last sequence in it. */
  readonly last: number;
}

/** Tails in a ring buffer: the oldest is overwritten first. */
export class TranscriptTails {
  readonly #tails = new Map<object, Tail>();
  readonly #bytesMax: number;
  #block: Uint8Array | undefined;
  /** Offset of the next tail. */
  #end = 0;

  /** Creates an empty cache. */
  constructor(bytesMax: number = TAILS_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** Texts of the events that hold the entries from `from` to `last`, the newest. */
  get(owner: object, from: number, last: number): string[] | undefined {
    const tail = this.#tails.get(owner);
    if (this.#block === undefined || tail === undefined || tail.last !== last || tail.from > from) {
      return undefined;
    }
    const texts = manyText(this.#block.subarray(tail.at, tail.at + tail.bytes))?.split("\n");
    if (texts === undefined || tail.from === from) return texts;
    // A shorter page can be cut out if each event holds one entry.
    const isSingle = texts.length === last - tail.from + 1;
    return isSingle ? texts.slice(from - tail.from) : undefined;
  }

  /** Stores the texts of the events that hold the entries from `from` to `last`, the newest. */
  put(owner: object, from: number, last: number, texts: readonly string[]): void {
    this.#tails.delete(owner);
    const units = texts.reduce((sum, text) => sum + text.length + 1, 0);
    if (units > TAIL_BYTES_MAX) return;
    const bytes = encodeScratch(texts.join("\n"));
    if (bytes.length > Math.min(TAIL_BYTES_MAX, this.#bytesMax)) return;
    this.#block ??= new Uint8Array(this.#bytesMax);
    const at = this.#room(bytes.length);
    this.#block.set(bytes, at);
    this.#tails.set(owner, { at, bytes: bytes.length, from, last });
  }

  /** Removes the tail of an owner. */
  delete(owner: object): void {
    this.#tails.delete(owner);
  }

  /** Makes room for the next tail. The map is ordered by age, so the tails to overwrite come first. */
  #room(bytes: number): number {
    if (this.#end + bytes > this.#bytesMax) {
      this.#dropWhile(({ at }) => at >= this.#end);
      this.#end = 0;
    }
    const at = this.#end;
    this.#end += bytes;
    this.#dropWhile((tail) => tail.at >= at && tail.at < this.#end);
    return at;
  }

  #dropWhile(isOverwritten: (tail: Tail) => boolean): void {
    for (const [owner, tail] of this.#tails) {
      if (!isOverwritten(tail)) return;
      this.#tails.delete(owner);
    }
  }
}

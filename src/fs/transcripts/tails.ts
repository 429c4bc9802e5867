/**
 * The newest pages that were read last, as text: what every screen asks for,
 * again and again. They lie in one block of memory outside of the heap, so
 * that its size is certain and the garbage collector has nothing to do with
 * them; who reads one parses it anew, so that nobody shares anything.
 *
 * Nothing in here can be wrong, only be short: a tail says up to which entry
 * it reaches, entries never change, and a worker that has an id again is
 * another {@linkcode TailOwner}. Damage that happens on disk meanwhile goes
 * unnoticed until the next read from there, as it does behind the page cache
 * of the system.
 *
 * @module
 */
import { manyText } from "../lines/codec.ts";
import { encodeScratch } from "../disk/scratch.ts";

/** Bytes of the block: pages of 50 short messages of some 700 workers. */
export const TAILS_BYTES_MAX = 12_582_912;
/** One that takes more costs too many others. */
const TAIL_BYTES_MAX = 262_144;

/** Whose tail it is: the same object for as long as it is the same transcript. */
export type TailOwner = object;

/** Where a tail lies, and what it holds. */
interface Tail {
  readonly at: number;
  readonly bytes: number;
  /** The sequence that the page was asked for from. */
  readonly from: number;
  /** The last sequence in it. */
  readonly last: number;
}

/** Tails, in a ring: the one that was put in first is overwritten first. */
export class TranscriptTails {
  readonly #tails = new Map<TailOwner, Tail>();
  readonly #bytesMax: number;
  #block: Uint8Array | undefined;
  /** Where the next one begins. */
  #end = 0;

  /** None yet. */
  constructor(bytesMax: number = TAILS_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** The texts of the events that hold the entries from `from` to `last`, which is the newest. */
  get(owner: TailOwner, from: number, last: number): string[] | undefined {
    const tail = this.#tails.get(owner);
    if (this.#block === undefined || tail === undefined || tail.last !== last || tail.from > from) {
      return undefined;
    }
    const texts = manyText(this.#block.subarray(tail.at, tail.at + tail.bytes))?.split("\n");
    if (texts === undefined || tail.from === from) return texts;
    // Which of them hold a shorter page is clear where each of them holds one entry.
    const isSingle = texts.length === last - tail.from + 1;
    return isSingle ? texts.slice(from - tail.from) : undefined;
  }

  /** Keeps the texts of the events that hold the entries from `from` to `last`, which is the newest. */
  put(owner: TailOwner, from: number, last: number, texts: readonly string[]): void {
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

  /** Forgets the tail of an owner. */
  delete(owner: TailOwner): void {
    this.#tails.delete(owner);
  }

  /** Makes room for the next tail. The tails of the last lap come first in the map, by their place. */
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

  #dropWhile(isInTheWay: (tail: Tail) => boolean): void {
    for (const [owner, tail] of this.#tails) {
      if (!isInTheWay(tail)) return;
      this.#tails.delete(owner);
    }
  }
}

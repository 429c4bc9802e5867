/**
 * Reproducible random numbers.
 *
 * @module
 */

/** sfc32: small, fast, and with a sufficiently long period. */
export class Random {
  #a: number;
  #b = 0x9e3779b9;
  #c = 0x243f6a88;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b ^= Math.trunc(seed / 0x100000000);
    for (let round = 0; round < 12; round++) this.next();
  }

  /** A 32-bit unsigned integer. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** An integer from 0 up to, not including, `limit`. */
  below(limit: number): number {
    return Math.floor((this.next() / 0x100000000) * limit);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability * 0x100000000;
  }

  /** Returns one of the items; there must be at least one. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("Cannot pick an item: there is none");
    return items[this.below(items.length)] as T;
  }

  /** Random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.next() & 0xff);
  }

  /** The seed of an independent sequence. */
  fork(): number {
    return this.next();
  }
}

/** Runs `body` with a random source; the message of a failure includes the seed that reproduces it. */
export async function withSeed<T>(seed: number, body: (random: Random) => T | Promise<T>): Promise<T> {
  try {
    return await body(new Random(seed));
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error} (seed ${seed} replays it)`, {
      cause: error,
    });
  }
}

/**
 * SHA-256 of bytes that arrive in pieces, for platforms without one: the Web
 * Cryptography API hashes only what is in memory as a whole.
 *
 * @module
 */

/** A hash of bytes that arrive in pieces. `createHash("sha256")` of `node:crypto` is one. */
export interface BlobHash {
  /** Adds bytes. */
  update(bytes: Uint8Array): unknown;
  /** The hash of all bytes, in lower-case hexadecimal digits. Called once, last. */
  digest(encoding: "hex"): string;
}

const BLOCK_BYTES = 64;
/** Offset of the length, in bits, in the last block. */
const LENGTH_AT = 56;

/** The constants of the standard: eight digits each. */
const ROUNDS: Int32Array = wordsOf(
  [
    "428a2f9871374491b5c0fbcfe9b5dba53956c25b59f111f1923f82a4ab1c5ed5",
    "d807aa9812835b01243185be550c7dc372be5d7480deb1fe9bdc06a7c19bf174",
    "e49b69c1efbe47860fc19dc6240ca1cc2de92c6f4a7484aa5cb0a9dc76f988da",
    "983e5152a831c66db00327c8bf597fc7c6e00bf3d5a7914706ca635114292967",
    "27b70a852e1b21384d2c6dfc53380d13650a7354766a0abb81c2c92e92722c85",
    "a2bfe8a1a81a664bc24b8b70c76c51a3d192e819d6990624f40e3585106aa070",
    "19a4c1161e376c082748774c34b0bcb5391c0cb34ed8aa4a5b9cca4f682e6ff3",
    "748f82ee78a5636f84c878148cc7020890befffaa4506cebbef9a3f7c67178f2",
  ].join(""),
);
const START: Int32Array = wordsOf("6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19");

function wordsOf(digits: string): Int32Array {
  return Int32Array.from(digits.match(/.{8}/g) ?? [], (word) => Number.parseInt(word, 16));
}

/** SHA-256 (FIPS 180-4). */
export class Sha256 implements BlobHash {
  readonly #state: Int32Array = START.slice();
  readonly #words: Int32Array = new Int32Array(64);
  /** Bytes that do not fill a block yet. */
  readonly #rest: Uint8Array = new Uint8Array(BLOCK_BYTES);
  #length = 0;

  /** Adds bytes. */
  update(bytes: Uint8Array): this {
    let at = 0;
    const filled = this.#length % BLOCK_BYTES;
    this.#length += bytes.length;
    if (filled > 0) {
      at = Math.min(BLOCK_BYTES - filled, bytes.length);
      this.#rest.set(bytes.subarray(0, at), filled);
      if (filled + at < BLOCK_BYTES) return this;
      this.#block(this.#rest, 0);
    }
    for (; at + BLOCK_BYTES <= bytes.length; at += BLOCK_BYTES) this.#block(bytes, at);
    this.#rest.set(bytes.subarray(at));
    return this;
  }

  /** The hash of all bytes, in lower-case hexadecimal digits. */
  digest(_encoding: "hex" = "hex"): string {
    const bits = this.#length * 8;
    const filled = this.#length % BLOCK_BYTES;
    const padding = new Uint8Array((filled < LENGTH_AT ? BLOCK_BYTES : 2 * BLOCK_BYTES) - filled);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(bits / 0x1_0000_0000));
    view.setUint32(padding.length - 4, bits % 0x1_0000_0000);
    this.update(padding);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #block(bytes: Uint8Array, start: number): void {
    const words = this.#words;
    for (let index = 0; index < 16; index++) {
      const at = start + 4 * index;
      words[index] = byteOf(bytes, at) << 24 | byteOf(bytes, at + 1) << 16 | byteOf(bytes, at + 2) << 8 |
        byteOf(bytes, at + 3);
    }
    for (let index = 16; index < 64; index++) {
      const w2 = wordOf(words, index - 2);
      const w15 = wordOf(words, index - 15);
      const s0 = rotated(w15, 7) ^ rotated(w15, 18) ^ w15 >>> 3;
      const s1 = rotated(w2, 17) ^ rotated(w2, 19) ^ w2 >>> 10;
      words[index] = wordOf(words, index - 16) + s0 + wordOf(words, index - 7) + s1;
    }
    this.#mix(words);
  }

  #mix(words: Int32Array): void {
    const state = this.#state;
    let a = wordOf(state, 0);
    let b = wordOf(state, 1);
    let c = wordOf(state, 2);
    let d = wordOf(state, 3);
    let e = wordOf(state, 4);
    let f = wordOf(state, 5);
    let g = wordOf(state, 6);
    let h = wordOf(state, 7);
    for (let index = 0; index < 64; index++) {
      const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
      const first = h + s1 + (e & f ^ ~e & g) + wordOf(ROUNDS, index) + wordOf(words, index) | 0;
      const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
      const second = s0 + (a & b ^ a & c ^ b & c) | 0;
      h = g;
      g = f;
      f = e;
      e = d + first | 0;
      d = c;
      c = b;
      b = a;
      a = first + second | 0;
    }
    const mixed = [a, b, c, d, e, f, g, h];
    for (let index = 0; index < 8; index++) state[index] = wordOf(state, index) + (mixed[index] ?? 0);
  }
}

// Each of these takes one type of array, so that the engine compiles it to a single load.

function byteOf(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

function wordOf(words: Int32Array, at: number): number {
  return words[at] as number;
}

function rotated(word: number, bits: number): number {
  return word >>> bits | word << 32 - bits;
}

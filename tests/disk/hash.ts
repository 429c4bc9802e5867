/**
 * A fast 64-bit hash, to distinguish disk states in a set of half a million without
 * comparing bytes. It is not a checksum of the store: only the suites use it.
 *
 * @module
 */

/** Two independent 32-bit lanes. */
export interface Hash {
  readonly a: number;
  readonly b: number;
}

function mixA(state: number, value: number): number {
  const mixed = Math.imul(state ^ value, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

function mixB(state: number, value: number): number {
  const mixed = Math.imul(state ^ value, 0x85ebca6b);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0x6546b64) | 0;
}

/** The hash of `hash` followed by `next`: order matters. */
export function follow(hash: Hash, next: Hash): Hash {
  return { a: mixA(mixA(hash.a, next.a), next.b), b: mixB(mixB(hash.b, next.b), next.a) };
}

/** The hash of a set that holds both: order does not matter. */
export function together(one: Hash, other: Hash): Hash {
  return { a: (one.a + other.a) | 0, b: (one.b + other.b) | 0 };
}

/** Hashes the words of a sector, or any other numbers. */
export function hashWords(words: Iterable<number> & ArrayLike<number>): Hash {
  let a = words.length;
  let b = ~a;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? 0;
    a = mixA(a, word);
    b = mixB(b, word);
  }
  return { a: mixA(a, b), b: mixB(b, a) };
}

/** Hashes a name. */
export function hashText(text: string): Hash {
  let a = text.length;
  let b = ~a;
  for (let index = 0; index < text.length; index++) {
    a = mixA(a, text.charCodeAt(index));
    b = mixB(b, text.charCodeAt(index));
  }
  return { a: mixA(a, b), b: mixB(b, a) };
}

/** The hash as one safe integer (53 of its bits), which a `Set` compares fast. */
export function toNumber(hash: Hash): number {
  return (hash.a >>> 0) * 0x200000 + (hash.b >>> 11);
}

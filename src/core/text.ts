/**
 * UTF-8 sizes, computed without encoding if a bound suffices.
 *
 * @module
 */
const encoder = new TextEncoder();

/** Returns the size of `text` in UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** A sum of UTF-8 bytes that encodes the texts only when a bound is near. */
export class Utf8Sum {
  #bytes = 0;
  #texts: string[] = [];
  #units = 0;

  /** Adds a text. */
  add(text: string): void {
    this.#texts.push(text);
    this.#units += text.length;
  }

  /** Returns true if all texts together take at most `bytesMax` bytes. */
  fits(bytesMax: number): boolean {
    if (this.#bytes + this.#units * 3 <= bytesMax) return true;
    if (this.#bytes + this.#units > bytesMax) return false;
    for (const text of this.#texts) this.#bytes += byteLength(text);
    this.#texts = [];
    this.#units = 0;
    return this.#bytes <= bytesMax;
  }
}

/** Number of leading texts that fit a page of `bytesMax` bytes; at least one if there is any. */
export function fittingCount(texts: readonly string[], bytesMax: number): number {
  const sum = new Utf8Sum();
  for (const [index, text] of texts.entries()) {
    sum.add(text);
    if (index > 0 && !sum.fits(bytesMax)) return index;
  }
  return texts.length;
}

/** Returns true if `text` takes at most `bytesMax` bytes in UTF-8. */
export function fitsBytes(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return true;
  return text.length <= bytesMax && byteLength(text) <= bytesMax;
}

/** Returns the beginning of a well-formed text that takes at most `bytesMax` bytes, in whole code points. */
export function truncated(text: string, bytesMax: number): string {
  if (fitsBytes(text, bytesMax)) return text;
  const { read } = encoder.encodeInto(text, new Uint8Array(bytesMax));
  return text.slice(0, read);
}

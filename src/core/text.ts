/**
 * UTF-8 sizes without encoding where a bound decides already.
 *
 * @module
 */
const encoder = new TextEncoder();

/** Bytes of `text` in UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Whether `text` takes at most `bytesMax` bytes in UTF-8. */
export function fitsBytes(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return true;
  return text.length <= bytesMax && byteLength(text) <= bytesMax;
}

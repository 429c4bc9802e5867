/**
 * Memory blocks for UTF-8 text: small at first, each twice as large as the last.
 *
 * @module
 */

const BLOCK_BYTES_MIN = 16_384;
const BLOCK_BYTES_MAX = 1_048_576;

/** Allocates a block to follow one of `bytesBefore` bytes, with room for at least `bytes`. */
export function nextBlock(bytesBefore: number, bytes: number): Uint8Array {
  const size = Math.min(BLOCK_BYTES_MAX, Math.max(BLOCK_BYTES_MIN, bytesBefore * 2));
  return new Uint8Array(Math.max(size, bytes));
}

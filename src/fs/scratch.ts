/**
 * One buffer for all short reads of which nothing is kept: a new one for each
 * costs more than the read itself, and keeps the garbage collector busy.
 *
 * @module
 */
import { readFull } from "./disk.ts";
import type { OpenFile } from "./file_system.ts";

/** Longer reads are rare enough to have buffers of their own. */
const SCRATCH_BYTES = 524_288;

let scratch: Uint8Array | undefined;

/**
 * Bytes of a file from `position`, at most `length`. They are good until the
 * next call: whoever wants to keep any of them, or waits, must copy them.
 */
export function readScratch(file: OpenFile, position: number, length: number): Uint8Array {
  scratch ??= new Uint8Array(SCRATCH_BYTES);
  const bytes = length > SCRATCH_BYTES ? new Uint8Array(length) : scratch.subarray(0, length);
  return bytes.subarray(0, readFull(file, bytes, position));
}

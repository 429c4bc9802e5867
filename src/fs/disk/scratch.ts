/**
 * One buffer for all short work of which nothing is kept: a new one for each
 * costs more than the read itself, and keeps the garbage collector busy.
 *
 * @module
 */
import { readFull } from "./files.ts";
import type { OpenFile } from "./file_system.ts";

/** What is longer is rare enough to have a buffer of its own. */
const SCRATCH_BYTES = 524_288;

const encoder = new TextEncoder();
let buffer: Uint8Array | undefined;

/**
 * Bytes of a file from `position`, at most `length`. They are good until the
 * next call: whoever wants to keep any of them, or waits, must copy them.
 */
export function readScratch(file: OpenFile, position: number, length: number): Uint8Array {
  const bytes = length > SCRATCH_BYTES ? new Uint8Array(length) : scratch().subarray(0, length);
  return bytes.subarray(0, readFull(file, bytes, position));
}

/** The bytes of a text. They are good until the next call, too. */
export function encodeScratch(text: string): Uint8Array {
  if (text.length * 3 > SCRATCH_BYTES) return encoder.encode(text);
  const { written } = encoder.encodeInto(text, scratch());
  return scratch().subarray(0, written);
}

/** The buffer itself, for pieces of a longer work; what is in it is good until the next call of any of these. */
export function scratch(): Uint8Array {
  return buffer ??= new Uint8Array(SCRATCH_BYTES);
}

/**
 * One shared buffer for short work whose bytes are not kept: a new buffer each time
 * costs more than the read itself, and burdens the garbage collector.
 *
 * @module
 */
import { readFull } from "./files.ts";
import type { OpenFile } from "./file_system.ts";

/** Longer reads are rare enough to allocate their own buffer. */
const SCRATCH_BYTES = 524_288;

const encoder = new TextEncoder();
let buffer: Uint8Array | undefined;

/**
 * Reads at most `length` bytes of a file from `position`. They are valid until the
 * next call: keep a copy to use them after that or across an await.
 */
export function readScratch(file: OpenFile, position: number, length: number): Uint8Array {
  const bytes = length > SCRATCH_BYTES ? new Uint8Array(length) : scratch().subarray(0, length);
  return bytes.subarray(0, readFull(file, bytes, position));
}

/** Encodes a text. The bytes are valid until the next call. */
export function encodeScratch(text: string): Uint8Array {
  if (text.length * 3 > SCRATCH_BYTES) return encoder.encode(text);
  const { written } = encoder.encodeInto(text, scratch());
  return scratch().subarray(0, written);
}

/** The shared buffer, for work in pieces; its content is valid until the next call of any of these functions. */
export function scratch(): Uint8Array {
  return buffer ??= new Uint8Array(SCRATCH_BYTES);
}

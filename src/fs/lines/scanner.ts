/**
 * Reads the lines of a file in order, in chunks of bounded size. Splits at
 * the byte 0x0A only.
 *
 * @module
 */
import { readFull } from "../disk/files.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { isIntact, LINE_BYTES_MAX, NEWLINE } from "./codec.ts";

const CHUNK_BYTES = 1_048_576;

/** A line in a buffer that the next step may overwrite. */
export interface Line {
  /** The buffer. */
  readonly bytes: Uint8Array;
  /** Start of the line in the buffer. */
  readonly start: number;
  /** End of the line in the buffer, before its newline. */
  readonly end: number;
  /** Byte offset of the line in the file. */
  readonly offset: number;
  /** Byte offset after its newline, or the end of the file. */
  readonly endOffset: number;
  /** True if it ends in a newline. */
  readonly terminated: boolean;
}

/** Returns true if a line ends in a newline and its checksum is valid. */
export function isWhole({ terminated, bytes, start, end }: Line): boolean {
  return terminated && isIntact(bytes, start, end);
}

/**
 * The lines of a file from `position` to `end`. Of a line longer than
 * `lineBytesMax`, the first `lineBytesMax` bytes are yielded, unterminated, and
 * the scan ends.
 */
export function* scanLines(
  file: OpenFile,
  position: number,
  end: number,
  lineBytesMax: number = LINE_BYTES_MAX,
): Generator<Line, void, void> {
  let buffer: Uint8Array = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(1, end - position)));
  /** Bytes of an unfinished line at the start of the buffer. */
  let kept = 0;
  let offset = position;
  while (offset + kept < end) {
    const wanted = Math.min(buffer.length - kept, end - offset - kept);
    const filled = kept + readFull(file, buffer.subarray(kept, kept + wanted), offset + kept);
    const content = buffer.subarray(0, filled);
    let start = 0;
    for (
      let newline = content.indexOf(NEWLINE, kept);
      newline !== -1;
      newline = content.indexOf(NEWLINE, start)
    ) {
      const endOffset = offset + newline + 1 - start;
      yield { bytes: buffer, start, end: newline, offset, endOffset, terminated: true };
      offset = endOffset;
      start = newline + 1;
    }
    const rest = filled - start;
    if (filled < kept + wanted || offset + rest >= end || rest > lineBytesMax) {
      if (rest > 0) {
        yield { bytes: buffer, start, end: filled, offset, endOffset: offset + rest, terminated: false };
      }
      return;
    }
    // The line continues after the buffer: move it to the front, of a larger buffer if it fills this one.
    const next = rest > buffer.length / 2 ? new Uint8Array(buffer.length * 2) : buffer;
    next.set(buffer.subarray(start, filled));
    buffer = next;
    kept = rest;
  }
}

/**
 * Reads the lines of a file in order, in chunks of bounded size. Splits at
 * the byte 0x0A and at nothing else.
 *
 * @module
 */
import { readFull } from "../disk/files.ts";
import type { OpenFile } from "../disk/file_system.ts";

const NEWLINE = 0x0a;
const CHUNK_BYTES = 1_048_576;

/** A line in a buffer that the next step may overwrite. */
export interface Line {
  /** The buffer. */
  readonly bytes: Uint8Array;
  /** Where the line starts in the buffer. */
  readonly start: number;
  /** Where it ends, without its newline. */
  readonly end: number;
  /** Byte offset of the line in the file. */
  readonly offset: number;
  /** Byte offset just past its newline, or the end of the file. */
  readonly endOffset: number;
  /** Whether it ends in a newline. */
  readonly terminated: boolean;
}

/**
 * The lines of a file from `position` to `end`. A line longer than
 * `lineBytesMax` is given in its first `lineBytesMax` bytes, unterminated,
 * and ends the scan.
 */
export function* scanLines(
  file: OpenFile,
  position: number,
  end: number,
  lineBytesMax: number,
): Generator<Line, void, void> {
  let buffer: Uint8Array = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(1, end - position)));
  /** Bytes of an unfinished line that stand at the start of the buffer. */
  let kept = 0;
  let offset = position;
  while (offset + kept < end) {
    const wanted = Math.min(buffer.length - kept, end - offset - kept);
    const filled = kept + readFull(file, buffer.subarray(kept, kept + wanted), offset + kept);
    let start = 0;
    let searchFrom = kept;
    for (;;) {
      const newline = buffer.subarray(0, filled).indexOf(NEWLINE, searchFrom);
      if (newline === -1) break;
      const endOffset = offset + newline + 1 - start;
      yield { bytes: buffer, start, end: newline, offset, endOffset, terminated: true };
      offset = endOffset;
      start = searchFrom = newline + 1;
    }
    const rest = filled - start;
    if (filled < kept + wanted || offset + rest >= end || rest > lineBytesMax) {
      if (rest > 0) {
        yield { bytes: buffer, start, end: filled, offset, endOffset: offset + rest, terminated: false };
      }
      return;
    }
    // The line goes on behind the buffer: move it to the front, of a larger buffer if it fills this one.
    const next = rest > buffer.length / 2 ? new Uint8Array(buffer.length * 2) : buffer;
    next.set(buffer.subarray(start, filled));
    buffer = next;
    kept = rest;
  }
}

/**
 * Ends of segments. The checksum of its last line distinguishes a segment from
 * the one of the same name in another copy of the store: copies with different
 * events end differently. Inode numbers do not suffice, because that of a
 * removed file is reused.
 *
 * @module
 */
import { readBytes, withFile } from "../disk/files.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { type Files, segmentPath } from "../layout.ts";
import { DamagedLine, lastLine } from "../lines/pages.ts";
import { contentSize } from "./padding.ts";
import { isVanished } from "../place/guard.ts";

/** Bytes of the digits of a checksum and of the end of its line. */
const MARK_BYTES = 11;

/** End of a segment. */
export interface SegmentEnd {
  /** Byte offset after the last line. */
  readonly offset: number;
  /** The end of the last line, with its checksum. */
  readonly mark: string;
}

/** Reads the end of a segment. */
export function endOf(file: OpenFile, offset: number = contentSize(file)): SegmentEnd {
  const start = Math.max(0, offset - MARK_BYTES);
  return { offset, mark: markOf(readBytes(file, start, offset - start)) };
}

/** The mark of a line that ends with the bytes. */
export function markOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(-MARK_BYTES));
}

/** Returns `replaced` if a file is a segment with another end, `damaged` if it has none. */
export function compareEnd(file: OpenFile, { offset, mark }: SegmentEnd): "same" | "replaced" | "damaged" {
  if (endOf(file, offset).mark === mark) return "same";
  try {
    const size = contentSize(file);
    return lastLine(file, 0, size)?.endOffset === size ? "replaced" : "damaged";
  } catch (error) {
    if (error instanceof DamagedLine) return "damaged";
    throw error;
  }
}

/** Reads the ends of segments. One that cannot be read is omitted: reading a page of it reports the fault. */
export function readEnds({ fs, layout }: Files, segments: readonly number[]): Map<number, SegmentEnd> {
  const ends = new Map<number, SegmentEnd>();
  for (const segment of segments) {
    try {
      ends.set(segment, withFile(fs, segmentPath(layout, segment), "read", (file) => endOf(file)));
    } catch (error) {
      if (isVanished(error)) throw error;
    }
  }
  return ends;
}

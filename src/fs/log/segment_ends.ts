/**
 * Ends of segments. The checksum of its last line tells a segment from the one
 * of the same name in another copy of the store: copies that took different
 * events end differently. An inode number would not do, because the number of
 * a removed file is used again.
 *
 * @module
 */
import { readBytes, withFile } from "../disk/files.ts";
import type { FileSystem, OpenFile } from "../disk/file_system.ts";
import { type RuntimeLayout, segmentPath } from "../layout.ts";
import { lastLine } from "../lines/last_line.ts";
import { DamagedLine } from "../lines/pages.ts";
import { contentSize } from "./padding.ts";
import { isVanished } from "../place/guard.ts";

/** Bytes of the digits of a checksum and of what ends its line. */
const MARK_BYTES = 11;

/** End of a segment. */
export interface SegmentEnd {
  /** Offset behind the last line. */
  readonly offset: number;
  /** Checksum of the last line, as the line ends with it. */
  readonly mark: string;
}

/** Returns the end of a segment, by its last bytes. */
export function endOf(file: OpenFile, offset: number = contentSize(file)): SegmentEnd {
  const start = Math.max(0, offset - MARK_BYTES);
  return { offset, mark: markOf(readBytes(file, start, offset - start)) };
}

/** Returns the mark of a line that ends where the bytes do. */
export function markOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(-MARK_BYTES));
}

/** Returns `replaced` if a file is a segment with another end, `damaged` if it has none. */
export function compareEnd(file: OpenFile, { offset, mark }: SegmentEnd): "same" | "replaced" | "damaged" {
  if (endOf(file, offset).mark === mark) return "same";
  try {
    lastLine(file, 0, contentSize(file));
    return "replaced";
  } catch (error) {
    if (error instanceof DamagedLine) return "damaged";
    throw error;
  }
}

/** Reads the ends of segments. One that cannot be read is left out: the page that needs it reports that. */
export function readEnds(
  fs: FileSystem,
  layout: RuntimeLayout,
  segments: readonly number[],
): Map<number, SegmentEnd> {
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

/**
 * Last whole line of a part of a file.
 *
 * @module
 */
import { readBytes } from "../disk/files.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { isIntact, NEWLINE } from "./codec.ts";
import { DamagedLine } from "./pages.ts";
import type { Line } from "./scanner.ts";

const TAIL_BYTES = 4_096;

/** A line with an intact checksum; `bytes` are the line alone, without its newline. */
export type LastLine = Pick<Line, "bytes" | "offset" | "endOffset">;

/**
 * Reads the last line that ends in a newline between `start` and `end`, if any.
 * Throws {@linkcode DamagedLine} unless it is intact, or if the file ends before `end`.
 */
export function lastLine(file: OpenFile, start: number, end: number): LastLine | undefined {
  if (end <= start) return undefined;
  for (let length = TAIL_BYTES;; length *= 4) {
    const from = Math.max(start, end - length);
    const bytes = readBytes(file, from, end - from);
    if (bytes.length < end - from) throw new DamagedLine(from);
    const newline = bytes.lastIndexOf(NEWLINE);
    const before = newline <= 0 ? -1 : bytes.lastIndexOf(NEWLINE, newline - 1);
    if (before === -1 && from > start) continue;
    if (newline === -1) return undefined;
    const offset = from + before + 1;
    if (!isIntact(bytes, before + 1, newline)) throw new DamagedLine(offset);
    return { bytes: bytes.subarray(before + 1, newline), offset, endOffset: from + newline + 1 };
  }
}

/**
 * Last line of a part of a file.
 *
 * @module
 */
import { readBytes } from "../disk/files.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { isIntact, NEWLINE } from "./codec.ts";
import { DamagedLine } from "./pages.ts";

const TAIL_BYTES = 4_096;

/** Reads the last line between `start` and `end`. Throws {@linkcode DamagedLine} unless it is intact. */
export function lastLine(
  file: OpenFile,
  start: number,
  end: number,
): { readonly bytes: Uint8Array; readonly offset: number } {
  for (let length = TAIL_BYTES;; length *= 4) {
    const from = Math.max(start, end - length);
    const bytes = readBytes(file, from, end - from);
    if (bytes.length < end - from || bytes.at(-1) !== NEWLINE) throw new DamagedLine(from);
    const newline = bytes.subarray(0, bytes.length - 1).lastIndexOf(NEWLINE);
    if (newline === -1 && from > start) continue;
    const line = bytes.subarray(newline + 1, bytes.length - 1);
    const offset = from + newline + 1;
    if (!isIntact(line, 0, line.length)) throw new DamagedLine(offset);
    return { bytes: line, offset };
  }
}

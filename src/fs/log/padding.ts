/**
 * Padding after the end of the log. Writing over existing bytes changes
 * neither the size nor the blocks of a file, so `fdatasync` has only the data
 * to write: no size, no journal of the file system. (SQLite gains the same by
 * reusing its WAL, etcd by allocating ahead.)
 *
 * The padding is spaces, which JSON allows between values, so `jq` still reads
 * the file. It is not content: the log ends after its last byte that is not a
 * space. Only the last segment has padding, and only until it is closed.
 *
 * @module
 */
import { readBytes } from "../disk/files.ts";
import type { OpenFile } from "../disk/file_system.ts";

const SPACE = 0x20;
const PADDING_BYTES_MIN = 4_096;
const PIECE_BYTES = 65_536;

/** The most bytes of padding. */
export const PADDING_BYTES_MAX = 262_144;
/** A larger batch gets no padding: its own blocks cost more than padding saves. */
const BATCH_BYTES_MAX = 65_536;

const spaces = new Uint8Array(PADDING_BYTES_MAX).fill(SPACE);

/** Chooses the padding for batches that do not fit into the present one: small at first, doubled each time. */
export class Padding {
  #bytes = PADDING_BYTES_MIN;

  /** The spaces to write after a batch that does not fit. */
  after(batchBytes: number): Uint8Array {
    if (batchBytes > BATCH_BYTES_MAX) return spaces.subarray(0, 0);
    const bytes = this.#bytes;
    this.#bytes = Math.min(2 * bytes, PADDING_BYTES_MAX);
    return spaces.subarray(0, bytes);
  }
}

/** The size of a segment without padding. */
export function contentSize(file: OpenFile): number {
  const { size } = file.stat();
  const least = Math.max(0, size - PADDING_BYTES_MAX);
  for (let end = size; end > least;) {
    const start = Math.max(least, end - PIECE_BYTES);
    const last = readBytes(file, start, end - start).findLastIndex((byte) => byte !== SPACE);
    if (last !== -1) return start + last + 1;
    end = start;
  }
  return least;
}

/**
 * Room ahead of the end of the log. To write over bytes that are there
 * already changes neither the size nor the blocks of a file, so that
 * `fdatasync` has the data to write and nothing else: no size, no journal of
 * the file system, and none of what others wrote meanwhile. (SQLite gains the
 * same by writing its WAL over and over, etcd by allocating ahead.)
 *
 * The room is spaces, which JSON allows between values, so that the file stays
 * one that `jq` reads. They are no content: the log ends behind its last byte
 * that is no space. Only the last segment has room, and only until it is
 * closed.
 *
 * @module
 */
import { readBytes } from "../disk/files.ts";
import type { OpenFile } from "../disk/file_system.ts";

const SPACE = 0x20;
const ROOM_BYTES_MIN = 4_096;
const PIECE_BYTES = 65_536;

/** The most room that there is. */
export const ROOM_BYTES_MAX = 262_144;
/** A batch larger than this is not worth room: its own blocks cost more than what it saves. */
const BATCH_BYTES_MAX = 65_536;

const spaces = new Uint8Array(ROOM_BYTES_MAX).fill(SPACE);

/** How much room to make, each time that a batch does not fit: little at first, then twice as much each time. */
export class Padding {
  #bytes = ROOM_BYTES_MIN;

  /** The spaces to write behind a batch that does not fit. */
  behind(batchBytes: number): Uint8Array {
    if (batchBytes > BATCH_BYTES_MAX) return spaces.subarray(0, 0);
    const bytes = this.#bytes;
    this.#bytes = Math.min(2 * bytes, ROOM_BYTES_MAX);
    return spaces.subarray(0, bytes);
  }
}

/** The size of a segment without room: where its content ends. */
export function contentSize(file: OpenFile): number {
  const { size } = file.stat();
  const least = Math.max(0, size - ROOM_BYTES_MAX);
  for (let end = size; end > least;) {
    const start = Math.max(least, end - PIECE_BYTES);
    const last = readBytes(file, start, end - start).findLastIndex((byte) => byte !== SPACE);
    if (last !== -1) return start + last + 1;
    end = start;
  }
  return least;
}

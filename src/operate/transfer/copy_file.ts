/**
 * Copies the beginning of a file, and compares beginnings of files.
 *
 * @module
 */
import { Slices } from "../../core/turn.ts";
import { readFull, replaceFile } from "../../fs/disk/files.ts";
import { corrupt, guarded } from "../../fs/disk/faults.ts";
import type { FileSystem } from "../../fs/disk/file_system.ts";
import type { Meter } from "../options.ts";

const CHUNK_BYTES = 1_048_576;

/** Options of {@linkcode copyFile}. */
export interface CopyOptions {
  /** The copy must be on the device before the call resolves. */
  readonly durable: boolean;
  /** Counts the bytes. */
  readonly meter?: Meter;
}

/** Copies the first `size` bytes of a file, atomically. */
export async function copyFile(
  fs: FileSystem,
  from: string,
  to: string,
  size: number,
  { durable, meter }: CopyOptions,
): Promise<void> {
  const file = guarded("open", from, () => fs.open(from, "read"));
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const slices = new Slices();
    for (let at = 0; at < size;) {
      const bytes = new Uint8Array(Math.min(CHUNK_BYTES, size - at));
      const length = readFull(file, bytes, at);
      if (length < bytes.length) throw corrupt(from, `it ends at byte ${at + length} of ${size}`);
      yield bytes;
      at += length;
      meter?.add(length);
      await slices.pause();
    }
  }
  try {
    await replaceFile(fs, to, chunks(), { durable });
  } finally {
    file.close();
  }
}

/** Returns true if the first `size` bytes of two files are equal; compares at least the last `sample` of them. */
export function isPrefix(fs: FileSystem, a: string, b: string, size: number, sample: number = size): boolean {
  const buffer = Math.min(CHUNK_BYTES, sample);
  const [left, right] = [new Uint8Array(buffer), new Uint8Array(buffer)];
  const one = guarded("open", a, () => fs.open(a, "read"));
  try {
    const other = guarded("open", b, () => fs.open(b, "read"));
    try {
      for (let at = Math.max(0, size - sample); at < size; at += buffer) {
        const length = Math.min(buffer, size - at);
        const found = Math.min(
          readFull(one, left.subarray(0, length), at),
          readFull(other, right.subarray(0, length), at),
        );
        if (found < length || !isSame(left, right, length)) return false;
      }
      return true;
    } finally {
      other.close();
    }
  } finally {
    one.close();
  }
}

function isSame(a: Uint8Array, b: Uint8Array, length: number): boolean {
  for (let index = 0; index < length; index++) if (a[index] !== b[index]) return false;
  return true;
}

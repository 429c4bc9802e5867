/**
 * Copies the beginning of a file, and compares beginnings of files.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Slices } from "../../core/turn.ts";
import { readBytes, readFull, replaceFile, withFile } from "../../fs/disk/files.ts";
import { corrupt, guarded } from "../../fs/disk/faults.ts";
import type { FileSystem, OpenFile } from "../../fs/disk/file_system.ts";
import type { Meter } from "../options.ts";

const CHUNK_BYTES = 1_048_576;

/** Copies the first `size` bytes of a file, atomically and with `durable` synced. `meter` counts them. */
export async function copyFile(
  fs: FileSystem,
  from: string,
  to: string,
  size: number,
  durable: boolean,
  meter?: Meter,
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
  } catch (error) {
    // Throws the reason of an aborted signal.
    meter?.add(0);
    throw error;
  } finally {
    file.close();
  }
}

/** Returns true if the first `size` bytes of two files are equal; compares at least the last `sample` of them. */
export function isPrefix(fs: FileSystem, a: string, b: string, size: number, sample: number = size): boolean {
  const compare = (one: OpenFile, other: OpenFile): boolean => {
    for (let at = Math.max(0, size - sample); at < size; at += CHUNK_BYTES) {
      const length = Math.min(CHUNK_BYTES, size - at);
      const [left, right] = [readBytes(one, at, length), readBytes(other, at, length)];
      if (left.length < length || Buffer.compare(left, right) !== 0) return false;
    }
    return true;
  };
  const beside = (one: OpenFile) =>
    guarded("open", b, () => withFile(fs, b, "read", (other) => compare(one, other)));
  return guarded("open", a, () => withFile(fs, a, "read", beside));
}

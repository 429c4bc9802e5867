/**
 * Copies part of a file, and compares beginnings of files.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Slices } from "../core/turn.ts";
import { readBytes, replaceFile, type ReplaceOptions, withFile, withFileAsync } from "../fs/disk/files.ts";
import { corrupt, guarded, guardedAsync } from "../fs/disk/faults.ts";
import type { FileSystem } from "../fs/disk/file_system.ts";
import type { Meter } from "./options.ts";

const CHUNK_BYTES = 1_048_576;

/** Options of {@linkcode copyFile}. */
export interface CopyOptions extends ReplaceOptions {
  /** Byte offset of the first byte. @default {0} */
  readonly start?: number;
  /** Byte offset after the last byte. */
  readonly end: number;
}

/** Copies the bytes of a file from `start` to `end`, atomically and with `durable` synced. `meter` counts them. */
export async function copyFile(
  fs: FileSystem,
  from: string,
  to: string,
  { start = 0, end, durable }: CopyOptions,
  meter?: Meter,
): Promise<void> {
  try {
    await guardedAsync("copy", from, () =>
      withFileAsync(fs, from, "read", async (file) => {
        async function* chunks(): AsyncGenerator<Uint8Array> {
          const slices = new Slices();
          for (let at = start; at < end; at += CHUNK_BYTES) {
            const length = Math.min(CHUNK_BYTES, end - at);
            const bytes = readBytes(file, at, length);
            if (bytes.length < length) throw corrupt(from, `it ends at byte ${at + bytes.length} of ${end}`);
            yield bytes;
            meter?.add(length);
            await slices.pause();
          }
        }
        await replaceFile(fs, to, chunks(), { durable });
      }));
  } catch (error) {
    // Throws the reason of an aborted signal.
    meter?.add(0);
    throw error;
  }
}

/** Returns true if the first `size` bytes of two files are equal; compares at least the last `sample` of them. */
export function isPrefix(fs: FileSystem, a: string, b: string, size: number, sample: number = size): boolean {
  const read = (path: string, at: number, length: number): Uint8Array =>
    guarded("read", path, () => withFile(fs, path, "read", (file) => readBytes(file, at, length)));
  for (let at = Math.max(0, size - sample); at < size; at += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, size - at);
    const bytes = read(a, at, length);
    if (bytes.length < length || Buffer.compare(bytes, read(b, at, length)) !== 0) return false;
  }
  return true;
}

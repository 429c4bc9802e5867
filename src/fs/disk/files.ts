/**
 * Small disk operations shared by all parts of the store: complete reads and
 * writes, bounded reads, atomic replacement.
 *
 * @module
 */
import { dirname } from "@std/path";
import { corrupt, guarded, guardedAsync, isNotFound } from "./faults.ts";
import type { FileStat, FileSystem, OpenFile, OpenMode } from "./file_system.ts";

/** Suffix of files that are being written, and renamed once complete. */
export const TEMPORARY_SUFFIX = ".tmp";

/** Writes all of `bytes`, repeating short writes. */
export function writeAll(file: OpenFile, bytes: Uint8Array, position: number): void {
  let written = 0;
  while (written < bytes.length) {
    const count = file.write(written === 0 ? bytes : bytes.subarray(written), position + written);
    if (count <= 0) throw new Error("Cannot write: the system wrote nothing");
    written += count;
  }
}

/** Fills `target` from `position`, repeating short reads; returns the number of bytes read. */
export function readFull(file: OpenFile, target: Uint8Array, position: number): number {
  let filled = 0;
  while (filled < target.length) {
    const count = file.read(filled === 0 ? target : target.subarray(filled), position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/** Bytes of a file from `position`, at most `length`. */
export function readBytes(file: OpenFile, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, readFull(file, bytes, position));
}

/** Opens a file for the duration of `work`. */
export function withFile<T>(fs: FileSystem, path: string, mode: OpenMode, work: (file: OpenFile) => T): T {
  const file = fs.open(path, mode);
  try {
    return work(file);
  } finally {
    closeQuietly(file);
  }
}

/** {@linkcode withFile} for asynchronous work. */
export async function withFileAsync<T>(
  fs: FileSystem,
  path: string,
  mode: OpenMode,
  work: (file: OpenFile) => Promise<T>,
): Promise<T> {
  const file = fs.open(path, mode);
  try {
    return await work(file);
  } finally {
    closeQuietly(file);
  }
}

/**
 * Reads a small file; `undefined` if it does not exist. Throws `store_corrupt`
 * beyond `bytesMax`, or for a link; `name` is the name of the file in errors.
 */
export function readSmallFile(
  fs: FileSystem,
  path: string,
  bytesMax: number,
  name: string = path,
): Uint8Array | undefined {
  return readIfThere(fs, path, name, (file) => {
    // The size of the open file: the path may name another one by now.
    const { size } = file.stat();
    if (size > bytesMax) throw corrupt(name, `it has ${size} bytes, more than ${bytesMax}`);
    return readBytes(file, 0, size);
  });
}

/** Opens a file to read it; `undefined` if it does not exist. Throws `store_corrupt` for anything but a file. */
export function readIfThere<T>(
  fs: FileSystem,
  path: string,
  name: string,
  work: (file: OpenFile) => T,
): T | undefined {
  return guarded("read", path, () => {
    // Absent files are frequent, and an opening that fails takes several times as long.
    if (!isPresent(fs, path, "file", name)) return undefined;
    const file = openIfThere(fs, path);
    if (file === undefined) return undefined;
    try {
      return work(file);
    } finally {
      closeQuietly(file);
    }
  });
}

/** Opens a file to read it; `undefined` if it does not exist. */
export function openIfThere(fs: FileSystem, path: string): OpenFile | undefined {
  try {
    return fs.open(path, "read");
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Size of the file at a path; 0 if there is none. */
export function sizeOf(fs: FileSystem, path: string): number {
  return guarded("stat", path, () => fs.stat(path)?.size ?? 0);
}

const KIND_TEXTS: Readonly<Record<FileStat["kind"], string>> = {
  file: "file",
  directory: "directory",
  link: "symbolic link",
  other: "FIFO, socket or device",
};

/** Describes the entry found instead of a file or directory. */
export function wrongKind(kind: FileStat["kind"], wanted: "file" | "directory"): string {
  return `it is a ${KIND_TEXTS[kind]}, not a ${wanted}`;
}

/** Options of {@linkcode replaceFile}. */
export interface ReplaceOptions {
  /** The new file and its name must be durable before the call resolves. */
  readonly durable: boolean;
}

/**
 * Replaces a file atomically: a complete and (if durable) synced temporary file in
 * the same directory is renamed over it. Readers see either the old file or the new
 * one.
 */
export async function replaceFile(
  fs: FileSystem,
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: ReplaceOptions,
): Promise<number> {
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  return await guardedAsync("replace", path, async () => {
    fs.remove(temporary);
    const size = await writeNew(fs, temporary, chunks, options);
    try {
      await fs.rename(temporary, path);
      if (options.durable) await fs.syncDirectory(dirname(path));
      return size;
    } catch (error) {
      removeQuietly(fs, temporary);
      throw error;
    }
  });
}

/** Writes a file that must not exist yet, and removes it if that fails; returns its size. */
export async function writeNew(
  fs: FileSystem,
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: ReplaceOptions,
): Promise<number> {
  const file = fs.open(path, "create");
  try {
    let size = 0;
    for await (const chunk of chunks) {
      writeAll(file, chunk, size);
      size += chunk.length;
    }
    if (options.durable) await file.sync();
    closeQuietly(file);
    return size;
  } catch (error) {
    closeQuietly(file);
    removeQuietly(fs, path);
    throw error;
  }
}

/**
 * Closes a handle. Data that must be durable was synced before, and the handle is
 * released even if closing fails: a second attempt could close a file that was
 * opened since.
 */
export function closeQuietly(file: { close(): void }): void {
  try {
    file.close();
  } catch {
    // There is nothing left to do.
  }
}

/** Removes a file that is no longer needed, if there is one and it can be removed; otherwise the next opening does. */
export function removeQuietly(fs: FileSystem, path: string): boolean {
  try {
    return fs.remove(path);
  } catch {
    // No write depends on it: each one clears the name first.
    return false;
  }
}

/** Creates a directory, and makes its name durable. Throws `store_corrupt` if the name is something else. */
export async function makeDirectory(fs: FileSystem, path: string, name: string = path): Promise<void> {
  await guardedAsync("make directory", path, async () => {
    if (fs.makeDirectory(path)) return await fs.syncDirectory(dirname(path));
    isPresent(fs, path, "directory", name);
  });
}

/**
 * Returns true if there is a file or directory at a path, and false if there is nothing. Throws `store_corrupt` for
 * anything else, such as a link.
 */
export function isPresent(
  fs: FileSystem,
  path: string,
  wanted: "file" | "directory",
  name: string = path,
): boolean {
  const kind = fs.stat(path)?.kind;
  if (kind !== undefined && kind !== wanted) throw corrupt(name, wrongKind(kind, wanted));
  return kind !== undefined;
}

/** Longer reads are rare enough to allocate their own buffer. */
const SCRATCH_BYTES = 524_288;

const encoder = new TextEncoder();
/**
 * One shared buffer for short work whose bytes are not kept: a new buffer each time
 * costs more than the read itself, and burdens the garbage collector.
 */
let buffer: Uint8Array | undefined;

/**
 * Reads at most `length` bytes of a file from `position`. They are valid until the
 * next call: keep a copy to use them after that or across an await.
 */
export function readScratch(file: OpenFile, position: number, length: number): Uint8Array {
  const bytes = length > SCRATCH_BYTES ? new Uint8Array(length) : scratch().subarray(0, length);
  return bytes.subarray(0, readFull(file, bytes, position));
}

/** Encodes a text. The bytes are valid until the next call. */
export function encodeScratch(text: string): Uint8Array {
  if (text.length * 3 > SCRATCH_BYTES) return encoder.encode(text);
  const { written } = encoder.encodeInto(text, scratch());
  return scratch().subarray(0, written);
}

/** The shared buffer, for work in pieces; its content is valid until the next call of any of these functions. */
export function scratch(): Uint8Array {
  return buffer ??= new Uint8Array(SCRATCH_BYTES);
}

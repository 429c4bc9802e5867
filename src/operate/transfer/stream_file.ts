/**
 * Files that streams are saved to and read from. A file is replaced only on
 * request, and is never visible half written: a temporary file beside it is
 * written, synced and renamed.
 *
 * @module
 */
import { dirname, SEPARATOR } from "@std/path";
import { invalidRequest } from "../../core/errors.ts";
import { DenoFileSystem } from "../../fs/disk/deno_file_system.ts";
import { guarded, guardedAsync, storeFault } from "../../fs/disk/faults.ts";
import type { FileLock, FileStat } from "../../fs/disk/file_system.ts";
import { removeQuietly, withFileAsync, writeAll } from "../../fs/disk/files.ts";
import { absolutePath } from "../../fs/layout.ts";
import { findPlace, type StoreLocation } from "../../fs/place/find.ts";

const disk: DenoFileSystem = new DenoFileSystem();

/** Suffix of the temporary file. An unlocked one was left by a killed process. */
const PARTIAL = ".partial";

/** Options of {@linkcode saveStream}. */
export interface SaveStreamOptions {
  /** An existing file may be replaced. @default {false} */
  readonly replace?: boolean | undefined;
  /** The store that the stream is read from; the file must not be in its directory. */
  readonly source?: StoreLocation | undefined;
}

/** A file to read as a stream. */
export interface OpenedStream {
  /** Its bytes. Closes the file when it ends or is cancelled. */
  readonly stream: ReadableStream<Uint8Array>;
  /** Its size. */
  readonly totalBytes: number;
}

/** Opens a file to read as a stream, such as an export. Requires `--allow-read`. */
export function openStream(path: string): OpenedStream {
  return guarded("open", path, () => {
    const file = Deno.openSync(path);
    return { stream: file.readable, totalBytes: file.statSync().size };
  });
}

/**
 * Saves a stream, such as an export, to a file and returns the number of bytes.
 * Requires `--allow-read` and `--allow-write` of its directory. A failure leaves an
 * existing file unchanged. Throws `invalid_request` if the file exists and is not
 * to be replaced, is not a regular file, is in the directory of `source`, or is
 * being written by another process.
 */
export async function saveStream(
  file: string,
  stream: AsyncIterable<Uint8Array>,
  { replace = false, source }: SaveStreamOptions = {},
): Promise<number> {
  // The process may change its directory while the stream is read.
  const path = absolutePath(file);
  if (source !== undefined) assertOutside(path, findPlace(disk, source).layout.directory);
  const replaced = fileToReplace(path, replace);
  const temporary = `${path}${PARTIAL}`;
  const lock = lockTemporary(path, temporary);
  try {
    const bytes = await writeTemporary(temporary, stream);
    if (replaced !== undefined && Deno.build.os !== "windows") copyMode(path, temporary);
    await guardedAsync("write", path, async () => {
      await disk.rename(temporary, path);
      await disk.syncDirectory(dirname(path));
    });
    return bytes;
  } catch (error) {
    removeQuietly(disk, temporary);
    throw storeFault(error, "write", path);
  } finally {
    lock.release();
  }
}

/** Throws `invalid_request` for a file in the directory of a store, whose own files it could replace. */
function assertOutside(path: string, store: string): void {
  const [at, directory] = guarded(
    "write",
    path,
    () => [dirname(path), store].map((each) => Deno.realPathSync(each)),
  );
  if (!`${at}${SEPARATOR}`.startsWith(`${directory}${SEPARATOR}`)) return;
  throw cannotWrite(path, "it lies in the directory of the runtime");
}

/** Returns the existing file, if there is one. Throws `invalid_request` if it must not be replaced. */
function fileToReplace(path: string, replace: boolean): FileStat | undefined {
  const stat = guarded("write", path, () => {
    // Detects a missing permission now, not at the sync that follows the rename.
    disk.stat(dirname(path));
    return disk.stat(path);
  });
  if (stat === undefined) return undefined;
  if (stat.kind !== "file") throw cannotWrite(path, "it is not a regular file");
  if (!replace) throw cannotWrite(path, "it exists; --force (replace: true) replaces it");
  return stat;
}

function lockTemporary(path: string, temporary: string): FileLock {
  return guarded("write", temporary, () => {
    const kind = disk.stat(temporary)?.kind ?? "file";
    if (kind !== "file") throw cannotWrite(temporary, "it is not a regular file");
    const lock = disk.lock(temporary);
    if (lock === undefined) throw cannotWrite(path, "another process is writing it");
    return lock;
  });
}

async function writeTemporary(path: string, stream: AsyncIterable<Uint8Array>): Promise<number> {
  return await withFileAsync(disk, path, "update", async (file) => {
    let position = 0;
    file.truncate(0);
    for await (const chunk of stream) {
      writeAll(file, chunk, position);
      position += chunk.length;
    }
    await file.sync();
    return position;
  });
}

function copyMode(from: string, to: string): void {
  const { mode } = Deno.statSync(from);
  if (mode !== null) Deno.chmodSync(to, mode & 0o777);
}

function cannotWrite(path: string, issue: string): Error {
  return invalidRequest(`write ${JSON.stringify(path)}`, issue);
}

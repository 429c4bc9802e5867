/**
 * Writing a stream to a file, or to the standard output. A file is replaced
 * only on request, and is never visible half written: a temporary file beside
 * it is written, synced and renamed. Requires `--allow-read` and `--allow-write` of
 * its directory.
 *
 * @module
 */
import { dirname, SEPARATOR } from "@std/path";
import { invalidRequest } from "../../src/core/errors.ts";
import { closeQuietly, removeQuietly, writeAll } from "../../src/fs/disk/files.ts";
import { guarded, guardedAsync, storeFault } from "../../src/fs/disk/faults.ts";
import type { FileLock, FileStat } from "../../src/fs/disk/file_system.ts";
import { absolutePath } from "../../src/fs/layout.ts";
import type { Io } from "../io.ts";
import { disk } from "../place.ts";

/** Where a command writes to. */
export interface OutputOptions {
  /** The file; the standard output when absent or `-`. */
  readonly output?: string | undefined;
  /** Whether a file that is there may be replaced. */
  readonly force?: boolean | undefined;
}

/** Suffix of the temporary file. One that is not locked is the leftover of a killed process. */
const PARTIAL = ".partial";

/**
 * Writes chunks and returns the number of bytes. A failure leaves an existing file unchanged. Throws
 * `invalid_request` for a file in `source`, the directory of the store that the chunks are read from.
 */
export async function withOutput(
  io: Io,
  { output, force }: OutputOptions,
  chunks: AsyncIterable<Uint8Array>,
  source?: string,
): Promise<number> {
  if (output === undefined || output === "-") return await written(chunks, (chunk) => io.outBytes(chunk));
  // The process may change its directory while the chunks are made.
  const path = absolutePath(output);
  if (source !== undefined) mustLieOutside(path, source);
  const replaced = mayWrite(path, force === true);
  const temporary = `${path}${PARTIAL}`;
  const lock = takeTemporary(temporary);
  try {
    const bytes = await writeTemporary(temporary, chunks);
    if (replaced !== undefined && Deno.build.os !== "windows") keepMode(path, temporary);
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

/** Throws `invalid_request` for a file in the directory of the store, where it could replace one of the store's own. */
function mustLieOutside(path: string, source: string): void {
  const directory = absolutePath(dirname(path));
  const [at, store] = guarded(
    "write",
    path,
    () => [directory, source].map((each) => Deno.realPathSync(each)),
  );
  if (!`${at}${SEPARATOR}`.startsWith(`${store}${SEPARATOR}`)) return;
  throw invalidRequest(`write ${JSON.stringify(path)}`, "it lies in the directory of the runtime");
}

/** Returns the file to replace, if there is one. Throws `invalid_request` if it must not be replaced. */
function mayWrite(path: string, force: boolean): FileStat | undefined {
  const stat = guarded("write", path, () => {
    // Detects a missing permission now, not at the sync that follows the rename.
    disk.stat(dirname(path));
    return disk.stat(path);
  });
  if (stat === undefined) return undefined;
  const action = `write ${JSON.stringify(path)}`;
  if (stat.kind !== "file") throw invalidRequest(action, "it is not a regular file");
  if (!force) throw invalidRequest(action, "it exists; --force replaces it");
  return stat;
}

function takeTemporary(path: string): FileLock {
  return guarded("write", path, () => {
    const kind = disk.stat(path)?.kind ?? "file";
    if (kind !== "file") throw invalidRequest(`write ${JSON.stringify(path)}`, "it is not a regular file");
    const lock = disk.lock(path);
    if (lock !== undefined) return lock;
    throw invalidRequest(`write ${JSON.stringify(path)}`, "another process is writing it");
  });
}

async function writeTemporary(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const file = guarded("write", path, () => disk.open(path, "update"));
  try {
    let position = 0;
    file.truncate(0);
    await written(chunks, (chunk) => {
      writeAll(file, chunk, position);
      position += chunk.length;
    });
    await file.sync();
    return position;
  } finally {
    closeQuietly(file);
  }
}

function keepMode(path: string, temporary: string): void {
  const { mode } = Deno.statSync(path);
  if (mode !== null) Deno.chmodSync(temporary, mode & 0o777);
}

async function written(
  chunks: AsyncIterable<Uint8Array>,
  write: (chunk: Uint8Array) => void,
): Promise<number> {
  let bytes = 0;
  for await (const chunk of chunks) {
    write(chunk);
    bytes += chunk.length;
  }
  return bytes;
}

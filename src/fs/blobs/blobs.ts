/**
 * Blobs of workers: files named by the SHA-256 of their bytes, in
 * `workers/<worker>/blobs`. A blob is written to a temporary file first, so
 * that an interrupted write leaves nothing under a blob's name.
 *
 * @module
 */
import { join } from "@std/path";
import { verifiedStream } from "../../core/blob_stream.ts";
import { blobMissing, RuntimeError } from "../../core/errors.ts";
import type { WorkerId } from "../../core/ids.ts";
import { workerNotFound } from "../../core/rules.ts";
import type { BlobFacts, BlobInput, BlobOwner } from "../../core/store.ts";
import { guarded, guardedAsync, storeFault } from "../disk/faults.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { closeQuietly, openIfThere, readFull, removeQuietly, writeAll, wrongKind } from "../disk/files.ts";
import { isBlobName } from "./name.ts";
import { type Files, nameOf, workerLayout } from "../layout.ts";
import { makeWorkerDirectory } from "../workers/directories.ts";

/** Bytes read or written between two checks for other work. */
const CHUNK_BYTES = 262_144;

/** The blobs of an open store. */
export class Blobs {
  readonly #files: Files;
  readonly #isCurrent: (owner: BlobOwner) => boolean;
  /** Workers whose directories are durable, and the events that created them. */
  readonly #placed = new Map<WorkerId, number>();
  #temporaries = 0;

  /** Creates the blobs of a store; `isCurrent` returns true if a worker has not been purged. */
  constructor(files: Files, isCurrent: (owner: BlobOwner) => boolean) {
    this.#files = files;
    this.#isCurrent = isCurrent;
  }

  /**
   * Keeps bytes as a blob; resolves when they are durable. Throws
   * `worker_not_found` if the worker was purged meanwhile, and the errors of the input.
   */
  async put(owner: BlobOwner, input: BlobInput): Promise<BlobFacts> {
    const { incoming } = this.#files.layout;
    guarded("make directory", incoming, () => this.#files.fs.makeDirectory(incoming));
    const temporary = join(incoming, `${++this.#temporaries}`);
    await this.#write(temporary, input);
    try {
      await this.#place(owner);
      await this.#name(owner, temporary, input.facts.sha256);
      return input.facts;
    } catch (error) {
      removeQuietly(this.#files.fs, temporary);
      throw error;
    }
  }

  async #write(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const file = guarded("create", path, () => this.#files.fs.open(path, "create"));
    try {
      let bytes = 0;
      for await (const chunk of chunks) {
        guarded("write", path, () => writeAll(file, chunk, bytes));
        bytes += chunk.length;
      }
      await guardedAsync("sync", path, () => file.sync());
    } catch (error) {
      removeQuietly(this.#files.fs, path);
      throw error;
    } finally {
      closeQuietly(file);
    }
  }

  /** Makes the directories of a worker durable. */
  async #place(owner: BlobOwner): Promise<void> {
    const { workerId, createdEventId } = owner;
    this.#assertCurrent(owner);
    if (this.#placed.get(workerId) === createdEventId) return;
    const { directory } = workerLayout(this.#files.layout, workerId);
    await guardedAsync("make directory", directory, async () => {
      makeWorkerDirectory(this.#files, workerId);
      this.#files.fs.makeDirectory(workerLayout(this.#files.layout, workerId).blobs);
      await this.#files.fs.syncDirectory(this.#files.layout.workers);
      await this.#files.fs.syncDirectory(directory);
    }).catch((error) => {
      this.#assertCurrent(owner);
      throw error;
    });
    this.#placed.set(workerId, createdEventId);
  }

  /** Renames a temporary file to the name of its blob. Replaces a blob of this name, which may be damaged. */
  async #name(owner: BlobOwner, temporary: string, sha256: string): Promise<void> {
    const directory = workerLayout(this.#files.layout, owner.workerId).blobs;
    const path = join(directory, sha256);
    try {
      // No other call runs between this check and the rename.
      this.#assertCurrent(owner);
      await this.#files.fs.rename(temporary, path);
      await this.#files.fs.syncDirectory(directory);
    } catch (error) {
      this.#assertCurrent(owner);
      throw storeFault(error, "put blob", path);
    }
  }

  #assertCurrent(owner: BlobOwner): void {
    if (!this.#isCurrent(owner)) throw workerNotFound(owner.workerId, "put blob");
  }

  /** Removes blobs of a worker; returns the number of bytes freed. */
  async remove(workerId: WorkerId, hashes: readonly string[]): Promise<void> {
    const directory = workerLayout(this.#files.layout, workerId).blobs;
    await guardedAsync("remove blobs", directory, async () => {
      for (const sha256 of hashes) this.#files.fs.remove(join(directory, sha256));
      await this.#files.fs.syncDirectory(directory);
    });
  }

  /** Removes what interrupted writes have left. */
  clear(): void {
    const { incoming } = this.#files.layout;
    guarded("clear", incoming, () => {
      if (this.#files.fs.stat(incoming)?.kind !== "directory") return;
      for (const { name, kind } of this.#files.fs.list(incoming)) {
        if (kind === "file") this.#files.fs.remove(join(incoming, name));
      }
    });
  }
}

/** Size of a blob's file; `undefined` if there is none. */
export function blobSize(
  { fs, layout }: Files,
  workerId: string,
  sha256: string,
): number | undefined {
  const path = join(workerLayout(layout, workerId).blobs, sha256);
  const stat = guarded("stat", path, () => fs.stat(path));
  return stat?.kind === "file" ? stat.size : undefined;
}

/** The blobs of a worker, in no particular order. */
export function listBlobs(files: Files, workerId: string): BlobFacts[] {
  const { fs, layout } = files;
  const directory = workerLayout(layout, workerId).blobs;
  const names = guarded("list", directory, () => fs.stat(directory) === undefined ? [] : fs.list(directory));
  const found: BlobFacts[] = [];
  for (const { name, kind } of names) {
    const bytes = kind === "file" && isBlobName(name) ? blobSize(files, workerId, name) : undefined;
    if (bytes !== undefined) found.push({ sha256: name, bytes });
  }
  return found;
}

/**
 * The bytes of a blob, read and verified as they are asked for. Throws
 * `blob_missing`, and `blob_corrupt` if the size differs; the stream ends with
 * `blob_corrupt` if the hash does.
 */
export function readBlob(
  { fs, layout }: Files,
  workerId: string,
  blob: BlobFacts,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { sha256, bytes } = blob;
  const path = join(workerLayout(layout, workerId).blobs, sha256);
  const file = nameOf(layout, path);
  const corrupt = (reason: string) => blobCorrupt({ workerId, sha256, file, reason });
  const stat = guarded("read", path, () => fs.stat(path));
  if (stat === undefined) throw blobMissing(workerId, sha256, file);
  if (stat.kind !== "file") throw corrupt(wrongKind(stat.kind, "file"));
  if (stat.size !== bytes) throw corrupt(`it has ${stat.size} bytes, not ${bytes}`);
  return verifiedStream(chunksOf(fs, path, () => blobMissing(workerId, sha256, file)), blob, corrupt);
}

/** The bytes of a file, in chunks. It is opened when the first one is asked for: a stream may never be read. */
async function* chunksOf(
  fs: FileSystem,
  path: string,
  missing: () => RuntimeError,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const file = guarded("open", path, () => openIfThere(fs, path));
  if (file === undefined) throw missing();
  try {
    for (let at = 0;;) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const length = guarded("read", path, () => readFull(file, chunk, at));
      if (length > 0) yield chunk.subarray(0, length);
      at += length;
      if (length < CHUNK_BYTES) return;
    }
  } finally {
    closeQuietly(file);
  }
}

function blobCorrupt(
  details: { workerId: string; sha256: string; file: string; reason: string },
): RuntimeError<"blob_corrupt"> {
  const { workerId, sha256, file, reason } = details;
  const message = `Cannot read blob ${sha256} of worker ${JSON.stringify(workerId)}: ${file}: ${reason}`;
  return new RuntimeError("blob_corrupt", message, details);
}

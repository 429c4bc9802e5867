/**
 * Blobs of workers: files named by the SHA-256 of their bytes, in
 * `workers/<worker>/blobs`. A blob is written to a temporary file first, so
 * that an interrupted write leaves nothing under a blob's name.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { verifiedStream } from "../../core/blob_stream.ts";
import { blobMissing, RuntimeError } from "../../core/errors.ts";
import type { WorkerId } from "../../core/ids.ts";
import { workerNotFound } from "../../core/rules.ts";
import type { BlobFacts, BlobInput, BlobOwner } from "../../core/store.ts";
import { moveAside } from "../aside.ts";
import { guarded, guardedAsync, isExisting, storeFault } from "../disk/faults.ts";
import type { FileSystem, OpenFile } from "../disk/file_system.ts";
import { closeQuietly, openIfThere, readFull, removeQuietly, writeAll, wrongKind } from "../disk/files.ts";
import { isBlobName } from "./name.ts";
import { type Files, nameOf, type WatchedPlace, workerLayout } from "../layout.ts";
import { isSame, isVanished, type PlaceGuard } from "../place/guard.ts";
import { makeWorkerDirectory } from "../workers/directories.ts";

/** Bytes read or written between two checks for other work. */
const CHUNK_BYTES = 262_144;

/** The files of an open store. */
export interface GuardedFiles extends WatchedPlace {
  /** Checks that the paths still name the store that was opened. */
  readonly guard: Pick<PlaceGuard, "isExact">;
}

/** The blobs of an open store. */
export class Blobs {
  readonly #place: GuardedFiles;
  readonly #lifeOf: (workerId: WorkerId) => number | undefined;
  /** Workers whose directories are durable, and the events that created them. */
  readonly #placed = new Map<WorkerId, number>();
  /** The last put that names each file: those of the same bytes take turns, because renames may overtake each other. */
  readonly #naming = new Map<string, Promise<void>>();
  #temporaries = 0;

  /** Creates the blobs of a store; `lifeOf` returns the event that created a worker, if it exists. */
  constructor(place: GuardedFiles, lifeOf: (workerId: WorkerId) => number | undefined) {
    this.#place = place;
    this.#lifeOf = lifeOf;
  }

  /**
   * Keeps bytes as a blob; resolves when they are durable. Throws
   * `worker_not_found` if the worker was purged meanwhile, and the errors of the input.
   */
  async put(owner: BlobOwner, input: BlobInput): Promise<BlobFacts> {
    const { fs, layout: { incoming } } = this.#place;
    guarded("make directory", incoming, () => fs.makeDirectory(incoming));
    const { path: temporary, file } = this.#create();
    try {
      await write(file, temporary, input);
      await this.#nameInTurn(owner, file, temporary, input.facts.sha256);
      return input.facts;
    } catch (error) {
      removeQuietly(fs, temporary);
      throw error;
    } finally {
      closeQuietly(file);
    }
  }

  /** Creates a temporary file. Names that an earlier opening could not remove are taken. */
  #create(): { readonly path: string; readonly file: OpenFile } {
    const { fs, layout: { incoming } } = this.#place;
    for (;;) {
      const path = join(incoming, `${++this.#temporaries}`);
      try {
        return { path, file: fs.open(path, "create") };
      } catch (error) {
        if (!isExisting(error)) throw storeFault(error, "create", path);
      }
    }
  }

  /** Waits until no put is naming its file: those of a purged worker name none afterwards. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#naming.values());
  }

  async #nameInTurn(owner: BlobOwner, file: OpenFile, temporary: string, sha256: string): Promise<void> {
    const path = join(workerLayout(this.#place.layout, owner.workerId).blobs, sha256);
    const before = this.#naming.get(path) ?? Promise.resolve();
    const naming = before.catch(() => {})
      .then(() => this.#makeDirectories(owner))
      .then(() => this.#name(owner, file, temporary, path));
    this.#naming.set(path, naming);
    try {
      await naming;
    } catch (error) {
      // A directory may be gone.
      this.#placed.delete(owner.workerId);
      throw error;
    } finally {
      if (this.#naming.get(path) === naming) this.#naming.delete(path);
    }
  }

  /** Makes the directories of a worker durable. */
  async #makeDirectories(owner: BlobOwner): Promise<void> {
    const { workerId, createdEventId } = owner;
    this.#assertCurrent(owner);
    if (this.#placed.get(workerId) === createdEventId) return;
    const { directory, blobs } = workerLayout(this.#place.layout, workerId);
    await guardedAsync("make directory", directory, async () => {
      makeWorkerDirectory(this.#place, workerId);
      this.#place.fs.makeDirectory(blobs);
      await this.#place.fs.syncDirectory(this.#place.layout.workers);
      await this.#place.fs.syncDirectory(directory);
    }).catch((error) => {
      this.#assertCurrent(owner);
      throw error;
    });
    this.#placed.set(workerId, createdEventId);
  }

  /** Renames a temporary file to the name of its blob. Replaces a blob of this name, which may be damaged. */
  async #name(owner: BlobOwner, file: OpenFile, temporary: string, path: string): Promise<void> {
    const { fs, guard } = this.#place;
    try {
      this.#assertNames(temporary, file);
      if (!guard.isExact) closeQuietly(file);
      // No other call runs between this check and the rename.
      this.#assertCurrent(owner);
      await fs.rename(temporary, path);
      await fs.syncDirectory(dirname(path));
      this.#assertNames(path, file);
    } catch (error) {
      this.#assertCurrent(owner);
      throw storeFault(error, "put blob", path);
    }
  }

  /** Throws `store_io` unless a path names a file: another process may have replaced a directory. */
  #assertNames(path: string, file: OpenFile): void {
    const { fs, guard } = this.#place;
    if (!guard.isExact) return;
    const found = fs.identity(path);
    if (found !== undefined && isSame(found, file.identity())) return;
    const message = `Cannot put blob ${JSON.stringify(path)}: its file was moved or replaced meanwhile`;
    throw new RuntimeError("store_io", message, { operation: "put blob", path, systemCode: "" });
  }

  #assertCurrent({ workerId, createdEventId }: BlobOwner): void {
    if (this.#lifeOf(workerId) !== createdEventId) throw workerNotFound(workerId, "put blob");
  }

  /**
   * Size of a blob; `undefined` if there is none. Makes its name durable: an
   * interrupted put may have left one that is not.
   */
  async size(workerId: WorkerId, sha256: string): Promise<number | undefined> {
    const size = blobSize(this.#place, workerId, sha256);
    const life = this.#lifeOf(workerId);
    if (size === undefined || life === undefined) return undefined;
    const { fs, layout } = this.#place;
    const { directory, blobs } = workerLayout(layout, workerId);
    try {
      await fs.syncDirectory(blobs);
      if (this.#placed.get(workerId) === life) return size;
      await fs.syncDirectory(directory);
      await fs.syncDirectory(layout.workers);
      this.#placed.set(workerId, life);
      return size;
    } catch (error) {
      if (this.#lifeOf(workerId) !== life) return undefined;
      throw storeFault(error, "sync", blobs);
    }
  }

  /** Removes blobs of a worker. */
  async remove(workerId: WorkerId, hashes: readonly string[]): Promise<void> {
    const directory = workerLayout(this.#place.layout, workerId).blobs;
    await guardedAsync("remove blobs", directory, async () => {
      for (const sha256 of hashes) this.#place.fs.remove(join(directory, sha256));
      await this.#place.fs.syncDirectory(directory);
    });
  }

  /**
   * Removes what interrupted writes have left. Retried at the next opening if it
   * fails: no write depends on it.
   */
  async clear(): Promise<void> {
    const { fs, layout: { incoming }, notice } = this.#place;
    try {
      const kind = fs.stat(incoming)?.kind;
      if (kind === undefined) return;
      if (kind !== "directory") return void await moveAside(this.#place, incoming);
      const left = fs.list(incoming).filter(({ kind }) => kind === "file");
      for (const { name } of left) fs.remove(join(incoming, name));
      if (left.length === 0) return;
      const message = `Removed ${left.length} blobs that were never finished`;
      notice({
        code: "temporary_removed",
        severity: "info",
        message,
        file: nameOf(this.#place.layout, incoming),
      });
    } catch (error) {
      if (isVanished(error)) throw error;
    }
  }
}

async function write(file: OpenFile, path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let bytes = 0;
  for await (const chunk of chunks) {
    guarded("write", path, () => writeAll(file, chunk, bytes));
    bytes += chunk.length;
  }
  await guardedAsync("sync", path, () => file.sync());
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

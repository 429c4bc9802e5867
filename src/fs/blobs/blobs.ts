/**
 * Blobs of workers: files named by the SHA-256 of their bytes, in
 * `workers/<worker>/blobs`. A blob is written to a temporary file first, so
 * that an interrupted write leaves nothing under a blob's name.
 *
 * @module
 */
import { join } from "@std/path";
import { createHash } from "node:crypto";
import { verifiedStream } from "../../core/blob_stream.ts";
import { blobMissing, RuntimeError } from "../../core/errors.ts";
import type { WorkerId } from "../../core/ids.ts";
import { workerNotFound } from "../../core/rules.ts";
import type { BlobHash } from "../../core/sha256.ts";
import type { BlobFacts, BlobInput, BlobOwner, NewWorker } from "../../core/store.ts";
import { moveAside } from "../aside.ts";
import { corrupt, guarded, guardedAsync, storeFault } from "../disk/faults.ts";
import type { FileSystem, OpenFile } from "../disk/file_system.ts";
import { closeQuietly, openIfThere, readFull, removeQuietly, writeAll, wrongKind } from "../disk/files.ts";
import { Creations } from "./creations.ts";
import { blobPath, creationOf, isBlobName } from "./name.ts";
import { type Files, nameOf, type WatchedPlace, workerLayout } from "../layout.ts";
import { isSame, isVanished, type PlaceGuard } from "../place/guard.ts";
import { makeWorkerDirectory } from "../workers/directories.ts";

/** Bytes read or written between two checks for other work. */
const CHUNK_BYTES = 262_144;

/** A name of a temporary file. */
const TEMPORARY_NAME = /^[1-9]\d*$/;

/** The files of an open store. */
export interface GuardedPlace extends WatchedPlace {
  /** Checks that the paths still name the store that was opened. */
  readonly guard: Pick<PlaceGuard, "isExact">;
}

/** The blobs of an open store. */
export class Blobs {
  /** Blobs of workers that are yet to be created. */
  readonly creations: Creations;
  readonly #place: GuardedPlace;
  readonly #lifeOf: (workerId: WorkerId) => number | undefined;
  /** Workers whose directories, and the names of blobs found in them, are durable; with the events that created them. */
  readonly #durable = new Map<WorkerId, number>();
  /** The last put that names each file: those of the same bytes take turns, because renames may overtake each other. */
  readonly #naming = new Map<string, Promise<void>>();
  #temporaries = 0;

  /** Creates the blobs of a store; `lifeOf` returns the event that created a worker, if it exists. */
  constructor(place: GuardedPlace, lifeOf: (workerId: WorkerId) => number | undefined) {
    this.creations = new Creations(place);
    this.#place = place;
    this.#lifeOf = lifeOf;
  }

  /**
   * Keeps bytes as a blob; resolves when they are durable. Throws
   * `worker_not_found` if the worker was purged meanwhile, and the errors of the input.
   */
  async put(owner: BlobOwner | NewWorker, input: BlobInput): Promise<BlobFacts> {
    const { fs } = this.#place;
    const path = await this.#newTemporary();
    const file = guarded("create", path, () => fs.open(path, "create"));
    try {
      await write(file, path, input);
      const { sha256 } = input.facts;
      if ("creation" in owner) await this.#nameNew(owner, { path, file }, sha256);
      else await this.#nameInTurn(owner, { path, file }, sha256);
      return input.facts;
    } catch (error) {
      removeQuietly(fs, path);
      throw error;
    } finally {
      closeQuietly(file);
    }
  }

  /** Waits until no put is naming its file. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#naming.values());
  }

  /** Names a blob of a worker that is yet to be created. The name becomes durable when the blob is adopted. */
  async #nameNew(owner: NewWorker, temporary: Temporary, sha256: string): Promise<void> {
    const { fs, guard } = this.#place;
    const { file } = temporary;
    const path = await this.creations.pathOf(owner, sha256);
    await guardedAsync("put blob", path, async () => {
      this.#assertNames(temporary);
      if (!guard.isExact) closeQuietly(file);
      await fs.rename(temporary.path, path);
      this.#assertNames({ path, file });
    });
    this.creations.add(owner, sha256);
  }

  async #nameInTurn(owner: BlobOwner, temporary: Temporary, sha256: string): Promise<void> {
    const path = blobPath(this.#place.layout, owner.workerId, sha256);
    const before = this.#naming.get(path) ?? Promise.resolve();
    const naming = before.catch(() => {})
      .then(() => this.#makeDirectories(owner, sha256))
      .then(() => this.#name(owner, temporary, sha256));
    this.#naming.set(path, naming);
    try {
      await naming;
    } catch (error) {
      // The purge may have removed any of the files.
      this.#assertCurrent(owner);
      throw error;
    } finally {
      if (this.#naming.get(path) === naming) this.#naming.delete(path);
    }
  }

  /** Path of a new temporary file. */
  async #newTemporary(): Promise<string> {
    const { fs, layout: { incoming } } = this.#place;
    await this.#moveOddAside();
    return guarded("make directory", incoming, () => {
      if (fs.stat(incoming) === undefined) fs.makeDirectory(incoming);
      for (;;) {
        const path = join(incoming, `${++this.#temporaries}`);
        if (fs.stat(path) === undefined) return path;
      }
    });
  }

  /** Moves aside anything but a directory in the place of that of temporary files. */
  async #moveOddAside(): Promise<void> {
    const { fs, layout: { incoming } } = this.#place;
    const kind = guarded("stat", incoming, () => fs.stat(incoming)?.kind);
    if (kind !== undefined && kind !== "directory") await moveAside(this.#place, incoming);
  }

  /** Makes the directories of a worker, durably. Throws `blob_corrupt` for anything else in their place. */
  async #makeDirectories(owner: BlobOwner, sha256: string): Promise<void> {
    const { workerId, createdEventId } = owner;
    const { fs, layout: { workers } } = this.#place;
    const { directory, blobs } = workerLayout(this.#place.layout, workerId);
    this.#assertCurrent(owner);
    const isThere = hasBlobDirectory(
      this.#place,
      workerId,
      (file, reason) => blobCorrupt("put", { workerId, sha256, file, reason }),
    );
    if (isThere && this.#durable.get(workerId) === createdEventId) return;
    await guardedAsync("make directory", blobs, async () => {
      makeWorkerDirectory(this.#place, workerId);
      fs.makeDirectory(blobs);
      for (const path of [workers, directory, blobs]) await fs.syncDirectory(path);
    });
    this.#durable.set(workerId, createdEventId);
  }

  /** Renames a temporary file to the name of its blob. Replaces a blob of this name, which may be damaged. */
  async #name(owner: BlobOwner, temporary: Temporary, sha256: string): Promise<void> {
    const { workerId } = owner;
    const { fs, layout, guard } = this.#place;
    const { file } = temporary;
    const { blobs } = workerLayout(layout, workerId);
    const path = blobPath(layout, workerId, sha256);
    try {
      const kind = fs.stat(path)?.kind;
      if (kind === "directory") {
        const reason = wrongKind(kind, "file");
        throw blobCorrupt("put", { workerId, sha256, file: nameOf(layout, path), reason });
      }
      this.#assertNames(temporary);
      if (!guard.isExact) closeQuietly(file);
      // No other call runs between this check and the rename.
      this.#assertCurrent(owner);
      await fs.rename(temporary.path, path);
      await fs.syncDirectory(blobs);
      this.#assertNames({ path, file });
    } catch (error) {
      this.#durable.delete(workerId);
      throw storeFault(error, "put blob", path);
    }
    this.#assertCurrent(owner);
  }

  /** Throws `store_io` unless a path names its file: another process may have replaced a directory. */
  #assertNames({ path, file }: Temporary): void {
    const { fs, guard } = this.#place;
    if (!guard.isExact) return;
    const own = file.identity();
    const found = fs.identity(path);
    if (found !== undefined && isSame(found, own)) return;
    const message = `Cannot put blob ${JSON.stringify(path)}: its file was moved or replaced meanwhile`;
    throw new RuntimeError("store_io", message, { operation: "put blob", path, systemCode: "" });
  }

  #assertCurrent({ workerId, createdEventId }: BlobOwner): void {
    if (this.#lifeOf(workerId) !== createdEventId) throw workerNotFound(workerId, "put blob");
  }

  /** Size of a blob, whose name is made durable if necessary; `undefined` if there is none. */
  async size(workerId: WorkerId, sha256: string): Promise<number | undefined> {
    // The name that a put gives is durable at its end.
    await this.idle();
    const bytes = blobSize(this.#place, workerId, sha256);
    const createdEventId = this.#lifeOf(workerId);
    if (bytes === undefined || createdEventId === undefined) return undefined;
    // A process that was killed may have left its name in the page cache only.
    await this.#makeDirectories({ workerId, createdEventId }, sha256);
    return bytes;
  }

  /** Forgets a purged worker. */
  forget(workerId: WorkerId): void {
    this.#durable.delete(workerId);
  }

  /** Removes blobs of a worker. */
  async remove(workerId: WorkerId, hashes: readonly string[]): Promise<void> {
    const { fs, layout } = this.#place;
    const directory = workerLayout(layout, workerId).blobs;
    await guardedAsync("remove blobs", directory, async () => {
      for (const sha256 of hashes) fs.remove(join(directory, sha256));
      await fs.syncDirectory(directory);
    });
  }

  /**
   * Removes what interrupted writes have left. What cannot be removed is left to the next opening. Returns the
   * creations that have a directory, which may have moved blobs to their workers.
   */
  async clear(): Promise<NewWorker[]> {
    const { fs, layout: { incoming }, notice } = this.#place;
    const creations: NewWorker[] = [];
    let removed = 0;
    try {
      await this.#moveOddAside();
      if (fs.stat(incoming) === undefined) return [];
      for (const { name, kind } of fs.list(incoming)) {
        const file = `incoming/${name}`;
        const creation = kind === "directory" ? creationOf(name) : undefined;
        if (creation !== undefined) creations.push(creation);
        else if (kind === "file" && TEMPORARY_NAME.test(name)) {
          removed += fs.remove(join(incoming, name)) ? 1 : 0;
        } else notice({ code: "foreign_entry", severity: "warning", message: foreignText(file), file });
      }
    } catch (error) {
      if (isVanished(error)) throw error;
    }
    if (removed === 0) return creations;
    const message = `Removed ${removed} unfinished ${removed === 1 ? "blob" : "blobs"} in "incoming"`;
    notice({ code: "temporary_removed", severity: "info", message, file: "incoming" });
    return creations;
  }
}

/** A path, and the open file that it must name. */
interface Temporary {
  readonly path: string;
  readonly file: OpenFile;
}

async function write(file: OpenFile, path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let bytes = 0;
  for await (const chunk of chunks) {
    guarded("write", path, () => writeAll(file, chunk, bytes));
    bytes += chunk.length;
  }
  await guardedAsync("sync", path, () => file.sync());
}

function foreignText(file: string): string {
  return `${JSON.stringify(file)} is none of the store's files`;
}

/**
 * Returns false if a worker has no directory of blobs. Throws the error that
 * `corrupt` returns for anything but a directory in its place, such as a link.
 */
export function hasBlobDirectory(
  { fs, layout }: Files,
  workerId: string,
  corrupt: (file: string, reason: string) => RuntimeError,
): boolean {
  const { directory, blobs } = workerLayout(layout, workerId);
  for (const path of [directory, blobs]) {
    const kind = guarded("stat", path, () => fs.stat(path)?.kind);
    if (kind === undefined) return false;
    if (kind !== "directory") throw corrupt(nameOf(layout, path), wrongKind(kind, "directory"));
  }
  return true;
}

/** Size of a blob's file; `undefined` if there is none. Throws `blob_corrupt` for anything but a file at its path. */
export function blobSize(files: Files, workerId: string, sha256: string): number | undefined {
  const { fs, layout } = files;
  const odd = (file: string, reason: string) => blobCorrupt("read", { workerId, sha256, file, reason });
  if (!hasBlobDirectory(files, workerId, odd)) return undefined;
  const path = blobPath(layout, workerId, sha256);
  const stat = guarded("stat", path, () => fs.stat(path));
  if (stat !== undefined && stat.kind !== "file") {
    throw odd(nameOf(layout, path), wrongKind(stat.kind, "file"));
  }
  return stat?.size;
}

/** The blobs of a worker, in no particular order. Throws `store_corrupt` for anything but a directory of them. */
export function listBlobs(files: Files, workerId: string): BlobFacts[] {
  const { fs, layout } = files;
  if (!hasBlobDirectory(files, workerId, corrupt)) return [];
  const directory = workerLayout(layout, workerId).blobs;
  const found: BlobFacts[] = [];
  for (const { name, kind } of guarded("list", directory, () => fs.list(directory))) {
    const isBlob = kind === "file" && isBlobName(name);
    const path = join(directory, name);
    const stat = isBlob ? guarded("stat", path, () => fs.stat(path)) : undefined;
    if (stat !== undefined) found.push({ sha256: name, bytes: stat.size });
  }
  return found;
}

/**
 * The bytes of a blob, read and verified as they are asked for. Throws
 * `blob_missing`, and `blob_corrupt` if the size differs; the stream ends with
 * `blob_corrupt` if the hash does.
 */
export function readBlob(
  files: Files,
  workerId: string,
  blob: BlobFacts,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { sha256, bytes } = blob;
  const { fs, layout } = files;
  const path = blobPath(layout, workerId, sha256);
  const file = nameOf(layout, path);
  const corrupt = (reason: string) => blobCorrupt("read", { workerId, sha256, file, reason });
  const size = blobSize(files, workerId, sha256);
  if (size === undefined) throw blobMissing(workerId, sha256, file);
  if (size !== bytes) throw corrupt(`it has ${size} bytes, not ${bytes}`);
  const chunks = chunksOf(fs, path, () => blobMissing(workerId, sha256, file));
  return verifiedStream(chunks, blob, corrupt, newHash());
}

/** A new SHA-256 of the platform. */
export function newHash(): BlobHash {
  return createHash("sha256");
}

/** The bytes of a file, in chunks. It is open for none but the reading of one: a stream may never be read to its end. */
async function* chunksOf(
  fs: FileSystem,
  path: string,
  missing: () => RuntimeError,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  let length = CHUNK_BYTES;
  for (let at = 0; length === CHUNK_BYTES; at += length) {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const file = guarded("open", path, () => openIfThere(fs, path));
    if (file === undefined) throw missing();
    try {
      length = guarded("read", path, () => readFull(file, chunk, at));
    } finally {
      closeQuietly(file);
    }
    if (length > 0) yield chunk.subarray(0, length);
  }
}

/** Creates the error of a blob whose file does not hold its bytes. */
export function blobCorrupt(
  verb: "put" | "read",
  details: { workerId: string; sha256: string; file: string; reason: string },
): RuntimeError<"blob_corrupt"> {
  const { workerId, sha256, file, reason } = details;
  const message = `Cannot ${verb} blob ${sha256} of worker ${JSON.stringify(workerId)}: ${file}: ${reason}`;
  return new RuntimeError("blob_corrupt", message, details);
}

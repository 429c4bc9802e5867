/**
 * Blobs of workers that are yet to be created. Each creation with blobs has a
 * directory in `incoming`, which names the worker:
 *
 * | step                   | blobs                     | directory                |
 * | ---------------------- | ------------------------- | ------------------------ |
 * | blobs are put          | in the directory          | made                     |
 * | before the event       | moved to the worker's own | durable                  |
 * | the event is durable   | those of the worker       | empty, and removed       |
 * | the event is rejected  | removed in both places    | removed, once they are   |
 *
 * An opening that finds such a directory removes what is in it. If the log has no such
 * worker, it also removes what was moved.
 *
 * @module
 */
import { join } from "@std/path";
import type { NewWorker } from "../../core/store.ts";
import { inPlaceOf } from "../aside.ts";
import { guarded, guardedAsync } from "../disk/faults.ts";
import { type WatchedPlace, workerLayout } from "../layout.ts";
import { isVanished } from "../place/guard.ts";
import { creationPath, isBlobName } from "./name.ts";

/** The creations of an open store. */
export class Creations {
  readonly #place: WatchedPlace;
  /** Hashes of the blobs that were put, by creation. */
  readonly #put = new Map<number, Set<string>>();
  /** Creations whose events are in the log, and whose directories are left. */
  #created: NewWorker[] = [];

  /** Creations without blobs. */
  constructor(place: WatchedPlace) {
    this.#place = place;
  }

  /** Path at which a blob is to be named. */
  async pathOf(owner: NewWorker, sha256: string): Promise<string> {
    const directory = creationPath(this.#place.layout, owner);
    await inPlaceOf(this.#place, directory);
    return join(directory, sha256);
  }

  /** A blob was named. */
  add({ creation }: NewWorker, sha256: string): void {
    const hashes = this.#put.get(creation) ?? new Set();
    this.#put.set(creation, hashes.add(sha256));
  }

  /**
   * Moves the blobs of a creation to the directory of its worker, durably. The id is not in use, and nothing is left
   * of an earlier worker.
   */
  async adopt(owner: NewWorker): Promise<void> {
    const { fs, layout } = this.#place;
    const { directory, blobs } = workerLayout(layout, owner.workerId);
    const from = creationPath(layout, owner);
    await guardedAsync("adopt blobs", blobs, async () => {
      // An opening must find the directory in whatever state a crash leaves the blobs.
      await fs.syncDirectory(layout.incoming);
      for (const path of [directory, blobs]) await inPlaceOf(this.#place, path);
      for (const sha256 of this.#put.get(owner.creation) ?? []) {
        await fs.rename(join(from, sha256), join(blobs, sha256));
      }
      for (const path of [layout.workers, directory, blobs]) await fs.syncDirectory(path);
    });
  }

  /** The event of a creation is in the log. */
  created(owner: NewWorker): void {
    this.#put.delete(owner.creation);
    this.#created.push(owner);
  }

  /** Removes the directories of creations whose events are on the device. */
  settle(): void {
    for (const owner of this.#created.splice(0)) this.#removeQuietly(owner);
  }

  /** Removes the blobs of a creation, and then its directory. */
  discard(owner: NewWorker): void {
    this.#put.delete(owner.creation);
    const { fs, layout } = this.#place;
    const directory = creationPath(layout, owner);
    guarded("discard blobs", directory, () => {
      if (fs.stat(directory)?.kind !== "directory") return;
      for (const { name, kind } of fs.list(directory)) {
        if (kind === "file" && isBlobName(name)) fs.remove(join(directory, name));
      }
      fs.removeDirectory(directory);
    });
  }

  /** Leaves to the next opening what cannot be removed. */
  #removeQuietly(owner: NewWorker): void {
    try {
      this.discard(owner);
    } catch (error) {
      if (isVanished(error)) throw error;
    }
  }
}

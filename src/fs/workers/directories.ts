/**
 * The directories of workers: their creation, and the removal of purged workers'
 * files, and of nothing that is not the store's.
 *
 * @module
 */
import { join, SEPARATOR } from "@std/path";
import { invalidRequest } from "../../core/errors.ts";
import type { WorkerId } from "../../core/ids.ts";
import { guarded, guardedAsync, storeFault, systemCode } from "../disk/faults.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { inPlaceOf } from "../aside.ts";
import { isBlobName } from "../blobs/name.ts";
import { isPresent, TEMPORARY_SUFFIX } from "../disk/files.ts";
import { type Files, nameOf, type WatchedPlace, workerLayout } from "../layout.ts";
import { isVanished } from "../place/guard.ts";

/** Creates the directory of a worker; `false` if it exists. Throws `store_corrupt` if anything else does. */
export function makeWorkerDirectory({ fs, layout }: Files, workerId: string): boolean {
  const { directory } = workerLayout(layout, workerId);
  // Checked first: a failing creation takes ten times as long.
  if (fs.stat(directory) === undefined && fs.makeDirectory(directory)) return true;
  isPresent(fs, directory, "directory", nameOf(layout, directory));
  return false;
}

/** Creates the directory of a worker if necessary. Anything else at its path is moved aside. */
export async function prepareWorkerDirectory(place: Files, workerId: string): Promise<void> {
  await inPlaceOf(place, workerLayout(place.layout, workerId).directory);
}

/** At least as long as names in the quarantine, the longest that do not depend on the worker. */
const LONG_NAME = "0".repeat(64);

/** Throws `invalid_request` if the paths of a worker's files would be too long for the file system. */
export function checkPathLengths({ fs, layout }: Files, workerId: string): void {
  const { transcript } = workerLayout(layout, workerId);
  for (const path of [`${transcript}${TEMPORARY_SUFFIX}`, `${layout.quarantine}${SEPARATOR}${LONG_NAME}`]) {
    try {
      fs.stat(path);
    } catch (error) {
      if (isVanished(error)) throw error;
      // Other faults are reported by the commit.
      if (systemCode(error) !== "ENAMETOOLONG") continue;
      const issue = `its files would have longer paths than the file system allows: ${JSON.stringify(path)}`;
      throw invalidRequest(`create worker ${JSON.stringify(workerId)}`, issue);
    }
  }
}

const FILES: ReadonlySet<string> = new Set(["worker.json", "transcript.jsonl"]);

/**
 * Number of times that the files of a worker are listed: `worker.json`, the
 * transcript and blobs may be renamed into place by calls that began before the
 * purge.
 */
const LISTINGS_MAX = 16;

/** Removes a directory; returns false if something was renamed into it meanwhile, or throws if this is the last attempt. */
function removeEmpty(fs: FileSystem, directory: string, isLast = false): boolean {
  try {
    fs.removeDirectory(directory);
    return true;
  } catch (error) {
    if (isLast || systemCode(error) !== "ENOTEMPTY") throw error;
    return false;
  }
}

/**
 * Removes a worker's files; returns the names of those that are not the store's and remain.
 * With `keepsBlobs`, its blobs and its directory remain, too.
 */
export function removeWorker({ fs, layout }: Files, workerId: string, keepsBlobs = false): string[] {
  const { directory } = workerLayout(layout, workerId);
  return guarded("purge", directory, () => {
    if (fs.stat(directory)?.kind !== "directory") return [];
    for (let listings = 1;; listings++) {
      const left = removeFiles(fs, directory, keepsBlobs);
      if (left.length > 0 || keepsBlobs) return left;
      if (removeEmpty(fs, directory, listings === LISTINGS_MAX)) return [];
    }
  });
}

function removeFiles(fs: FileSystem, directory: string, keepsBlobs: boolean): string[] {
  const left: string[] = [];
  for (const { name, kind } of fs.list(directory)) {
    const path = join(directory, name);
    if (FILES.has(name.replace(TEMPORARY_SUFFIX, ""))) fs.remove(path);
    else if (name === "blobs" && kind === "directory") left.push(...keepsBlobs ? [] : removeBlobs(fs, path));
    else left.push(name);
  }
  return left;
}

/** Removes the directory of a worker's blobs; returns the names of those that are not blobs and remain. */
function removeBlobs(fs: FileSystem, directory: string): string[] {
  const left: string[] = [];
  for (const { name, kind } of fs.list(directory)) {
    if (kind === "file" && isBlobName(name)) fs.remove(join(directory, name));
    else left.push(`blobs/${name}`);
  }
  if (left.length === 0) removeEmpty(fs, directory);
  return left;
}

/** Removes the files of purged workers, and retries those that could not be removed. */
export class PurgedWorkers {
  readonly #place: WatchedPlace;
  readonly #left = new Map<WorkerId, number>();
  /** Purged workers that had blobs whose removal may not be durable, and the events that purged them. */
  readonly #withBlobs = new Map<WorkerId, number>();

  /** Creates an empty list. */
  constructor(place: WatchedPlace) {
    this.#place = place;
  }

  /** Adopts the list of leftovers from a checkpoint. */
  restore(left: Iterable<readonly [string, number]>): void {
    for (const [workerId, purgedEventId] of left) this.#left.set(workerId as WorkerId, purgedEventId);
  }

  /** Workers whose files are still there, and the events that purged them. */
  left(): [WorkerId, number][] {
    return [...this.#left];
  }

  /** Removes a worker from the list. */
  forget(workerId: WorkerId): void {
    this.#left.delete(workerId);
  }

  /**
   * Removes a worker's files. A failure is reported, and retried later. With
   * `keepsBlobs`, its blobs remain, and files that are not the store's are not reported yet.
   */
  remove(workerId: WorkerId, purgedEventId: number, keepsBlobs: boolean): void {
    this.#left.delete(workerId);
    try {
      if (this.#hasBlobs(workerId)) this.#withBlobs.set(workerId, purgedEventId);
      const foreign = removeWorker(this.#place, workerId, keepsBlobs);
      for (const name of keepsBlobs ? [] : foreign) {
        const message = `${JSON.stringify(name)} of purged worker ${
          JSON.stringify(workerId)
        } is none of the store's files`;
        this.#place.notice({ code: "foreign_entry", severity: "warning", message, workerId });
      }
    } catch (error) {
      const { message } = storeFault(error, "purge", this.#place.layout.workers);
      this.#left.set(workerId, purgedEventId);
      this.#place.notice({ code: "projection_failed", severity: "warning", message, workerId });
    }
  }

  /** Returns true if blobs of a purged worker may still be there, or come back in a power cut. */
  mayHaveBlobs(workerId: WorkerId): boolean {
    return this.#withBlobs.has(workerId) || this.#left.has(workerId);
  }

  /** Removes the blobs that are left of a purged worker. Throws if that fails: no other worker may have them. */
  removeBlobs(workerId: WorkerId): void {
    const { blobs } = workerLayout(this.#place.layout, workerId);
    guarded("purge", blobs, () => this.#hasBlobs(workerId) && removeBlobs(this.#place.fs, blobs));
  }

  /** {@linkcode removeBlobs}, durably: before the id of the worker is used again. */
  async settle(workerId: WorkerId): Promise<void> {
    this.removeBlobs(workerId);
    await this.sync([workerId]);
  }

  /** Makes removals durable, also in directories that remain because of files that are not the store's. */
  async sync(workerIds: readonly WorkerId[] = [...this.#withBlobs.keys()]): Promise<void> {
    const { fs, layout } = this.#place;
    const purges = workerIds.map((workerId) => [workerId, this.#withBlobs.get(workerId)] as const);
    await guardedAsync("sync", layout.workers, async () => {
      for (const workerId of workerIds) {
        const { directory, blobs } = workerLayout(layout, workerId);
        for (const path of [blobs, directory]) {
          if (fs.stat(path)?.kind === "directory") await fs.syncDirectory(path);
        }
      }
      await fs.syncDirectory(layout.workers);
    });
    for (const [workerId, purgedEventId] of purges) {
      if (this.#withBlobs.get(workerId) === purgedEventId) this.#withBlobs.delete(workerId);
    }
  }

  #hasBlobs(workerId: WorkerId): boolean {
    const { fs, layout } = this.#place;
    return fs.stat(workerLayout(layout, workerId).blobs)?.kind === "directory";
  }
}

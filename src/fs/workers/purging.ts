/**
 * Removal of purged workers' directories, and of nothing that is not the store's.
 *
 * @module
 */
import { join } from "@std/path";
import type { WorkerId } from "../../core/ids.ts";
import { guarded, storeFault, systemCode } from "../disk/faults.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { TEMPORARY_SUFFIX } from "../disk/files.ts";
import { isBlobName } from "../blobs/name.ts";
import { type RuntimeLayout, type WatchedPlace, workerLayout } from "../layout.ts";

const FILES: ReadonlySet<string> = new Set(["worker.json", "transcript.jsonl"]);

/**
 * Number of times that the files of a worker are listed: `worker.json` and the
 * transcript may each be renamed into place once more by calls that began before
 * the purge.
 */
const LISTINGS_MAX = 3;

/** Removes a worker's files; returns the names of those that are not the store's and remain. */
export function removeWorker(fs: FileSystem, layout: RuntimeLayout, workerId: string): string[] {
  const { directory } = workerLayout(layout, workerId);
  return guarded("purge", directory, () => {
    if (fs.stat(directory)?.kind !== "directory") return [];
    for (let listings = 1;; listings++) {
      const left = removeFiles(fs, directory);
      if (left.length > 0) return left;
      try {
        fs.removeDirectory(directory);
        return [];
      } catch (error) {
        if (systemCode(error) !== "ENOTEMPTY" || listings === LISTINGS_MAX) throw error;
      }
    }
  });
}

function removeFiles(fs: FileSystem, directory: string): string[] {
  const left: string[] = [];
  for (const { name, kind } of fs.list(directory)) {
    const path = join(directory, name);
    const isFile = FILES.has(name) || FILES.has(name.replace(TEMPORARY_SUFFIX, ""));
    if (isFile) fs.remove(path);
    else if (name === "blobs" && kind === "directory") left.push(...removeBlobs(fs, path));
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
  if (left.length === 0) fs.removeDirectory(directory);
  return left;
}

/** Removes the files of purged workers, and retries those that could not be removed. */
export class PurgedWorkers {
  readonly #place: WatchedPlace;
  readonly #left = new Map<WorkerId, number>();

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

  /** Removes a worker's files. A failure is reported, and retried later. */
  remove(workerId: WorkerId, purgedEventId: number): void {
    const { fs, layout } = this.#place;
    this.#left.delete(workerId);
    try {
      for (const name of removeWorker(fs, layout, workerId)) {
        const message = `${JSON.stringify(name)} of purged worker ${
          JSON.stringify(workerId)
        } is none of the store's files`;
        this.#place.notice({ code: "foreign_entry", severity: "warning", message, workerId });
      }
    } catch (error) {
      const { message } = storeFault(error, "purge", layout.workers);
      this.#left.set(workerId, purgedEventId);
      this.#place.notice({ code: "projection_failed", severity: "warning", message, workerId });
    }
  }
}

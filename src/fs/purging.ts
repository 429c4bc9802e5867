/**
 * Removing a purged worker's directory, and nothing that is not the store's.
 *
 * @module
 */
import { join } from "@std/path";
import { guarded } from "./faults.ts";
import type { FileSystem } from "./file_system.ts";
import { type RuntimeLayout, TEMPORARY_SUFFIX, workerLayout } from "./layout.ts";

const FILES: ReadonlySet<string> = new Set(["worker.json", "state.json", "usage.json", "transcript.jsonl"]);

/** Removes a worker's files; returns the names that are none of the store's and were left. */
export function removeWorker(fs: FileSystem, layout: RuntimeLayout, workerId: string): string[] {
  const { directory } = workerLayout(layout, workerId);
  return guarded("purge", directory, () => {
    if (fs.stat(directory)?.kind !== "directory") return [];
    const left: string[] = [];
    for (const { name } of fs.list(directory)) {
      const ours = FILES.has(name) || FILES.has(name.replace(TEMPORARY_SUFFIX, ""));
      if (ours) fs.remove(join(directory, name));
      else left.push(name);
    }
    if (left.length === 0) fs.removeDirectory(directory);
    return left;
  });
}

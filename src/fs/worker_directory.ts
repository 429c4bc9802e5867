/**
 * The directory of a worker.
 *
 * @module
 */
import { mustBeDirectory } from "./disk.ts";
import type { FileSystem } from "./file_system.ts";
import { nameOf, type RuntimeLayout, workerLayout } from "./layout.ts";

/** Makes the directory of a worker; `false` when it was there. Throws `store_corrupt` when something else is. */
export function makeWorkerDirectory(fs: FileSystem, layout: RuntimeLayout, workerId: string): boolean {
  const { directory } = workerLayout(layout, workerId);
  // Asked before it is tried: to be refused takes ten times as long.
  if (fs.stat(directory) === undefined && fs.makeDirectory(directory)) return true;
  mustBeDirectory(fs, directory, nameOf(layout, directory));
  return false;
}

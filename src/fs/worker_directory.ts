/**
 * The directory of a worker.
 *
 * @module
 */
import { moveAside } from "./aside.ts";
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

/** Moves aside what lies in the place of the directory of a worker and is none. */
export async function clearWorkerDirectory(
  fs: FileSystem,
  layout: RuntimeLayout,
  workerId: string,
): Promise<void> {
  const { directory } = workerLayout(layout, workerId);
  if ((fs.stat(directory)?.kind ?? "directory") !== "directory") await moveAside(fs, layout, directory);
}

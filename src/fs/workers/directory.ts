/**
 * The directory of a worker.
 *
 * @module
 */
import { SEPARATOR } from "@std/path";
import { invalidRequest } from "../../core/errors.ts";
import { moveAside } from "../aside.ts";
import { assertDirectory, TEMPORARY_SUFFIX } from "../disk/files.ts";
import { systemCode } from "../disk/faults.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { nameOf, type RuntimeLayout, workerLayout } from "../layout.ts";
import { isVanished } from "../place/guard.ts";

/** Creates the directory of a worker; `false` if it exists. Throws `store_corrupt` if anything else does. */
export function makeWorkerDirectory(fs: FileSystem, layout: RuntimeLayout, workerId: string): boolean {
  const { directory } = workerLayout(layout, workerId);
  // Checked first: a failing creation takes ten times as long.
  if (fs.stat(directory) === undefined && fs.makeDirectory(directory)) return true;
  assertDirectory(fs, directory, nameOf(layout, directory));
  return false;
}

/** Creates the directory of a worker if necessary. Anything else at its path is moved aside. */
export async function prepareWorkerDirectory(
  fs: FileSystem,
  layout: RuntimeLayout,
  workerId: string,
): Promise<void> {
  const { directory } = workerLayout(layout, workerId);
  const kind = fs.stat(directory)?.kind;
  if (kind === "directory") return;
  if (kind !== undefined) await moveAside(fs, layout, directory);
  makeWorkerDirectory(fs, layout, workerId);
}

/** At least as long as names in the quarantine, the longest that do not depend on the worker. */
const LONG_NAME = "0".repeat(64);

/** Throws `invalid_request` if the paths of a worker's files would be too long for the file system. */
export function checkPathLengths(fs: FileSystem, layout: RuntimeLayout, workerId: string): void {
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

/**
 * The directory of an import. A store is imported under a temporary name beside its
 * final one, and renamed when it is complete, synced and verified: the runtime's
 * own directory is absent or complete at any moment.
 *
 * The temporary directory is locked while an import works in it. An unlocked one
 * was left by a killed import; the next import of the same runtime removes it.
 *
 * @module
 */
import { basename, dirname, join } from "@std/path";
import { invalidRequest, isRuntimeError } from "../../core/errors.ts";
import type { RuntimeId } from "../../core/ids.ts";
import { makeDirectory } from "../../fs/disk/files.ts";
import { corrupt, guarded, guardedAsync, storeFault, systemCode } from "../../fs/disk/faults.ts";
import type { FileLock, FileSystem } from "../../fs/disk/file_system.ts";
import {
  importDirectory,
  layoutIn,
  type RuntimeLayout,
  runtimeLayout,
  runtimesDirectory,
} from "../../fs/layout.ts";
import { newOwner, takeLock } from "../../fs/place/lock.ts";
import { clearDirectory, removeTree } from "../remove_tree.ts";

/** Names that a killed import may leave in its directory, besides temporary files. */
const WRITTEN: ReadonlySet<string> = new Set([
  "lock",
  "owner.json",
  "config.jsonc",
  "runtime.json",
  "events",
  "workers",
  "incoming",
  "overview.json",
  "checkpoint.json",
]);

/**
 * Runs `work` in a new directory below `root`, or in that of a killed import. Afterwards the directory, whose content
 * must be synced, is renamed to its final name, durably. If anything fails, all that was created is removed.
 * Throws `invalid_request` if the runtime already exists, `store_locked` if another import of it is running, and
 * `store_corrupt` for a directory with files that no import wrote.
 */
export async function inImportPlace<T>(
  fs: FileSystem,
  root: string,
  runtimeId: RuntimeId,
  work: (layout: RuntimeLayout) => Promise<T>,
): Promise<T> {
  const final = runtimeLayout(root, runtimeId);
  const layout = layoutIn(importDirectory(final));
  const from = layout.directory;
  const made = missingAbove(fs, final.directory);
  let lock: FileLock | undefined;
  /** The directory to remove after a failure. */
  let own: string | undefined;
  assertFree(fs, root, final, runtimeId);
  try {
    await makeRuntimes(fs, root);
    const isNew = guarded("make directory", from, () => fs.makeDirectory(from));
    if (isNew) own = from;
    else assertLeftover(fs, from);
    lock = await takeLock({ fs, layout }, newOwner(Date.now));
    own = from;
    if (!isNew) guarded("clear", from, () => clearDirectory(fs, from, ["lock", "owner.json"]));
    await makeParts(fs, layout);
    const result = await work(layout);
    assertFree(fs, root, final, runtimeId);
    await guardedAsync("rename", from, async () => {
      await fs.syncDirectory(from);
      // Windows cannot rename a directory that contains an open file.
      if (!fs.supports.directorySync) lock?.release();
      await fs.rename(from, final.directory);
      own = final.directory;
      await fs.syncDirectory(dirname(final.directory));
    });
    return result;
  } catch (error) {
    // Another import may have locked the new directory first.
    const isTaken = isRuntimeError(error) && error.code === "store_locked";
    removeCreated(fs, isTaken ? undefined : own, made);
    const isFault = systemCode(error) !== "" || error instanceof Error && error.name === "NotCapable";
    throw isFault ? storeFault(error, "import into", from) : error;
  } finally {
    lock?.release();
  }
}

/** Removes what a failed import created. The original error is reported; the next import removes the rest. */
function removeCreated(fs: FileSystem, directory: string | undefined, made: readonly string[]): void {
  try {
    if (directory !== undefined) removeTree(fs, directory);
    for (const path of made) fs.removeDirectory(path);
  } catch {
    // Reported by the caller.
  }
}

function assertFree(fs: FileSystem, root: string, { directory }: RuntimeLayout, runtimeId: RuntimeId): void {
  if (guarded("read", directory, () => fs.stat(directory)) === undefined) return;
  const issue = `runtime ${JSON.stringify(runtimeId)} already exists; import into another root`;
  throw invalidRequest(`import into ${JSON.stringify(root)}`, issue);
}

/** Creates a root directory with the directory of its runtimes. */
export async function makeRuntimes(fs: FileSystem, root: string): Promise<void> {
  await guardedAsync("make directory", root, () => fs.ensureDirectory(root));
  await makeDirectory(fs, runtimesDirectory(root));
}

/** Creates the directories of a store. */
export async function makeParts(fs: FileSystem, { events, workers }: RuntimeLayout): Promise<void> {
  await makeDirectory(fs, events, "events");
  await makeDirectory(fs, workers, "workers");
}

/** The missing directories above a path, the lowest first. */
function missingAbove(fs: FileSystem, path: string): string[] {
  const missing: string[] = [];
  try {
    for (let level = dirname(path); fs.stat(level) === undefined; level = dirname(level)) {
      if (dirname(level) === level) break;
      missing.push(level);
    }
  } catch {
    // A directory that cannot be read must not be removed either.
  }
  return missing;
}

/** Throws `store_corrupt` if a directory contains anything but files of an import. */
function assertLeftover(fs: FileSystem, directory: string): void {
  const file = join(basename(dirname(directory)), basename(directory));
  guarded("read", directory, () => {
    if (fs.stat(directory)?.kind !== "directory") throw corrupt(file, "it is not a directory");
    for (const { name } of fs.list(directory)) {
      if (WRITTEN.has(name) || WRITTEN.has(name.replace(/\.tmp$/, ""))) continue;
      throw corrupt(file, `it holds ${JSON.stringify(name)}, which no import wrote; move it away first`);
    }
  });
}

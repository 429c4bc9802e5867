/**
 * Which store a command is about: DIR is the root of a host, or the directory
 * of one runtime.
 *
 * @module
 */
import { invalidRequest } from "../src/core/errors.ts";
import { DenoFileSystem } from "../src/fs/disk/deno_file_system.ts";
import { guarded } from "../src/fs/disk/faults.ts";
import { absolutePath, layoutIn } from "../src/fs/layout.ts";
import { listRuntimes, type RuntimeListing, type StoreLocation } from "../fs_store.ts";

/** The disk of all commands. */
export const disk: DenoFileSystem = new DenoFileSystem();

/** Whether a directory is that of one runtime. */
export function isRuntimeDirectory(directory: string): boolean {
  const { identity, events } = layoutIn(directory);
  return guarded(
    "read",
    directory,
    () => disk.stat(identity) !== undefined || disk.stat(events)?.kind === "directory",
  );
}

/** The store that DIR and `--runtime` name. Throws when that is none, or not only one. */
export function locate(dir: string, runtimeId: string | undefined): StoreLocation {
  const directory = absolutePath(dir);
  if (isRuntimeDirectory(directory)) return { directory };
  if (runtimeId !== undefined) return { root: directory, runtimeId };
  const { runtimes, unfinishedImports } = listRuntimes(directory);
  const [only] = runtimes;
  if (only !== undefined && runtimes.length === 1) return { root: directory, runtimeId: only.runtimeId };
  throw invalidRequest(`use ${JSON.stringify(directory)}`, several(runtimes, unfinishedImports));
}

function several(runtimes: RuntimeListing["runtimes"], imports: RuntimeListing["unfinishedImports"]): string {
  const [unfinished] = imports;
  if (runtimes.length === 0 && unfinished !== undefined) {
    return `the import of ${JSON.stringify(unfinished)} did not finish; run it again`;
  }
  if (runtimes.length === 0) return "there is no runtime in it";
  const names = runtimes.slice(0, 10).map(({ runtimeId }) => JSON.stringify(runtimeId)).join(", ");
  return `it holds ${runtimes.length} runtimes; choose one with --runtime: ${names}`;
}

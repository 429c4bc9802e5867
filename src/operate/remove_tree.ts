/**
 * Removal of directories that an operation itself created.
 *
 * @module
 */
import { join } from "@std/path";
import type { FileSystem } from "../fs/disk/file_system.ts";

/** Removes a directory with everything in it. Links are removed, not followed. */
export function removeTree(fs: FileSystem, directory: string): void {
  clearDirectory(fs, directory, []);
  fs.removeDirectory(directory);
}

/** Removes everything in a directory but the names in `kept`. */
export function clearDirectory(fs: FileSystem, directory: string, kept: readonly string[]): void {
  for (const { name, kind } of fs.list(directory)) {
    const path = join(directory, name);
    if (kept.includes(name)) continue;
    if (kind === "directory") removeTree(fs, path);
    else fs.remove(path);
  }
}

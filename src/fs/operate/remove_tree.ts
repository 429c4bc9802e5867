/**
 * Removing what an operation itself made and could not finish.
 *
 * @module
 */
import { join } from "@std/path";
import type { FileSystem } from "../file_system.ts";

/** Removes a directory that this process made, with everything in it; links are removed, not followed. Never throws. */
export async function removeTree(fs: FileSystem, directory: string): Promise<void> {
  try {
    for (const { name, kind } of fs.list(directory)) {
      const path = join(directory, name);
      if (kind === "directory") await removeTree(fs, path);
      else fs.remove(path);
    }
    fs.removeDirectory(directory);
  } catch {
    // The error that led here is the one to tell.
  }
}

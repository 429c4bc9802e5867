/**
 * The limit on open files of a process. When it is reached, files that are kept
 * open only for speed are closed, and the failed call is repeated until no such
 * file is left.
 *
 * @module
 */
import { systemCode } from "./faults.ts";
import type { FileSystem } from "./file_system.ts";

/** Codes for the limit of open files, of the process or the whole system. */
const TOO_MANY: ReadonlySet<string> = new Set(["EMFILE", "ENFILE"]);

/**
 * Wraps a disk so that calls which fail for lack of handles are repeated while
 * `makeRoom` closes any; it returns whether it did.
 */
export function retryOnEmfile(fs: FileSystem, makeRoom: () => boolean): FileSystem {
  const mayRepeat = (error: unknown): boolean => TOO_MANY.has(systemCode(error)) && makeRoom();
  return {
    supports: fs.supports,
    open: (path, mode) => repeated(() => fs.open(path, mode), mayRepeat),
    stat: (path) => fs.stat(path),
    identity: (path) => fs.identity(path),
    openDirectory: (path) => repeated(() => fs.openDirectory(path), mayRepeat),
    list: (path) => repeated(() => fs.list(path), mayRepeat),
    ensureDirectory: (path) => fs.ensureDirectory(path),
    makeDirectory: (path) => fs.makeDirectory(path),
    remove: (path) => fs.remove(path),
    removeDirectory: (path) => fs.removeDirectory(path),
    rename: (from, to) => fs.rename(from, to),
    syncDirectory: (path) => repeatedAsync(() => fs.syncDirectory(path), mayRepeat),
    lock: (path) => fs.lock(path),
  };
}

function repeated<T>(work: () => T, mayRepeat: (error: unknown) => boolean): T {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!mayRepeat(error)) throw error;
    }
  }
}

async function repeatedAsync<T>(work: () => Promise<T>, mayRepeat: (error: unknown) => boolean): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!mayRepeat(error)) throw error;
    }
  }
}

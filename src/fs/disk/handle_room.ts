/**
 * A process may only have so many files open. When that is reached, files
 * that are kept open for nothing but speed are closed, and whatever failed is
 * done again: it is no reason to fail as long as there are any.
 *
 * @module
 */
import { systemCode } from "./faults.ts";
import type { FileSystem } from "./file_system.ts";

/** The process, or the whole system, has as many files open as it may. */
const TOO_MANY: ReadonlySet<string> = new Set(["EMFILE", "ENFILE"]);

/** A disk that makes room for one more open file as long as `makeRoom` can: it says whether it closed any. */
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

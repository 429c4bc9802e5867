/**
 * The disk of an open store: paths are used only while they name the store's
 * own files.
 *
 * @module
 */
import { systemCode } from "../disk/faults.ts";
import { closeQuietly } from "../disk/files.ts";
import type { FileSystem, OpenFile } from "../disk/file_system.ts";
import { isSame, type PlaceGuard } from "./guard.ts";

/** The members of the guard that the disk uses. */
export type DiskGuard = Pick<PlaceGuard, "check" | "explain" | "makeRoom">;

/** Codes for the limit of open files, of the process or the whole system. */
const TOO_MANY: ReadonlySet<string> = new Set(["EMFILE", "ENFILE"]);

/**
 * A disk that checks the guard before each call that writes and after each
 * call that reads: a result belongs to the store only if the path still names
 * its file afterwards. A file is created between two checks, and removed again
 * if the second one fails. Files below `events` are checked by the log writer,
 * once per commit. A call that fails for lack of handles is repeated as long
 * as the guard can make room.
 */
export function guardedDisk(fs: FileSystem, guard: DiskGuard, events: string): FileSystem {
  const rethrow = (error: unknown): void => {
    if (!TOO_MANY.has(systemCode(error)) || !guard.makeRoom()) throw guard.explain(error);
  };
  const explained = <T>(call: () => T): T => {
    for (;;) {
      try {
        return call();
      } catch (error) {
        rethrow(error);
      }
    }
  };
  const reading = <T>(call: () => T): T => {
    const result = explained(call);
    guard.check();
    return result;
  };
  const writing = <T>(call: () => T): T => {
    guard.check();
    return explained(call);
  };
  const waiting = async <T>(call: () => Promise<T>): Promise<T> => {
    guard.check();
    for (;;) {
      try {
        return await call();
      } catch (error) {
        rethrow(error);
      }
    }
  };
  return {
    supports: fs.supports,
    open: (path, mode) => {
      if (mode === "create") guard.check();
      const file = explained(() => fs.open(path, mode));
      try {
        guard.check();
      } catch (error) {
        if (mode === "create") removeCreated(fs, path, file);
        closeQuietly(file);
        throw error;
      }
      return mode === "read" || path.startsWith(events) ? file : guardedFile(file, guard);
    },
    stat: (path) => reading(() => fs.stat(path)),
    identity: (path) => reading(() => fs.identity(path)),
    openDirectory: (path) => explained(() => fs.openDirectory(path)),
    list: (path) => reading(() => fs.list(path)),
    ensureDirectory: (path) => waiting(() => fs.ensureDirectory(path)),
    makeDirectory: (path) => writing(() => fs.makeDirectory(path)),
    remove: (path) => writing(() => fs.remove(path)),
    removeDirectory: (path) => writing(() => fs.removeDirectory(path)),
    rename: (from, to) => waiting(() => fs.rename(from, to)),
    syncDirectory: (path) => waiting(() => fs.syncDirectory(path)),
    lock: (path) => writing(() => fs.lock(path)),
  };
}

/** Removes the empty file that was created outside the store, if the path still names it. */
function removeCreated(fs: FileSystem, path: string, file: OpenFile): void {
  try {
    const found = fs.identity(path);
    if (found !== undefined && isSame(found, file.identity())) fs.remove(path);
  } catch {
    // The file stays, and is empty.
  }
}

/** A file that may stay open for a long time, checked before each write. */
function guardedFile(file: OpenFile, guard: DiskGuard): OpenFile {
  return {
    read: (target, position) => file.read(target, position),
    write: (bytes, position) => {
      guard.check();
      return file.write(bytes, position);
    },
    truncate: (size) => {
      guard.check();
      file.truncate(size);
    },
    size: () => file.size(),
    stat: () => file.stat(),
    identity: () => file.identity(),
    syncDataNow: () => file.syncDataNow(),
    syncData: () => file.syncData(),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

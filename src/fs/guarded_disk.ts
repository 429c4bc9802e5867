/**
 * The disk of an open store: paths are used only while they name the store's
 * own files.
 *
 * @module
 */
import { closeQuietly } from "./disk.ts";
import type { FileSystem, OpenFile } from "./file_system.ts";
import type { PlaceGuard } from "./place_guard.ts";

/**
 * A disk that checks the guard before each call that writes and after each
 * call that reads: what was read is the store's own only if the path names it
 * afterwards. Files below `events` are the log writer's, which checks them
 * itself, once per commit.
 */
export function guardedDisk(fs: FileSystem, guard: PlaceGuard, events: string): FileSystem {
  const explained = <T>(call: () => T): T => {
    try {
      return call();
    } catch (error) {
      throw guard.explain(error);
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
    try {
      return await call();
    } catch (error) {
      throw guard.explain(error);
    }
  };
  const opening = (call: () => OpenFile): OpenFile => {
    const file = explained(call);
    try {
      guard.check();
    } catch (error) {
      closeQuietly(file);
      throw error;
    }
    return file;
  };
  return {
    supports: fs.supports,
    open: (path, mode) => {
      const open = () => fs.open(path, mode);
      const file = mode === "create" ? writing(open) : opening(open);
      return mode === "read" || path.startsWith(events) ? file : guardedFile(file, guard);
    },
    stat: (path) => reading(() => fs.stat(path)),
    identity: (path) => reading(() => fs.identity(path)),
    openDirectory: (path) => fs.openDirectory(path),
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

/** A file that may stay open for long, checked before each write. */
function guardedFile(file: OpenFile, guard: PlaceGuard): OpenFile {
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

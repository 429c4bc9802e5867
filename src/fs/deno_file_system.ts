/**
 * The real disk: `node:fs` for positional reads and writes (`Deno.FsFile` has
 * none), `Deno.FsFile` for locks (`node:fs` has none).
 *
 * @module
 */
import { ensureDir } from "@std/fs";
import { dirname } from "@std/path";
import * as fs from "node:fs";
import type { DirectoryEntry, FileLock, FileStat, FileSystem, OpenFile, OpenMode } from "./file_system.ts";

const FLAGS: Record<OpenMode, string> = { read: "r", update: "r+", create: "wx+" };

/** Renames are retried where another program may hold the target open for a moment. */
const RENAME_PAUSES_MS: readonly number[] = [20, 40, 60, 80, 100];

/** Settles a promise from a Node callback. */
function settled(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => error ? reject(error) : resolve()));
}

function kindOf(entry: fs.Stats | fs.Dirent): FileStat["kind"] {
  if (entry.isSymbolicLink()) return "link";
  if (entry.isFile()) return "file";
  return entry.isDirectory() ? "directory" : "other";
}

function fileStat(stats: fs.Stats): FileStat {
  return { kind: kindOf(stats), size: stats.size, links: stats.nlink };
}

/** Runs `call`; `false` when it fails with `code`. */
function unless(code: string, call: () => void): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (codeOf(error) === code) return false;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, "code") : undefined;
}

/** Whether there is something at a path, or it is not for us to know. */
function isThere(path: string): boolean {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined || dirname(path) === path;
  } catch {
    return true;
  }
}

class DenoFile implements OpenFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  read(target: Uint8Array, position: number): number {
    return fs.readSync(this.#fd, target, 0, target.length, position);
  }

  write(bytes: Uint8Array, position: number): number {
    return fs.writeSync(this.#fd, bytes, 0, bytes.length, position);
  }

  truncate(size: number): void {
    fs.ftruncateSync(this.#fd, size);
  }

  stat(): FileStat {
    return fileStat(fs.fstatSync(this.#fd));
  }

  syncDataNow(): void {
    fs.fdatasyncSync(this.#fd);
  }

  syncData(): Promise<void> {
    return settled((done) => fs.fdatasync(this.#fd, done));
  }

  sync(): Promise<void> {
    return settled((done) => fs.fsync(this.#fd, done));
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}

/** A lock on a handle of its own; on Windows it also bars readers of that file. */
class DenoLock implements FileLock {
  #file: Deno.FsFile | undefined;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  release(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    // Unlock first: a child between fork and exec may still share the handle.
    try {
      file.unlockSync();
    } finally {
      file.close();
    }
  }
}

/** {@linkcode FileSystem} on Deno. Requires `--allow-read` and `--allow-write`. */
export class DenoFileSystem implements FileSystem {
  readonly supports: FileSystem["supports"] = { directorySync: Deno.build.os !== "windows" };

  open(path: string, mode: OpenMode): OpenFile {
    return new DenoFile(fs.openSync(path, FLAGS[mode], 0o600));
  }

  stat(path: string): FileStat | undefined {
    const stats = fs.lstatSync(path, { throwIfNoEntry: false });
    return stats === undefined ? undefined : fileStat(stats);
  }

  list(path: string): DirectoryEntry[] {
    return fs.readdirSync(path, { withFileTypes: true })
      .map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
  }

  async ensureDirectory(path: string): Promise<void> {
    const missing: string[] = [];
    for (let level = path; !isThere(level); level = dirname(level)) missing.push(level);
    await ensureDir(path);
    for (const level of missing) await this.#syncIfAllowed(dirname(level));
  }

  /** What lies above the root may be none of our business; then its durability is not either. */
  async #syncIfAllowed(path: string): Promise<void> {
    try {
      await this.syncDirectory(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
    }
  }

  makeDirectory(path: string): boolean {
    return unless("EEXIST", () => fs.mkdirSync(path, { mode: 0o700 }));
  }

  remove(path: string): boolean {
    return unless("ENOENT", () => fs.unlinkSync(path));
  }

  removeDirectory(path: string): boolean {
    return unless("ENOENT", () => fs.rmdirSync(path));
  }

  async rename(from: string, to: string): Promise<void> {
    const pauses = Deno.build.os === "windows" ? RENAME_PAUSES_MS : [];
    for (const pauseMs of pauses) {
      try {
        return await Deno.rename(from, to);
      } catch (error) {
        if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
    await Deno.rename(from, to);
  }

  async syncDirectory(path: string): Promise<void> {
    if (!this.supports.directorySync) return;
    const fd = fs.openSync(path, "r");
    try {
      await settled((done) => fs.fsync(fd, done));
    } finally {
      fs.closeSync(fd);
    }
  }

  lock(path: string): FileLock | undefined {
    const file = Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
    try {
      if (file.tryLockSync(true)) return new DenoLock(file);
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
    return undefined;
  }
}

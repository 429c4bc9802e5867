/**
 * The real disk. Open files and what is asked often go by `Deno`, whose `stat`
 * of an open file takes an eighth of the time of `node:fs`; names go by
 * `node:fs`, whose calls tell a file from a directory (`Deno.remove` takes
 * either).
 *
 * @module
 */
import { ensureDir } from "@std/fs";
import { dirname } from "@std/path";
import * as fs from "node:fs";
import type { DirectoryEntry, FileLock, FileStat, FileSystem, OpenFile, OpenMode } from "./file_system.ts";

const OPTIONS: Record<OpenMode, Deno.OpenOptions> = {
  read: { read: true },
  update: { read: true, write: true },
  create: { read: true, write: true, createNew: true, mode: 0o600 },
};

/** Renames are retried where another program may hold the target open for a moment. */
const RENAME_PAUSES_MS: readonly number[] = [20, 40, 60, 80, 100];

function kindOf(entry: Pick<Deno.FileInfo, "isSymlink" | "isFile" | "isDirectory">): FileStat["kind"] {
  if (entry.isSymlink) return "link";
  if (entry.isFile) return "file";
  return entry.isDirectory ? "directory" : "other";
}

function fileStat(info: Deno.FileInfo): FileStat {
  // Windows does not count links: there a file that is open cannot be unlinked.
  return { kind: kindOf(info), size: info.size, links: info.nlink ?? 1 };
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

/** A clock of a file system may stand still for so long: what changed since within that time looks unchanged. */
const CLOCK_STEP_MS = 100;

/** Positions are set before each call: nothing else uses the cursor, and the two calls are one step. */
class DenoFile implements OpenFile {
  #opened: Deno.FsFile | undefined;
  readonly #directory: string;
  /** What was told last, and the change of the directory that it was told after. */
  #told: { readonly stat: FileStat; readonly changeMs: number } | undefined;

  constructor(file: Deno.FsFile, directory: string) {
    this.#opened = file;
    this.#directory = directory;
  }

  get #file(): Deno.FsFile {
    if (this.#opened !== undefined) return this.#opened;
    throw Object.assign(new Error("EBADF: bad file descriptor"), { code: "EBADF" });
  }

  read(target: Uint8Array, position: number): number {
    this.#file.seekSync(position, Deno.SeekMode.Start);
    return this.#file.readSync(target) ?? 0;
  }

  write(bytes: Uint8Array, position: number): number {
    this.#file.seekSync(position, Deno.SeekMode.Start);
    return this.#file.writeSync(bytes);
  }

  truncate(size: number): void {
    this.#file.truncateSync(size);
  }

  /**
   * Whoever asks Linux for the times of a file makes it count the next write
   * as a change of its own (multigrain timestamps, since 6.13), which costs a
   * sync a third of its time. So the size comes from the end of the file, and
   * the links only from the system when the directory has changed: no link
   * goes without that.
   */
  stat(): FileStat {
    const changeMs = directoryChangeMs(this.#directory);
    if (this.#told?.changeMs !== changeMs) {
      this.#told = { stat: fileStat(this.#file.statSync()), changeMs };
      return this.#told.stat;
    }
    return { ...this.#told.stat, size: this.#file.seekSync(0, Deno.SeekMode.End) };
  }

  syncDataNow(): void {
    this.#file.syncDataSync();
  }

  async syncData(): Promise<void> {
    await this.#file.syncData();
  }

  async sync(): Promise<void> {
    await this.#file.sync();
  }

  close(): void {
    this.#file.close();
    this.#opened = undefined;
  }
}

/** When a name in a directory last changed; never equal to anything while that is not certain. */
function directoryChangeMs(path: string): number {
  try {
    const changeMs = Deno.lstatSync(path).mtime?.getTime() ?? NaN;
    return Math.abs(Date.now() - changeMs) < CLOCK_STEP_MS ? NaN : changeMs;
  } catch {
    return NaN;
  }
}

/** Opens a file for writing, creating it if there is none. Creates nothing through a dangling link. */
function openOrCreate(path: string): Deno.FsFile {
  for (const mode of ["update", "create"] as const) {
    try {
      return Deno.openSync(path, OPTIONS[mode]);
    } catch (error) {
      // Another process may create the file between the two attempts.
      if (codeOf(error) !== (mode === "update" ? "ENOENT" : "EEXIST")) throw error;
    }
  }
  return Deno.openSync(path, OPTIONS.update);
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
  readonly supports: FileSystem["supports"];

  /** The real disk. Throws `TypeError` where there is no Deno. */
  constructor() {
    // Other runtimes can import the module, and have locks and syncs of another kind.
    if (typeof Deno === "undefined") {
      throw new TypeError(
        "Cannot use the file system store: it needs Deno; elsewhere take another RuntimeStore",
      );
    }
    this.supports = { directorySync: Deno.build.os !== "windows" };
  }

  open(path: string, mode: OpenMode): OpenFile {
    return new DenoFile(Deno.openSync(path, OPTIONS[mode]), dirname(path));
  }

  stat(path: string): FileStat | undefined {
    try {
      return fileStat(Deno.lstatSync(path));
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  list(path: string): DirectoryEntry[] {
    return [...Deno.readDirSync(path)].map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
  }

  async ensureDirectory(path: string): Promise<void> {
    const missing: string[] = [];
    let level = path;
    for (; !isThere(level); level = dirname(level)) missing.unshift(level);
    if (missing.length === 0) await ensureDir(path);
    await this.#syncIfAllowed(dirname(level));
    for (const next of missing) {
      await ensureDir(next);
      await this.#syncIfAllowed(dirname(next));
    }
  }

  /** What lies above the root may be none of our business; then its durability is not either. */
  async #syncIfAllowed(path: string): Promise<void> {
    try {
      await this.syncDirectory(path);
    } catch (error) {
      const { NotCapable, PermissionDenied } = Deno.errors;
      if (!(error instanceof NotCapable || error instanceof PermissionDenied)) throw error;
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
    const directory = Deno.openSync(path);
    try {
      await directory.sync();
    } finally {
      directory.close();
    }
  }

  lock(path: string): FileLock | undefined {
    const file = openOrCreate(path);
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

/**
 * The real disk. Open files and frequent queries use `Deno`, whose `stat` of an
 * open file takes an eighth of the time of `node:fs`; names use `node:fs`, whose
 * calls distinguish files from directories (`Deno.remove` accepts either).
 *
 * @module
 */
import { ensureDir } from "@std/fs";
import { dirname } from "@std/path";
import * as fs from "node:fs";
import { systemCode } from "./faults.ts";
import type {
  DirectoryEntry,
  FileIdentity,
  FileLock,
  FileStat,
  FileSystem,
  Handle,
  OpenFile,
  OpenMode,
} from "./file_system.ts";

const OPTIONS: Record<OpenMode, Deno.OpenOptions> = {
  read: { read: true },
  update: { read: true, write: true },
  create: { read: true, write: true, createNew: true, mode: 0o600 },
};

/** Pauses between retries of a rename: another program may hold the target open briefly. */
const RENAME_PAUSES_MS: readonly number[] = [20, 40, 60, 80, 100];

function kindOf(entry: Pick<Deno.FileInfo, "isSymlink" | "isFile" | "isDirectory">): FileStat["kind"] {
  if (entry.isSymlink) return "link";
  if (entry.isFile) return "file";
  return entry.isDirectory ? "directory" : "other";
}

function fileStat(info: Deno.FileInfo): FileStat {
  // Windows does not count links: an open file cannot be unlinked there.
  return { kind: kindOf(info), size: info.size, links: info.nlink ?? 1 };
}

function fileIdentity(info: Deno.FileInfo): FileIdentity {
  const { ino, dev, mtime, ctime } = info;
  const changedMs = ctime?.getTime() ?? 0;
  return {
    kind: kindOf(info),
    device: dev,
    inode: ino !== null && Number.isSafeInteger(ino) ? ino : 0,
    modifiedMs: settled(mtime?.getTime() ?? NaN, changedMs),
    changedMs,
  };
}

/**
 * Time of a change, or NaN while a later change could have the same time. Deno
 * truncates the inode's change time to a second, which may be the current one;
 * FAT truncates times to two seconds.
 */
function settled(modifiedMs: number, changedMs: number): number {
  const stepMs = CLOCK_STEP_MS + (modifiedMs % 1_000 === 0 ? 2_000 : 1_000);
  const nowMs = Date.now();
  const isFresh = Math.abs(nowMs - modifiedMs) < stepMs || Math.abs(nowMs - changedMs) < stepMs;
  return isFresh ? NaN : modifiedMs;
}

/** The result of `call`; `false` if it fails with `code`. */
function unless<T>(code: string, call: () => T): T | false {
  try {
    return call();
  } catch (error) {
    if (systemCode(error) === code) return false;
    throw error;
  }
}

/** Returns true if a path exists, or if permission to check is missing. */
function isThere(path: string): boolean {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined || dirname(path) === path;
  } catch {
    return true;
  }
}

/** Longest step of a file system's clock: a second change within it may not change the timestamp. */
const CLOCK_STEP_MS = 100;

/** An open file or directory. Every call fails with EBADF after it was closed. */
class DenoHandle implements Handle {
  #opened: Deno.FsFile | undefined;

  constructor(file: Deno.FsFile) {
    this.#opened = file;
  }

  get file(): Deno.FsFile {
    if (this.#opened !== undefined) return this.#opened;
    throw Object.assign(new Error("EBADF: bad file descriptor"), { code: "EBADF" });
  }

  identity(): FileIdentity {
    return fileIdentity(this.file.statSync());
  }

  close(): void {
    this.file.close();
    this.#opened = undefined;
  }
}

/** Positions are set before each call: nothing else uses the cursor, and the two calls are synchronous. */
class DenoFile extends DenoHandle implements OpenFile {
  read(target: Uint8Array, position: number): number {
    this.file.seekSync(position, Deno.SeekMode.Start);
    return this.file.readSync(target) ?? 0;
  }

  write(bytes: Uint8Array, position: number): number {
    this.file.seekSync(position, Deno.SeekMode.Start);
    return this.file.writeSync(bytes);
  }

  truncate(size: number): void {
    this.file.truncateSync(size);
  }

  /**
   * Seeks to the end instead of reading the file's status: once a program reads
   * the times of a file, Linux gives the next write a new timestamp (multigrain
   * timestamps, since 6.13), and the next sync takes a third longer.
   */
  size(): number {
    return this.file.seekSync(0, Deno.SeekMode.End);
  }

  stat(): FileStat {
    return fileStat(this.file.statSync());
  }

  syncDataNow(): void {
    this.file.syncDataSync();
  }

  async syncData(): Promise<void> {
    await this.file.syncData();
  }

  async sync(): Promise<void> {
    await this.file.sync();
  }
}

/** A lock on a separate handle; on Windows it also blocks readers of that file. */
class DenoLock extends DenoHandle implements FileLock {
  #isReleased = false;

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    // Unlock first: a child between fork and exec may still share the handle.
    try {
      this.file.unlockSync();
    } finally {
      this.close();
    }
  }
}

/** {@linkcode FileSystem} on Deno. Requires `--allow-read` and `--allow-write`. */
export class DenoFileSystem implements FileSystem {
  readonly supports: FileSystem["supports"];

  /** Creates the real disk. Throws `TypeError` on other runtimes than Deno. */
  constructor() {
    // Other runtimes can import the module, but their locks and syncs differ.
    if (typeof Deno === "undefined") {
      throw new TypeError(
        "Cannot use the file system store: it needs Deno; elsewhere take another RuntimeStore",
      );
    }
    this.supports = { directorySync: Deno.build.os !== "windows" };
  }

  open(path: string, mode: OpenMode): OpenFile {
    if (mode !== "create") this.#assertFile(path);
    return new DenoFile(Deno.openSync(path, OPTIONS[mode]));
  }

  stat(path: string): FileStat | undefined {
    return unless("ENOENT", () => fileStat(Deno.lstatSync(path))) || undefined;
  }

  identity(path: string): FileIdentity | undefined {
    return unless("ENOENT", () => fileIdentity(Deno.lstatSync(path))) || undefined;
  }

  openDirectory(path: string): Handle {
    // Opening a FIFO would block, so the kind is checked first.
    const { isDirectory } = Deno.lstatSync(path);
    if (isDirectory) return new DenoHandle(Deno.openSync(path));
    throw notADirectory(path);
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

  /** The parent of the root may be inaccessible; its durability is then not the store's responsibility. */
  async #syncIfAllowed(path: string): Promise<void> {
    try {
      await this.syncDirectory(path);
    } catch (error) {
      const { NotCapable, PermissionDenied } = Deno.errors;
      if (!(error instanceof NotCapable || error instanceof PermissionDenied)) throw error;
    }
  }

  makeDirectory(path: string): boolean {
    return unless("EEXIST", () => fs.mkdirSync(path, { mode: 0o700 })) !== false;
  }

  remove(path: string): boolean {
    return unless("ENOENT", () => fs.unlinkSync(path)) !== false;
  }

  removeDirectory(path: string): boolean {
    return unless("ENOENT", () => fs.rmdirSync(path)) !== false;
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

  /** Throws for anything but a regular file. Opening a FIFO would block until it has a writer. */
  #assertFile(path: string): void {
    const kind = this.stat(path)?.kind ?? "file";
    if (kind === "file") return;
    const code = kind === "directory" ? "EISDIR" : kind === "link" ? "ELOOP" : "ENXIO";
    const error = new Error(`Cannot open ${JSON.stringify(path)}: it is not a regular file`);
    throw Object.assign(error, { code, syscall: "open", path });
  }

  async syncDirectory(path: string): Promise<void> {
    if (!this.supports.directorySync) return;
    // A link to a directory is accepted; opening a FIFO would block.
    if (!Deno.statSync(path).isDirectory) throw notADirectory(path);
    const directory = Deno.openSync(path);
    try {
      await directory.sync();
    } finally {
      directory.close();
    }
  }

  lock(path: string): FileLock | undefined {
    this.#assertFile(path);
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

function notADirectory(path: string): Error {
  return Object.assign(new Error(`Cannot open ${JSON.stringify(path)}: it is not a directory`), {
    code: "ENOTDIR",
  });
}

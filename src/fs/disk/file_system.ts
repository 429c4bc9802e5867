/**
 * The interface to the disk. The file system store calls the operating system only
 * through {@linkcode FileSystem}, so that a simulated disk with power cuts can
 * replace it.
 *
 * Calls that touch only the page cache are synchronous: they take microseconds,
 * less than a promise costs. Calls that wait for the device return promises;
 * `syncDataNow` is the one exception, for a device that answers faster than a
 * thread pool.
 *
 * Errors are those of the platform, unchanged: the store classifies them by `code`
 * (`ENOSPC`, `EIO`, `ENOENT`, ...) in `faults.ts`.
 *
 * @module
 */

/** Status of a path or an open file. */
export interface FileStat {
  /** Kind of the file; a symbolic link is never followed. */
  readonly kind: "file" | "directory" | "link" | "other";
  /** Size in bytes. */
  readonly size: number;
  /** Hard links to the file; 0 once it was unlinked. */
  readonly links: number;
}

/**
 * Identity of the file or directory of a path or a handle. Equal `device` and
 * `inode` mean the same file only while a handle to it is open: until then the
 * inode number is not reused.
 */
export interface FileIdentity extends Pick<FileStat, "kind"> {
  /** Device that holds the file. */
  readonly device: number;
  /** Number of the file on its device; 0 if the platform provides no exact one. */
  readonly inode: number;
  /**
   * Time of the last change of the contents (of a directory: of its names).
   * NaN, which equals nothing, while a later change could still have the same time.
   */
  readonly modifiedMs: number;
  /** Time of the last change of the inode, which no program can set; as coarse as a second, 0 if unavailable. */
  readonly changedMs: number;
}

/**
 * Mode of opening a file: `read` an existing file, `update` an existing file
 * (read and write), or `create` a file that must not exist (read and write,
 * mode 0600). Never in append mode: the writer knows its offset.
 */
export type OpenMode = "read" | "update" | "create";

/** An open file or directory. While it is open its inode number is not reused. */
export interface Handle {
  /** Identity of the file or directory, even if it was renamed or removed. */
  identity(): FileIdentity;
  /** Closes it. Does not sync. */
  close(): void;
}

/** An open file. Positions are byte offsets; there is no file cursor. */
export interface OpenFile extends Handle {
  /** Reads up to `target.length` bytes; 0 at the end of the file. May read short. */
  read(target: Uint8Array, position: number): number;
  /** Writes up to `bytes.length` bytes. May write short. */
  write(bytes: Uint8Array, position: number): number;
  /** Truncates or extends the file to `size` bytes. */
  truncate(size: number): void;
  /** Size in bytes. Unlike `stat`, it does not make the next sync slower. */
  size(): number;
  /** Size and links of the open file, even if it was renamed or removed. */
  stat(): FileStat;
  /** fdatasync on this thread: contents and size are on the device when it returns. */
  syncDataNow(): void;
  /** fdatasync off this thread. */
  syncData(): Promise<void>;
  /** fsync off this thread: `syncData` and all other metadata of the file. */
  sync(): Promise<void>;
}

/** An exclusive lock held on a file until it is released or the process ends. */
export interface FileLock extends Pick<Handle, "identity"> {
  /** Unlocks, then closes. Idempotent. */
  release(): void;
}

/** A name in a directory. */
export interface DirectoryEntry extends Pick<FileStat, "kind"> {
  /** The last component of the path. */
  readonly name: string;
}

/** The operating system as the store uses it. Paths are absolute. */
export interface FileSystem {
  /** Capabilities: `directorySync` if directories can be synced (not on Windows). */
  readonly supports: { readonly directorySync: boolean };
  /**
   * Opens a regular file. Anything else is rejected before it is opened, because
   * opening could block or have side effects: `EISDIR` for a directory, `ELOOP` for
   * a symbolic link, `ENXIO` for a FIFO, socket or device.
   */
  open(path: string, mode: OpenMode): OpenFile;
  /** Status of the path, or `undefined` if it does not exist. */
  stat(path: string): FileStat | undefined;
  /** Identity of the file or directory at the path, or `undefined` if it does not exist. */
  identity(path: string): FileIdentity | undefined;
  /** Opens a directory without following links. Fails with ENOTDIR for anything else. */
  openDirectory(path: string): Handle;
  /** The names in a directory, in no particular order. */
  list(path: string): DirectoryEntry[];
  /**
   * Creates a directory and its missing parents with the platform's default mode,
   * from the top down, syncing each name before the next. The name of the lowest
   * existing directory is synced too: its creator may have failed to do so.
   */
  ensureDirectory(path: string): Promise<void>;
  /** Creates one directory with mode 0700; `false` if the name exists. */
  makeDirectory(path: string): boolean;
  /** Removes a file; `false` if it does not exist. */
  remove(path: string): boolean;
  /** Removes an empty directory; `false` if it does not exist. */
  removeDirectory(path: string): boolean;
  /** Renames a file, replacing the target atomically, or a directory, whose target is absent or empty. */
  rename(from: string, to: string): Promise<void>;
  /** Makes the names in a directory durable. Does nothing if `supports.directorySync` is false. */
  syncDirectory(path: string): Promise<void>;
  /**
   * Takes the exclusive lock on a file, creating the file if absent; `undefined` if
   * another handle, in this process or another, holds it. Rejects anything but a
   * regular file, like {@linkcode FileSystem.open}.
   */
  lock(path: string): FileLock | undefined;
}

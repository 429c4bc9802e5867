/**
 * Options for opening a file system store.
 *
 * @module
 */
import type { FileSystem } from "./disk/file_system.ts";

/** Options of `FsRuntimeStore`. */
export interface FsStoreOptions {
  /** Directory of all runtimes of a host: a path, resolved immediately, or a `file:` URL. */
  readonly root: string | URL;
  /** The runtime to keep: 1 to 80 bytes of UTF-8. */
  readonly runtimeId: string;
  /** Creates the store if there is none. Never overwrites. @default {true} */
  readonly create?: boolean | undefined;
}

/** Further options, for tests and other disks. */
export interface FsStoreEnvironment {
  /** The disk. @default the real one */
  readonly fileSystem?: FileSystem | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
}

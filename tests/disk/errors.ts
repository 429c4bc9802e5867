/**
 * The errors of the simulated disk, in the shapes that Deno gives them: `node:fs`
 * calls throw an `Error` with `code`, `Deno.*` calls (rename, lock,
 * ensureDirectory) one of `Deno.errors` with `code`. The file system store
 * distinguishes them by `code`, and so do the suites.
 *
 * @module
 */
import type { DiskOperation } from "./calls.ts";

const TEXTS = {
  EACCES: "permission denied",
  EBADF: "bad file descriptor",
  EBUSY: "resource busy or locked",
  EDQUOT: "disk quota exceeded",
  EEXIST: "file already exists",
  EINVAL: "invalid argument",
  EIO: "i/o error",
  EISDIR: "illegal operation on a directory",
  ELOOP: "too many symbolic links encountered",
  EMFILE: "too many open files",
  ENAMETOOLONG: "file name too long",
  ENOENT: "no such file or directory",
  ENOSPC: "no space left on device",
  ENOTDIR: "not a directory",
  ENOTEMPTY: "directory not empty",
  ENXIO: "no such device or address",
  EPERM: "operation not permitted",
  EROFS: "read-only file system",
  EXDEV: "cross-device link not permitted",
} as const;

/** The codes that the simulated disk knows. */
export type ErrorCode = keyof typeof TEXTS;

const SYSTEM_CALLS: Partial<Record<DiskOperation, string>> = {
  list: "readdir",
  stat: "lstat",
  identity: "lstat",
  handleIdentity: "fstat",
  openDirectory: "open",
  ensureDirectory: "stat",
  makeDirectory: "mkdir",
  remove: "unlink",
  removeDirectory: "rmdir",
  syncDirectory: "fsync",
  truncate: "ftruncate",
  fileStat: "fstat",
  syncData: "fdatasync",
  syncDataNow: "fdatasync",
  sync: "fsync",
};

const CLASSES: Partial<Record<ErrorCode, new (message: string) => Error>> = {
  EACCES: Deno.errors.PermissionDenied,
  EBUSY: Deno.errors.Busy,
  EEXIST: Deno.errors.AlreadyExists,
  EINVAL: TypeError,
  EISDIR: Deno.errors.IsADirectory,
  ELOOP: Deno.errors.FilesystemLoop,
  ENOENT: Deno.errors.NotFound,
  ENOTDIR: Deno.errors.NotADirectory,
  EPERM: Deno.errors.PermissionDenied,
};

/** Calls whose errors are of the classes of `Deno.errors`. */
const OF_DENO: ReadonlySet<DiskOperation> = new Set(["rename", "lock", "ensureDirectory", "identity"]);

/** The error that the real file system would throw. */
export function diskError(code: ErrorCode, operation: DiskOperation, path: string): Error {
  const syscall = SYSTEM_CALLS[operation] ?? operation;
  const message = `${code}: ${TEXTS[code]}, ${syscall} '${path}'`;
  if (OF_DENO.has(operation)) {
    return Object.assign(new (CLASSES[code] ?? Error)(message), { code });
  }
  const error = code === "EINVAL" ? new TypeError(message) : new Error(message);
  return Object.assign(error, { code, syscall, path });
}

/** The `code` of an error, if it has one. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, "code") : undefined;
}

/**
 * The power is cut, or the process is killed: calls of this disk have no further
 * effect. It has no `code`, because nothing is left that could handle it.
 */
export class PowerCut extends Error {
  override readonly name = "PowerCut";

  constructor(what: string) {
    super(`Cannot use disk: ${what}`);
  }
}

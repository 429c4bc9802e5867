/**
 * Classification of the platform's errors, by `code` first and by class second: a
 * full disk and a failing one are plain errors in Deno.
 *
 * @module
 */
import { dirname } from "@std/path";
import { type FileSpot, isRuntimeError, RuntimeError, withSpot } from "../../core/errors.ts";

const NO_SPACE: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);
/** Codes that reveal what was found instead of a file or of a directory above it. */
const WRONG_KIND: ReadonlyMap<string, string> = new Map([
  ["EISDIR", "it is a directory, not a file"],
  ["ELOOP", "it is a symbolic link, not a file"],
  ["ENXIO", "it is a FIFO, socket or device, not a file"],
  ["ENOTDIR", "a part of its path is not a directory"],
]);
const DENIED: ReadonlySet<unknown> = new Set(["EACCES", "EPERM", "EROFS"]);

/** Returns the system's code of an error, such as `ENOSPC`, or an empty string. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : "";
}

/** Returns true for the error of a missing file or directory. */
export function isNotFound(error: unknown): boolean {
  if (isRuntimeError(error)) return error.code === "store_io" && error.details.systemCode === "ENOENT";
  return systemCode(error) === "ENOENT" || (error instanceof Error && error.name === "NotFound");
}

/** Returns true for the error of a name that already exists. */
export function isExisting(error: unknown): boolean {
  return systemCode(error) === "EEXIST" || (error instanceof Error && error.name === "AlreadyExists");
}

/** Returns the typed error for an error of the platform during `operation` on `path`. */
export function storeFault(error: unknown, operation: string, path: string): RuntimeError {
  if (isRuntimeError(error)) return error as RuntimeError;
  const cause = { cause: error };
  const code = systemCode(error);
  const why = error instanceof Error ? error.message : String(error);
  const message = `Cannot ${operation} ${JSON.stringify(path)}: ${why}`;
  if (error instanceof Error && error.name === "NotCapable") return missingFlag(error, operation, path);
  const wrongKind = WRONG_KIND.get(code);
  if (wrongKind !== undefined) return corrupt(path, wrongKind, cause);
  if (NO_SPACE.has(code)) {
    return new RuntimeError("no_space", message, { operation, path, systemCode: code }, cause);
  }
  if (DENIED.has(code)) {
    const because = code === "EROFS" ? message : `${message}; ${ownership(path)}`;
    return new RuntimeError("store_permission", because, { operation, path, flag: "" }, cause);
  }
  return new RuntimeError("store_io", message, { operation, path, systemCode: code }, cause);
}

/** Describes owner and mode of a path, or of the nearest directory above it that can be examined. */
function ownership(path: string): string {
  for (let at = path;; at = dirname(at)) {
    try {
      const { uid, mode } = Deno.lstatSync(at);
      const permissions = ((mode ?? 0) & 0o7777).toString(8).padStart(4, "0");
      return `${JSON.stringify(at)} belongs to user ${uid ?? "unknown"} and has mode ${permissions}`;
    } catch {
      if (dirname(at) === at) return "its owner is unknown";
    }
  }
}

function missingFlag(error: Error, operation: string, path: string): RuntimeError<"store_permission"> {
  const flag = /\ball access\b/.test(error.message)
    ? "--allow-all"
    : /\bwrite access\b|--allow-write/.test(error.message)
    ? "--allow-write"
    : "--allow-read";
  const target = linkTarget(error, path);
  const why = target === undefined
    ? `run again with ${flag} for this directory`
    : `a link leads to ${JSON.stringify(target)}; run again with ${flag} for the directory it leads to`;
  const message = `Cannot ${operation} ${JSON.stringify(path)}: ${why}`;
  return new RuntimeError("store_permission", message, { operation, path, flag }, { cause: error });
}

/** Returns the path that lacks permission if `path` resolves to it through links: Deno checks the target. */
function linkTarget(error: Error, path: string): string | undefined {
  const target = /access to "(.+?)"/.exec(error.message)?.[1];
  if (target === undefined || target.startsWith(dirname(path)) || path.startsWith(target)) return undefined;
  return target;
}

/** Runs `work`; errors of the platform are thrown as typed errors. */
export function guarded<T>(operation: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeFault(error, operation, path);
  }
}

/** {@linkcode guarded} for asynchronous work. */
export async function guardedAsync<T>(operation: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeFault(error, operation, path);
  }
}

/** Runs `work`; adds the spot to a `store_corrupt` that names no file. */
export function located<T>(spot: FileSpot, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw withSpot(error, () => spot);
  }
}

/** Creates a `store_corrupt` error. */
export function corrupt(
  file: string,
  reason: string,
  where: {
    readonly byteOffset?: number;
    readonly eventIds?: readonly [number, number];
    readonly cause?: unknown;
  } = {},
): RuntimeError<"store_corrupt"> {
  const { cause, ...spot } = where;
  const at = spot.byteOffset === undefined ? "" : ` at byte ${spot.byteOffset}`;
  const message = `Cannot read ${JSON.stringify(file)}${at}: ${reason}`;
  return new RuntimeError(
    "store_corrupt",
    message,
    { file, reason, ...spot },
    cause === undefined ? {} : { cause },
  );
}

/** Runs `work`. If it throws `store_corrupt`, returns the result of `otherwise`. */
export function ifCorrupt<T>(work: () => T, otherwise: (error: RuntimeError<"store_corrupt">) => T): T {
  try {
    return work();
  } catch (error) {
    if (isRuntimeError(error) && error.code === "store_corrupt") return otherwise(error);
    throw error;
  }
}

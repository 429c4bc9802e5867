/**
 * Finding stores: the runtimes below a root directory, the store that a path
 * names, and the process that opened it. Reads names and small files; a
 * damaged runtime is listed like any other.
 *
 * @module
 */
import { join } from "@std/path";
import { invalidRequest, isRuntimeError, RuntimeError } from "../core/errors.ts";
import type { RuntimeId } from "../core/ids.ts";
import { guarded } from "../fs/disk/faults.ts";
import type { FileSystem } from "../fs/disk/file_system.ts";
import { absolutePath, importedRuntime, layoutIn, runtimesDirectory } from "../fs/layout.ts";
import { decodeName } from "../fs/names.ts";
import { readIdentity } from "../fs/place/identity.ts";
import { type Owner, readOwner } from "../fs/place/lock.ts";
import { isStore, type StoreLocation } from "../fs/place/find.ts";
import { diskOf, type FindOptions, placeOf } from "./options.ts";

/** A runtime below a root directory. */
export interface ListedRuntime {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** Its directory. */
  readonly directory: string;
  /** When its store was created, ISO 8601; absent when `runtime.json` cannot be read. */
  readonly createdAt?: string;
  /** Reason why `runtime.json` cannot be read; `verify` reports the details. */
  readonly problem?: string;
}

/** The runtimes of a root. */
export interface RuntimeListing {
  /** The runtimes, by name. */
  readonly runtimes: readonly ListedRuntime[];
  /** Runtimes whose import is running or was interrupted; run an interrupted one again. */
  readonly unfinishedImports: readonly RuntimeId[];
  /** Other names in the directory. */
  readonly foreign: readonly string[];
}

/** Lists the runtimes of a root. Requires `--allow-read`. Throws `store_missing` when there is no such directory. */
export function listRuntimes(root: string | URL, options: FindOptions = {}): RuntimeListing {
  const fs = diskOf(options);
  const path = runtimesDirectory(root);
  const entries = guarded("list", path, () => {
    if (fs.stat(path)?.kind === "directory") return fs.list(path);
    const message = `Cannot list runtimes of ${JSON.stringify(root)}: it has no directory "runtimes"`;
    throw new RuntimeError("store_missing", message, { path });
  });
  const runtimes: ListedRuntime[] = [];
  const unfinishedImports: RuntimeId[] = [];
  const foreign: string[] = [];
  for (const { name, kind } of entries) {
    const imported = kind === "directory" ? importedRuntime(name) : undefined;
    const runtimeId = kind === "directory" ? decodeName(name) : undefined;
    if (imported !== undefined) unfinishedImports.push(imported as RuntimeId);
    else if (runtimeId === undefined) foreign.push(name);
    else runtimes.push(listed(fs, runtimeId as RuntimeId, join(path, name)));
  }
  runtimes.sort((a, b) => a.runtimeId < b.runtimeId ? -1 : 1);
  return { runtimes, unfinishedImports: unfinishedImports.sort(), foreign: foreign.sort() };
}

function listed(fs: FileSystem, runtimeId: RuntimeId, directory: string): ListedRuntime {
  try {
    const identity = readIdentity({ fs, layout: layoutIn(directory), runtimeId });
    if (identity === undefined) return { runtimeId, directory, problem: "runtime.json is missing" };
    return { runtimeId, directory, createdAt: identity.createdAt };
  } catch (error) {
    if (!isRuntimeError(error)) throw error;
    return { runtimeId, directory, problem: error.message };
  }
}

/** Returns true if the directory is that of one runtime, rather than a root directory. Requires `--allow-read`. */
export function isRuntimeDirectory(directory: string | URL, options: FindOptions = {}): boolean {
  return isStore({ fs: diskOf(options), layout: layoutIn(directory) });
}

/**
 * Returns the location of the store that a path names: the directory of a runtime, or a root directory with
 * either a runtime id or a single runtime. Requires `--allow-read`. Throws `store_missing`, and
 * `invalid_request` if the root directory holds no runtime or several.
 */
export function locateStore(
  path: string | URL,
  runtimeId?: string,
  options: FindOptions = {},
): StoreLocation {
  const directory = absolutePath(path);
  if (isRuntimeDirectory(directory, options)) return { directory };
  if (runtimeId !== undefined) return { root: directory, runtimeId };
  const { runtimes, unfinishedImports: [unfinished] } = listRuntimes(directory, options);
  const [only] = runtimes;
  if (only !== undefined && runtimes.length === 1) return { root: directory, runtimeId: only.runtimeId };
  const names = runtimes.slice(0, 10).map(({ runtimeId }) => JSON.stringify(runtimeId)).join(", ");
  const issue = only !== undefined
    ? `it holds ${runtimes.length} runtimes; choose one with --runtime: ${names}`
    : unfinished !== undefined
    ? `the import of ${JSON.stringify(unfinished)} did not finish; run it again`
    : "there is no runtime in it";
  throw invalidRequest(`use ${JSON.stringify(directory)}`, issue);
}

/** Returns the process that opened a store last, if it is recorded. Requires `--allow-read`. */
export function storeOwner(location: StoreLocation, options: FindOptions = {}): Owner | undefined {
  const { fs, layout } = placeOf(location, options);
  return readOwner(fs, layout.owner);
}

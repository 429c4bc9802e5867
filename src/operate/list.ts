/**
 * Which runtimes lie below a root directory. Reads names and one small file
 * of each; a damaged runtime is listed like any other.
 *
 * @module
 */
import { join } from "@std/path";
import { isRuntimeError, RuntimeError } from "../core/errors.ts";
import type { RuntimeId } from "../core/ids.ts";
import { DenoFileSystem } from "../fs/disk/deno_file_system.ts";
import { guarded } from "../fs/disk/faults.ts";
import type { FileSystem } from "../fs/disk/file_system.ts";
import { readIdentity } from "../fs/place/identity.ts";
import { layoutIn, runtimesDirectory } from "../fs/layout.ts";
import { decodeName } from "../fs/names.ts";
import { importedRuntime } from "./import_name.ts";

/** A runtime below a root directory. */
export interface ListedRuntime {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** Its directory. */
  readonly directory: string;
  /** When its store was created, ISO 8601; absent when `runtime.json` cannot be read. */
  readonly createdAt?: string;
  /** Why `runtime.json` cannot be read; `verify` says more. */
  readonly problem?: string;
}

/** The runtimes of a root. */
export interface RuntimeListing {
  /** The runtimes, by name. */
  readonly runtimes: readonly ListedRuntime[];
  /** Runtimes whose import is running or was interrupted; run an interrupted one again. */
  readonly unfinishedImports: readonly RuntimeId[];
  /** Names beside them that are no runtimes. */
  readonly foreign: readonly string[];
}

/** Lists the runtimes of a root. Requires `--allow-read`. Throws `store_missing` when there is no such directory. */
export function listRuntimes(
  root: string | URL,
  environment: { readonly fileSystem?: FileSystem | undefined } = {},
): RuntimeListing {
  const fs = environment.fileSystem ?? new DenoFileSystem();
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
    const identity = readIdentity(fs, layoutIn(directory), runtimeId);
    if (identity === undefined) return { runtimeId, directory, problem: "runtime.json is missing" };
    return { runtimeId, directory, createdAt: identity.createdAt };
  } catch (error) {
    if (!isRuntimeError(error)) throw error;
    return { runtimeId, directory, problem: error.message };
  }
}

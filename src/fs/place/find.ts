/**
 * Finds an existing store by its root and id, or by its directory. Takes no lock.
 *
 * @module
 */
import { basename } from "@std/path";
import { invalidRequest, RuntimeError } from "../../core/errors.ts";
import { parseRuntimeId, type RuntimeId } from "../../core/ids.ts";
import { isJsonObject } from "../../core/json.ts";
import { readSmallFile } from "../disk/files.ts";
import { guarded } from "../disk/faults.ts";
import type { FileSystem } from "../disk/file_system.ts";
import {
  absolutePath,
  type Files,
  importDirectory,
  importedRuntime,
  layoutIn,
  type Place,
  runtimeLayout,
} from "../layout.ts";
import { decodeName } from "../names.ts";

/** Location of a store: its root and id, or the directory of the runtime itself, for example of a copy. */
export type StoreLocation =
  | {
    /** Directory of all runtimes of a host: a path, resolved immediately, or a `file:` URL. */
    readonly root: string | URL;
    /** The runtime. */
    readonly runtimeId: string;
  }
  | {
    /** The directory of the runtime itself, the one that holds `runtime.json`. */
    readonly directory: string | URL;
  };

/** Files of an existing store. */
export interface FoundPlace extends Place {
  /** The runtime in it. */
  readonly runtimeId: RuntimeId;
}

/**
 * Finds the files of a store. Throws `store_missing`, and `invalid_request` for an
 * unfinished import unless `examine` is set.
 */
export function findPlace(fs: FileSystem, location: StoreLocation, examine: boolean = false): FoundPlace {
  const isNamed = "root" in location;
  const layout = isNamed
    ? runtimeLayout(location.root, parseRuntimeId(location.runtimeId))
    : layoutIn(location.directory);
  assertStore({ fs, layout });
  if (isNamed) return { fs, layout, runtimeId: parseRuntimeId(location.runtimeId) };
  const action = `read ${JSON.stringify(location.directory)}`;
  const imported = importedRuntime(basename(layout.directory));
  if (imported !== undefined && !examine) {
    throw invalidRequest(action, "it is an unfinished import; run the import again");
  }
  const runtimeId = idInside({ fs, layout }) ?? imported ?? decodeName(basename(layout.directory));
  if (runtimeId === undefined) {
    const issue = `runtime.json does not say whose it is, and the directory has no runtime's name`;
    throw invalidRequest(action, issue);
  }
  return { fs, layout, runtimeId: parseRuntimeId(runtimeId) };
}

/** True if a directory is that of a runtime: it holds `runtime.json` or `events`. */
export function isStore({ fs, layout: { directory, identity, events } }: Files): boolean {
  return guarded("read", directory, () => [identity, events].some((path) => fs.stat(path) !== undefined));
}

function assertStore(place: Files): void {
  const { fs, layout, layout: { directory: path } } = place;
  const kindOf = (each: string) => guarded("read", each, () => fs.stat(each)?.kind);
  const kind = kindOf(path);
  if (kind === "directory" && isStore(place)) return;
  const isImported = kind === undefined && kindOf(importDirectory(layout)) !== undefined;
  const why = isImported
    ? "its import did not finish; run the import again"
    : kind === undefined
    ? "there is no such runtime"
    : "it holds neither runtime.json nor events";
  throw new RuntimeError("store_missing", `Cannot read store ${JSON.stringify(path)}: ${why}`, { path });
}

/** The runtime id in `runtime.json`, which may be damaged otherwise. */
function idInside({ fs, layout }: Files): string | undefined {
  try {
    const bytes = readSmallFile(fs, layout.identity, 65_536);
    const content: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const runtimeId = isJsonObject(content) ? content.runtimeId : undefined;
    return typeof runtimeId === "string" ? runtimeId : undefined;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "store_permission") throw error;
    return undefined;
  }
}

/** The same location, made independent of the current directory. */
export function absoluteLocation(location: StoreLocation): StoreLocation {
  if (!("root" in location)) return { directory: absolutePath(location.directory) };
  return { root: absolutePath(location.root), runtimeId: location.runtimeId };
}

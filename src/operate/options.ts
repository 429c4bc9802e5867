/**
 * Options common to the operations on a store: its location, a signal, and progress.
 *
 * @module
 */
import { basename } from "@std/path";
import { invalidRequest, RuntimeError } from "../core/errors.ts";
import { parseRuntimeId, type RuntimeId } from "../core/ids.ts";
import { isJsonObject } from "../core/json.ts";
import { readSmallFile } from "../fs/disk/files.ts";
import { guarded } from "../fs/disk/faults.ts";
import type { FileSystem } from "../fs/disk/file_system.ts";
import { absolutePath, layoutIn, type RuntimeLayout, runtimeLayout } from "../fs/layout.ts";
import { decodeName } from "../fs/names.ts";
import { importDirectory, importedRuntime } from "./import_name.ts";

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

/** Progress of an operation. */
export interface OperationProgress {
  /** The current stage, such as `log` or `transcripts`. */
  readonly stage: string;
  /** Units done. */
  readonly done: number;
  /** Units in all. */
  readonly total: number;
  /** The unit. */
  readonly unit: "bytes" | "workers" | "events";
}

/** Options of every operation. */
export interface OperationOptions {
  /** Ends the operation; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Receives progress, about ten times a second. */
  readonly onProgress?: ((progress: OperationProgress) => void) | undefined;
  /** The disk. @default the real one */
  readonly fileSystem?: FileSystem | undefined;
}

/** Files of an existing store. */
export interface FoundPlace {
  /** The disk. */
  readonly fs: FileSystem;
  /** Its files. */
  readonly layout: RuntimeLayout;
  /** The runtime in it. */
  readonly runtimeId: RuntimeId;
}

/**
 * Finds the files of a store. Throws `store_missing`, and `invalid_request` for an
 * unfinished import unless `examine` is set.
 */
export function findPlace(fs: FileSystem, location: StoreLocation, examine: boolean = false): FoundPlace {
  if ("root" in location) {
    const runtimeId = parseRuntimeId(location.runtimeId);
    const layout = runtimeLayout(location.root, runtimeId);
    assertStore(fs, layout);
    return { fs, layout, runtimeId };
  }
  const layout = layoutIn(location.directory);
  assertStore(fs, layout);
  const imported = importedRuntime(basename(layout.directory));
  if (imported !== undefined && !examine) {
    const issue = "it is an unfinished import; run the import again";
    throw invalidRequest(`read ${JSON.stringify(location.directory)}`, issue);
  }
  const runtimeId = idInside(fs, layout) ?? imported ?? decodeName(basename(layout.directory));
  if (runtimeId === undefined) {
    const issue = `runtime.json does not say whose it is, and the directory has no runtime's name`;
    throw invalidRequest(`read ${JSON.stringify(location.directory)}`, issue);
  }
  return { fs, layout, runtimeId: parseRuntimeId(runtimeId) };
}

/** True if a directory is that of a runtime: it holds `runtime.json` or `events`. */
export function isStore(fs: FileSystem, { directory, identity, events }: RuntimeLayout): boolean {
  return guarded("read", directory, () => [identity, events].some((path) => fs.stat(path) !== undefined));
}

function assertStore(fs: FileSystem, layout: RuntimeLayout): void {
  const { directory: path } = layout;
  const kind = guarded("read", path, () => fs.stat(path)?.kind);
  if (kind === "directory" && isStore(fs, layout)) return;
  const isImported = kind === undefined && fs.stat(importDirectory(layout)) !== undefined;
  const why = isImported
    ? "its import did not finish; run the import again"
    : kind === undefined
    ? "there is no such runtime"
    : "it holds neither runtime.json nor events";
  throw new RuntimeError("store_missing", `Cannot read store ${JSON.stringify(path)}: ${why}`, { path });
}

/** The runtime id in `runtime.json`, which may be damaged otherwise. */
function idInside(fs: FileSystem, layout: RuntimeLayout): string | undefined {
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

/** Milliseconds between two calls of `onProgress`. */
const PROGRESS_MS = 100;

/** Reports progress, and throws if the operation was aborted. */
export class Meter {
  readonly #options: OperationOptions;
  #reportedAt = -Infinity;
  #stage = "";
  #unit: OperationProgress["unit"] = "bytes";
  #done = 0;
  #total = 0;

  /** A meter without a stage. */
  constructor(options: OperationOptions) {
    this.#options = options;
  }

  /** Begins a stage. */
  stage(stage: string, total: number, unit: OperationProgress["unit"]): void {
    this.#stage = stage;
    this.#total = total;
    this.#unit = unit;
    this.#done = 0;
    this.#reportedAt = -Infinity;
    this.add(0);
  }

  /** Adds to the units done. Throws the reason of an aborted signal. */
  add(amount: number): void {
    this.#options.signal?.throwIfAborted();
    this.#done += amount;
    const { onProgress } = this.#options;
    if (onProgress === undefined) return;
    const now = performance.now();
    if (now - this.#reportedAt < PROGRESS_MS && this.#done < this.#total) return;
    this.#reportedAt = now;
    onProgress({ stage: this.#stage, done: this.#done, total: this.#total, unit: this.#unit });
  }
}

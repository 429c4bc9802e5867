/**
 * What every operation on a store at rest takes and tells: where the store
 * is, how to end early, how far it is.
 *
 * @module
 */
import { basename, join } from "@std/path";
import { invalidRequest, RuntimeError } from "../core/errors.ts";
import { parseRuntimeId, type RuntimeId } from "../core/ids.ts";
import { isJsonObject } from "../core/json.ts";
import { readSmallFile } from "../fs/disk/files.ts";
import { guarded } from "../fs/disk/faults.ts";
import type { FileSystem } from "../fs/disk/file_system.ts";
import { absolutePath, layoutIn, type RuntimeLayout, runtimeLayout } from "../fs/layout.ts";
import { decodeName } from "../fs/names.ts";
import { importDirectory, importedRuntime } from "./import_name.ts";

/** Where a store is: below its root by its id, or in a directory of its own, such as a copy. */
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

/** How far an operation is. */
export interface OperationProgress {
  /** What is being done now, such as `log` or `transcripts`. */
  readonly stage: string;
  /** How much of it is done. */
  readonly done: number;
  /** How much of it there is. */
  readonly total: number;
  /** What is counted. */
  readonly unit: "bytes" | "workers" | "events";
}

/** Options of every operation. */
export interface OperationOptions {
  /** Ends the operation; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hears how far the operation is, some ten times a second. */
  readonly onProgress?: ((progress: OperationProgress) => void) | undefined;
}

/** A store's place, found. */
export interface FoundPlace {
  /** The disk. */
  readonly fs: FileSystem;
  /** Its files. */
  readonly layout: RuntimeLayout;
  /** The runtime that it keeps. */
  readonly runtimeId: RuntimeId;
}

/**
 * Finds a store's place. Throws `store_missing`, `invalid_request`; also for
 * an unfinished import, unless it is to be examined.
 */
export function findPlace(fs: FileSystem, location: StoreLocation, examine: boolean = false): FoundPlace {
  if ("root" in location) {
    const runtimeId = parseRuntimeId(location.runtimeId);
    const layout = runtimeLayout(location.root, runtimeId);
    mustExist(fs, layout);
    return { fs, layout, runtimeId };
  }
  const layout = layoutIn(location.directory);
  mustExist(fs, layout);
  const imported = importedRuntime(basename(layout.directory));
  if (imported !== undefined && !examine) {
    const issue = "it is an unfinished import; run the import again";
    throw invalidRequest(`read ${JSON.stringify(location.directory)}`, issue);
  }
  const runtimeId = namedInside(fs, layout) ?? imported ?? decodeName(basename(layout.directory));
  if (runtimeId === undefined) {
    const issue = `runtime.json does not say whose it is, and the directory has no runtime's name`;
    throw invalidRequest(`read ${JSON.stringify(location.directory)}`, issue);
  }
  return { fs, layout, runtimeId: parseRuntimeId(runtimeId) };
}

function mustExist(fs: FileSystem, layout: RuntimeLayout): void {
  const { directory: path } = layout;
  const kind = guarded("read", path, () => fs.stat(path)?.kind);
  const isStore = kind === "directory" &&
    guarded(
      "read",
      path,
      () => fs.stat(layout.identity) !== undefined || fs.stat(layout.events) !== undefined,
    );
  if (isStore) return;
  const isImported = kind === undefined && fs.stat(importDirectory(layout)) !== undefined;
  const why = isImported
    ? "its import did not finish; run the import again"
    : kind === undefined
    ? "there is no such runtime"
    : "it holds neither runtime.json nor events";
  throw new RuntimeError("store_missing", `Cannot read store ${JSON.stringify(path)}: ${why}`, { path });
}

/** The runtime id in `runtime.json`, whatever else is wrong with the file. */
function namedInside(fs: FileSystem, layout: RuntimeLayout): string | undefined {
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

/** Whether the directory of a runtime lies where its root would have it. */
export function rootOf(location: StoreLocation): string {
  return "root" in location
    ? absolutePath(location.root)
    : join(absolutePath(location.directory), "..", "..");
}

/** Milliseconds between two calls of `onProgress`. */
const PROGRESS_MS = 100;

/** Tells progress now and then, and throws when the operation was aborted. */
export class Meter {
  readonly #options: OperationOptions;
  #toldAt = -Infinity;
  #stage = "";
  #unit: OperationProgress["unit"] = "bytes";
  #done = 0;
  #total = 0;

  /** A meter at nothing. */
  constructor(options: OperationOptions) {
    this.#options = options;
  }

  /** Begins a stage. */
  stage(stage: string, total: number, unit: OperationProgress["unit"]): void {
    this.#stage = stage;
    this.#total = total;
    this.#unit = unit;
    this.#done = 0;
    this.#toldAt = -Infinity;
    this.add(0);
  }

  /** Counts what was done. Throws the reason of an aborted signal. */
  add(amount: number): void {
    this.#options.signal?.throwIfAborted();
    this.#done += amount;
    const { onProgress } = this.#options;
    if (onProgress === undefined) return;
    const now = performance.now();
    if (now - this.#toldAt < PROGRESS_MS && this.#done < this.#total) return;
    this.#toldAt = now;
    onProgress({ stage: this.#stage, done: this.#done, total: this.#total, unit: this.#unit });
  }
}

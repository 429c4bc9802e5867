/**
 * Opens the place of a store on disk: finds or creates it, under the lock.
 *
 * `runtime.json` is written last, so a store that has one is complete. A
 * directory with events, a checkpoint or workers but no `runtime.json` is not an
 * empty store, and never becomes one.
 *
 * @module
 */
import { join } from "@std/path";
import type { Notice } from "../../core/diagnostics.ts";
import { RuntimeError } from "../../core/errors.ts";
import { readConfig, type StoreConfig } from "../place/config.ts";
import { clearForFile } from "../aside.ts";
import { assertDirectory, makeDirectory, withFileAsync, writeNew } from "../disk/files.ts";
import { guarded, guardedAsync } from "../disk/faults.ts";
import { guardedDisk } from "../place/guarded_disk.ts";
import type { FileLock, FileSystem } from "../disk/file_system.ts";
import {
  createIdentity,
  readIdentity,
  type StoreIdentity,
  updateConfigSnapshot,
  wasSynced,
} from "../place/identity.ts";
import { type RuntimeLayout, runtimesDirectory, segmentPath } from "../layout.ts";
import { holdLock, type Owner, writeOwner } from "../place/lock.ts";
import { PlaceGuard } from "../place/guard.ts";
import { listSegments, segmentHeader } from "../log/segments.ts";

/** A place that was opened. */
export interface OpenedPlace {
  /** Held until closing. */
  readonly lock: FileLock;
  /** Checks that the paths still name the store that was opened. */
  readonly guard: PlaceGuard;
  /** The disk, checked by the guard. */
  readonly fs: FileSystem;
  /** The operator's config. */
  readonly config: StoreConfig;
  /** Diagnostics of the opening. */
  readonly notices: readonly Notice[];
  /** True if commits waited for the device, now and when the store was open before. */
  readonly wasSynced: boolean;
  /** Records the config for the next opening, once nothing depends on the previous one. */
  rememberConfig(): Promise<void>;
}

/** Options of {@linkcode openPlace}. */
export interface PlaceOptions {
  /** Root directory. */
  readonly root: string;
  /** The runtime. */
  readonly runtimeId: string;
  /** Creates missing directories and files. */
  readonly create: boolean;
  /** The process that opens. */
  readonly owner: Owner;
}

/** Finds or creates the place of a runtime and locks it. */
export async function openPlace(
  fs: FileSystem,
  layout: RuntimeLayout,
  options: PlaceOptions,
): Promise<OpenedPlace> {
  await ensureDirectories(fs, layout, options);
  const lock = await holdLock(fs, layout);
  let guard: PlaceGuard | undefined;
  try {
    guard = guarded("open", layout.directory, () => new PlaceGuard(fs, layout, lock));
    return await openGuarded(guardedDisk(fs, guard, layout.events), layout, options, lock, guard);
  } catch (error) {
    guard?.release();
    lock.release();
    throw error;
  }
}

async function openGuarded(
  fs: FileSystem,
  layout: RuntimeLayout,
  options: PlaceOptions,
  lock: FileLock,
  guard: PlaceGuard,
): Promise<OpenedPlace> {
  await writeOwner(fs, layout, options.owner);
  guard.learnClock();
  const notices: Notice[] = [];
  if (!guard.isExact) notices.push(inexact(layout));
  const config = readConfig(fs, layout.config);
  const identity = readIdentityOrTorn(fs, layout, options.runtimeId, notices) ??
    await createStore(fs, layout, options, config, notices);
  // Never follows a link; a removed directory is recreated and filled from the log.
  await makeDirectory(fs, layout.workers, "workers");
  guarded("open", layout.directory, () => {
    if (fs.stat(layout.events)?.kind === "directory") guard.holdInside();
    else assertDirectory(fs, layout.events, "events");
  });
  // Before the first event, its sync may have failed, and a second one could report success wrongly.
  const isInDoubt = !hasContent(fs, layout, options.runtimeId);
  const rememberConfig = (anyhow = false) =>
    updateConfigSnapshot(fs, layout, options.runtimeId, identity, config, anyhow);
  if (isInDoubt) await rememberConfig(true);
  await syncDirectories(fs, layout, options.root);
  await sweep(fs, layout, notices);
  const isSynced = wasSynced(identity, config);
  return { lock, guard, fs, config, notices, wasSynced: isSynced, rememberConfig: () => rememberConfig() };
}

/** Creates the directories down to the runtime's. Throws `store_missing` without `create`. */
async function ensureDirectories(
  fs: FileSystem,
  layout: RuntimeLayout,
  options: PlaceOptions,
): Promise<void> {
  const { root, create } = options;
  if (create) await guardedAsync("make directory", root, () => fs.ensureDirectory(root));
  for (const directory of [runtimesDirectory(root), layout.directory]) {
    if (create) await makeDirectory(fs, directory);
    const kind = guarded("stat", directory, () => {
      assertDirectory(fs, directory);
      return fs.stat(directory)?.kind;
    });
    if (kind === undefined) throw missing(layout, "there is no such runtime");
  }
}

/**
 * Returns the identity; `undefined` if the store's creation never finished: no
 * `runtime.json`, or a torn one, and nothing else.
 */
function readIdentityOrTorn(
  fs: FileSystem,
  layout: RuntimeLayout,
  runtimeId: string,
  notices: Notice[],
): StoreIdentity | undefined {
  try {
    return readIdentity(fs, layout, runtimeId);
  } catch (error) {
    if (
      !(error instanceof RuntimeError) || error.code !== "store_corrupt" || hasContent(fs, layout, runtimeId)
    ) {
      throw error;
    }
    guarded("remove", layout.identity, () => fs.remove(layout.identity));
    notices.push(completed("runtime.json was torn"));
    return undefined;
  }
}

async function createStore(
  fs: FileSystem,
  layout: RuntimeLayout,
  options: PlaceOptions,
  config: StoreConfig,
  notices: Notice[],
): Promise<StoreIdentity> {
  if (hasContent(fs, layout, options.runtimeId)) throw missing(layout, "it has content, but no runtime.json");
  if (!options.create) throw missing(layout, "there is no runtime.json");
  return await guardedAsync("create store", layout.directory, async () => {
    const first = segmentPath(layout, 1);
    await makeDirectory(fs, layout.events, "events");
    await makeDirectory(fs, layout.workers, "workers");
    if (fs.remove(first)) notices.push(completed("a segment without events was there"));
    await writeNew(fs, first, [segmentHeader(options.runtimeId, 1)], { durable: true });
    await fs.syncDirectory(layout.events);
    const identity = { createdAt: options.owner.openedAt, config: JSON.parse(JSON.stringify(config)) };
    await createIdentity(fs, layout, options.runtimeId, identity);
    return identity;
  });
}

/** Returns true if the directory has anything that an unfinished creation cannot have left. */
function hasContent(fs: FileSystem, layout: RuntimeLayout, runtimeId: string): boolean {
  return guarded("look into", layout.directory, () => {
    if (fs.stat(layout.checkpoint) !== undefined || fs.stat(layout.previousCheckpoint) !== undefined) {
      return true;
    }
    if (fs.stat(layout.workers)?.kind === "directory" && fs.list(layout.workers).length > 0) return true;
    if (fs.stat(layout.events) === undefined) return false;
    const { firstEventIds } = listSegments(fs, layout);
    const size = fs.stat(segmentPath(layout, 1))?.size ?? 0;
    return firstEventIds.some((id) => id !== 1) || size > segmentHeader(runtimeId, 1).length;
  });
}

/**
 * Syncs the files found by this opening: they may be in the page cache only, if the
 * process that wrote them was killed, and later writes depend on them.
 */
async function syncDirectories(fs: FileSystem, layout: RuntimeLayout, root: string): Promise<void> {
  await guardedAsync("sync", layout.directory, async () => {
    await withFileAsync(fs, layout.identity, "update", (file) => file.sync());
    for (const directory of [layout.events, layout.directory, runtimesDirectory(root), root]) {
      if (fs.stat(directory) !== undefined) await fs.syncDirectory(directory);
    }
  });
}

/** Removes temporary files left by a crash in the runtime's directory. */
async function sweep(fs: FileSystem, layout: RuntimeLayout, notices: Notice[]): Promise<void> {
  for (const name of ["checkpoint.json.tmp", "overview.json.tmp", "runtime.json.tmp", "owner.json.tmp"]) {
    const path = join(layout.directory, name);
    const isAside = await clearForFile(fs, layout, path);
    if (!isAside && !isRemoved(fs, path)) continue;
    const message = isAside
      ? `Moved ${JSON.stringify(name)} to salvage/: it is not a file`
      : `Removed ${JSON.stringify(name)}, which was never finished`;
    notices.push({ code: "temporary_removed", severity: "info", message, file: name });
  }
}

function isRemoved(fs: FileSystem, path: string): boolean {
  try {
    return fs.remove(path);
  } catch {
    // Retried at the next opening. No write depends on it: each one clears the name first.
    return false;
  }
}

function missing(layout: RuntimeLayout, why: string): RuntimeError<"store_missing"> {
  const path = layout.directory;
  return new RuntimeError("store_missing", `Cannot open store ${JSON.stringify(path)}: ${why}`, { path });
}

function inexact({ directory }: RuntimeLayout): Notice {
  const message = `The file system below ${JSON.stringify(directory)} does not number its files reliably: ` +
    `a store that is moved or replaced while it is open is noticed only by links and sizes`;
  return { code: "path_identity_unavailable", severity: "info", message };
}

function completed(why: string): Notice {
  const message = `The creation of this store had not finished (${why}); it is finished now`;
  return { code: "unfinished_store_completed", severity: "warning", message };
}

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
import { readConfig, type StoreConfig, type StoreSettings } from "../place/config.ts";
import { clearForFile } from "../aside.ts";
import { isPresent, makeDirectory, removeQuietly, withFileAsync, writeNew } from "../disk/files.ts";
import { guarded, guardedAsync, ifCorrupt } from "../disk/faults.ts";
import { guardedDisk } from "../place/guarded_disk.ts";
import type { FileLock } from "../disk/file_system.ts";
import {
  createIdentity,
  readIdentity,
  type StoreIdentity,
  updateConfigSnapshot,
  wasSynced,
} from "../place/identity.ts";
import { type Files, type Place, runtimesDirectory, segmentPath, type WatchedPlace } from "../layout.ts";
import { holdLock, type Owner, writeOwner } from "../place/lock.ts";
import { PlaceGuard } from "../place/guard.ts";
import { listSegments, segmentHeader } from "../log/segments.ts";

/** A place that was opened. Its disk is checked by the guard. */
export interface OpenedPlace extends WatchedPlace {
  /** Held until closing. */
  readonly lock: FileLock;
  /** Checks that the paths still name the store that was opened. */
  readonly guard: PlaceGuard;
  /** The settings in effect. */
  readonly config: StoreConfig;
  /** True if commits waited for the device, now and when the store was open before. */
  readonly wasSynced: boolean;
  /** Records the config for the next opening, once nothing depends on the previous one. */
  rememberConfig(isInDoubt?: boolean): Promise<void>;
}

/** Options of {@linkcode openPlace}. */
export interface PlaceOptions {
  /** Root directory. */
  readonly root: string;
  /** Creates missing directories and files. */
  readonly create: boolean;
  /** Settings of the host. */
  readonly settings: StoreSettings;
  /** Milliseconds to wait until the lock is free. */
  readonly lockWaitMs: number;
  /** The process that opens. */
  readonly owner: Owner;
}

/** Finds or creates the place of a runtime and locks it. */
export async function openPlace(place: WatchedPlace, options: PlaceOptions): Promise<OpenedPlace> {
  const { fs, layout } = place;
  await ensureDirectories(place, options);
  const lock = await holdLock(place, options.lockWaitMs);
  let guard: PlaceGuard | undefined;
  try {
    guard = guarded("open", layout.directory, () => new PlaceGuard(place, lock));
    return await openGuarded({ ...place, fs: guardedDisk(fs, guard, layout.events) }, options, lock, guard);
  } catch (error) {
    guard?.release();
    lock.release();
    throw error;
  }
}

async function openGuarded(
  place: WatchedPlace,
  options: PlaceOptions,
  lock: FileLock,
  guard: PlaceGuard,
): Promise<OpenedPlace> {
  const { fs, layout } = place;
  await writeOwner(place, options.owner);
  guard.learnClock();
  if (!guard.isExact) {
    const message = `The file system below ${JSON.stringify(layout.directory)} does not number its files ` +
      `reliably: a store that is moved or replaced while it is open is noticed only by links and sizes`;
    place.notice({ code: "path_identity_unavailable", severity: "info", message });
  }
  const config = readConfig(fs, layout.config, options.settings);
  const identity = readIdentityOrTorn(place) ?? await createStore(place, options, config);
  // Never follows a link; a removed directory is recreated and filled from the log.
  await makeDirectory(fs, layout.workers, "workers");
  guarded("open", layout.directory, () => {
    if (isPresent(fs, layout.events, "directory", "events")) guard.holdInside();
  });
  const rememberConfig = (isInDoubt = false) => updateConfigSnapshot(place, identity, config, isInDoubt);
  // Before the first event, its sync may have failed, and a second one could report success wrongly.
  if (!hasContent(place)) await rememberConfig(true);
  await syncDirectories(place, options.root);
  await sweep(place);
  return { ...place, lock, guard, config, wasSynced: wasSynced(identity, config), rememberConfig };
}

/** Creates the directories down to the runtime's. Throws `store_missing` without `create`. */
async function ensureDirectories({ fs, layout }: Files, { root, create }: PlaceOptions): Promise<void> {
  if (create) await guardedAsync("make directory", root, () => fs.ensureDirectory(root));
  for (const directory of [runtimesDirectory(root), layout.directory]) {
    if (create) await makeDirectory(fs, directory);
    const isThere = guarded("stat", directory, () => isPresent(fs, directory, "directory"));
    if (!isThere) throw missing(layout, "there is no such runtime");
  }
}

/**
 * Returns the identity; `undefined` if the store's creation never finished: no
 * `runtime.json`, or a torn one, and nothing else.
 */
function readIdentityOrTorn(place: WatchedPlace): StoreIdentity | undefined {
  return ifCorrupt<StoreIdentity | undefined>(() => readIdentity(place), (error) => {
    if (hasContent(place)) throw error;
    const { fs, layout: { identity }, notice } = place;
    guarded("remove", identity, () => fs.remove(identity));
    notice(completed("runtime.json was torn"));
    return undefined;
  });
}

async function createStore(
  place: WatchedPlace,
  { create, owner }: PlaceOptions,
  config: StoreConfig,
): Promise<StoreIdentity> {
  const { fs, layout, runtimeId, notice } = place;
  if (hasContent(place)) throw missing(layout, "it has content, but no runtime.json");
  if (!create) throw missing(layout, "there is no runtime.json");
  return await guardedAsync("create store", layout.directory, async () => {
    const first = segmentPath(layout, 1);
    await makeDirectory(fs, layout.events, "events");
    await makeDirectory(fs, layout.workers, "workers");
    if (fs.remove(first)) notice(completed("a segment without events was there"));
    await writeNew(fs, first, [segmentHeader(runtimeId, 1)], { durable: true });
    await fs.syncDirectory(layout.events);
    const identity = { createdAt: owner.openedAt, config: JSON.parse(JSON.stringify(config)) };
    await createIdentity(place, identity);
    return identity;
  });
}

/** Returns true if the directory has anything that an unfinished creation cannot have left. */
function hasContent(place: Place): boolean {
  const { fs, layout, runtimeId } = place;
  return guarded("look into", layout.directory, () => {
    const hasCheckpoint = fs.stat(layout.checkpoint) ?? fs.stat(layout.previousCheckpoint);
    if (hasCheckpoint !== undefined) return true;
    if (fs.stat(layout.workers)?.kind === "directory" && fs.list(layout.workers).length > 0) return true;
    if (fs.stat(layout.events) === undefined) return false;
    const size = fs.stat(segmentPath(layout, 1))?.size ?? 0;
    return listSegments(place).firstEventIds.some((id) => id !== 1) ||
      size > segmentHeader(runtimeId, 1).length;
  });
}

/**
 * Syncs the files found by this opening: they may be in the page cache only, if the
 * process that wrote them was killed, and later writes depend on them.
 */
async function syncDirectories({ fs, layout }: Files, root: string): Promise<void> {
  await guardedAsync("sync", layout.directory, async () => {
    await withFileAsync(fs, layout.identity, "update", (file) => file.sync());
    for (const directory of [layout.events, layout.directory, runtimesDirectory(root), root]) {
      if (fs.stat(directory) !== undefined) await fs.syncDirectory(directory);
    }
  });
}

/** Removes temporary files left by a crash in the runtime's directory. */
async function sweep(place: WatchedPlace): Promise<void> {
  for (const name of ["checkpoint.json.tmp", "overview.json.tmp", "runtime.json.tmp", "owner.json.tmp"]) {
    const path = join(place.layout.directory, name);
    const isAside = await clearForFile(place, path);
    if (!isAside && !removeQuietly(place.fs, path)) continue;
    const message = isAside
      ? `Moved ${JSON.stringify(name)} to salvage/: it is not a file`
      : `Removed ${JSON.stringify(name)}, which was never finished`;
    place.notice({ code: "temporary_removed", severity: "info", message, file: name });
  }
}

function missing({ directory: path }: Files["layout"], why: string): RuntimeError<"store_missing"> {
  return new RuntimeError("store_missing", `Cannot open store ${JSON.stringify(path)}: ${why}`, { path });
}

function completed(why: string): Notice {
  const message = `The creation of this store had not finished (${why}); it is finished now`;
  return { code: "unfinished_store_completed", severity: "warning", message };
}

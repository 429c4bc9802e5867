/**
 * Path identity: while a store is open, its paths must name the files that it
 * opened. Handles to its directories and its lock stay open and are compared
 * with the paths: an inode number alone could have been reused, unless an open
 * handle prevents that.
 *
 * @module
 */
import { isRuntimeError, RuntimeError } from "../../core/errors.ts";
import { closeQuietly } from "../disk/files.ts";
import { corrupt, guarded, storeFault, systemCode } from "../disk/faults.ts";
import type { FileIdentity, FileLock, Handle, OpenFile } from "../disk/file_system.ts";
import { type Files, nameOf, segmentFirstEventId, segmentPath } from "../layout.ts";

/** A path and a handle to the file or directory that it named at opening. */
interface Held {
  readonly path: string;
  readonly handle: Pick<Handle, "identity">;
  identity: FileIdentity;
}

function heldAt(path: string, handle: Held["handle"]): Held {
  return { path, handle, identity: guarded("check", path, () => handle.identity()) };
}

/** Error codes of a lookup that fails because part of the path is missing or of another kind. */
const GONE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);

const GONE_REASON = "it was moved or removed while the store was open";

/** Checks that the paths of an open store still name the files that it opened. */
export class PlaceGuard {
  /** Receives the error as soon as the store has lost its place, or its writer has failed permanently. */
  onLost: ((error: RuntimeError) => void) | undefined;
  /** Closes files that are open only for speed; returns false if there are none. */
  makeRoom: () => boolean = () => false;
  /** True if inode numbers identify files. If not, only links and sizes are checked. */
  readonly isExact: boolean;
  readonly #place: Files;
  readonly #directories: Handle[] = [];
  /** Lock and directories inside the runtime's directory. */
  readonly #inside: Held[] = [];
  #runtime: Held | undefined;
  #events: Held | undefined;
  #segment: Held | undefined;
  /** Times of the directories when their contents were last compared. */
  #runtimeSeen: FileIdentity | undefined;
  #eventsSeen: FileIdentity | undefined;
  /** True if the time of a directory reveals changes of the names in it. */
  #isTimed = true;
  #failure: RuntimeError | undefined;

  /** Opens handles to the runtime's directory and its lock. Throws `store_vanished` if they were replaced meanwhile. */
  constructor(place: Files, lock: FileLock) {
    const { fs, layout } = this.#place = place;
    this.isExact = fs.supports.directorySync && hasNumbers(place, lock);
    if (!this.isExact) return;
    try {
      this.#runtime = this.#hold(layout.directory);
      const inside = heldAt(layout.lock, lock);
      this.#inside.push(inside);
      this.#look(inside);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** The reason why the store has lost its place; every later call is rejected. */
  get failure(): RuntimeError | undefined {
    return this.#failure;
  }

  /** Opens handles to the directories of the log and of the workers, once they exist. */
  holdInside(): void {
    if (!this.isExact) return;
    const { events, workers } = this.#place.layout;
    this.#events = this.#hold(events);
    this.#inside.push(this.#events, this.#hold(workers));
    this.#runtimeSeen = undefined;
  }

  /**
   * Determines, from a recent change of the runtime's directory, whether times
   * reveal changes: not if the disk keeps no times, or uses another clock.
   */
  learnClock(): void {
    if (this.#runtime !== undefined) this.#isTimed = Number.isNaN(this.#look(this.#runtime).modifiedMs);
  }

  /** Throws `store_vanished` unless the paths of the directories and of the lock match the handles. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#runtime === undefined) return;
    const found = this.#look(this.#runtime);
    if (this.#isUnchanged(found, this.#runtimeSeen)) return;
    for (const held of this.#inside) this.#look(held);
    this.#runtimeSeen = found;
  }

  /**
   * Throws `store_vanished` unless the path of the open segment, too, names
   * `file`. Looking up the segment itself makes the next sync slower (Linux
   * gives the next write a new timestamp), so it is looked up only when a name
   * in its directory may have changed.
   */
  confirm(file: OpenFile, path: string, segments: readonly number[]): void {
    this.check();
    if (this.#events === undefined) return;
    const found = this.#look(this.#events);
    if (this.#segment?.handle === file && this.#isUnchanged(found, this.#eventsSeen)) return;
    if (this.#segment?.handle !== file) this.#segment = heldAt(path, file);
    this.#look(this.#segment);
    // Only once the time is conclusive: listing is slow, and older files are not expected to change this early.
    if (!Number.isNaN(found.modifiedMs)) this.#findAll(segments);
    this.#eventsSeen = found;
  }

  /** Returns the error to throw for a failed call: a lost place takes precedence. */
  explain(error: unknown): unknown {
    try {
      this.check();
    } catch (found) {
      if (isVanished(found)) return found;
    }
    return error;
  }

  /** Records that the place is lost. Returns the error to throw from now on. */
  lose(error: RuntimeError): RuntimeError {
    if (this.#failure !== undefined) return this.#failure;
    this.#failure = error;
    this.onLost?.(error);
    return error;
  }

  /** Closes the handles of the directories; the lock belongs to its owner. */
  release(): void {
    for (const directory of this.#directories.splice(0)) closeQuietly(directory);
  }

  #hold(path: string): Held {
    const handle = openDirectory(this.#place, path);
    this.#directories.push(handle);
    const directory = heldAt(path, handle);
    this.#look(directory);
    return directory;
  }

  #look(held: Held): FileIdentity {
    const found = this.#identityAt(held.path);
    if (found !== undefined) {
      if (isSame(found, held.identity)) return found;
      // A file system may renumber an open file, as overlays do on copy-up.
      held.identity = heldAt(held.path, held.handle).identity;
      if (isSame(found, held.identity)) return found;
    }
    const file = nameOf(this.#place.layout, held.path) || held.path;
    const reason = found === undefined ? GONE_REASON : "it was replaced while the store was open";
    throw this.lose(vanished(file, reason));
  }

  #identityAt(path: string): FileIdentity | undefined {
    try {
      return this.#place.fs.identity(path);
    } catch (error) {
      if (GONE.has(systemCode(error))) return undefined;
      throw storeFault(error, "check", path);
    }
  }

  #findAll(segments: readonly number[]): void {
    const { fs, layout, layout: { events } } = this.#place;
    const entries = guarded("check", events, () => fs.list(events));
    const found = new Set(entries.map(({ name }) => segmentFirstEventId(name)));
    const missing = segments.find((segment) => !found.has(segment));
    if (missing === undefined) return;
    const file = nameOf(layout, segmentPath(layout, missing));
    throw this.lose(vanished(file, GONE_REASON));
  }

  #isUnchanged(found: FileIdentity, seen: FileIdentity | undefined): boolean {
    return this.#isTimed && found.modifiedMs === seen?.modifiedMs && found.changedMs === seen.changedMs;
  }
}

/** A `store_vanished` error of a file of the store. */
export function vanished(file: string, reason: string): RuntimeError<"store_vanished"> {
  const message = `Cannot use ${JSON.stringify(file)}: ${reason}`;
  return new RuntimeError("store_vanished", message, { file, reason });
}

/** Returns true for the error of a store that has lost its place. */
export function isVanished(error: unknown): error is RuntimeError<"store_vanished"> {
  return isRuntimeError(error) && error.code === "store_vanished";
}

/** Returns true if two identities are of the same file, provided that one of them is open. */
export function isSame(one: FileIdentity, other: FileIdentity): boolean {
  return one.inode === other.inode && one.device === other.device;
}

/**
 * Returns true if inode numbers identify the lock and the directory: they
 * differ, and repeated lookups and openings of a path return the same ones.
 */
function hasNumbers(place: Files, lock: FileLock): boolean {
  const { fs, layout } = place;
  const held = lock.identity();
  for (let count = 0; count < 3; count++) {
    const directory = openDirectory(place, layout.directory);
    try {
      const opened = directory.identity();
      const found = [fs.identity(layout.directory), fs.identity(layout.directory)];
      if (opened.inode === 0 || held.inode === 0 || isSame(opened, held)) return false;
      // A mismatch on repeated attempts is not caused by a concurrent rename.
      if (found.every((one) => one !== undefined && isSame(one, opened))) return true;
    } finally {
      closeQuietly(directory);
    }
  }
  return false;
}

function openDirectory({ fs, layout }: Files, path: string): Handle {
  try {
    return fs.openDirectory(path);
  } catch (error) {
    if (systemCode(error) === "ENOTDIR") throw corrupt(nameOf(layout, path), "it is not a directory");
    throw error;
  }
}

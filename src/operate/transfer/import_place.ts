/**
 * The directory of an import. A store is imported under a temporary name beside its
 * final one, and renamed when it is complete, synced and verified: the runtime's
 * own directory is absent or complete at any moment.
 *
 * The temporary directory is locked while an import works in it. An unlocked one
 * was left by a killed import; the next import of the same runtime removes it.
 *
 * @module
 */
import { basename, dirname, join } from "@std/path";
import { invalidRequest, isRuntimeError } from "../../core/errors.ts";
import type { RuntimeId } from "../../core/ids.ts";
import { makeDirectory } from "../../fs/disk/files.ts";
import { corrupt, guarded, guardedAsync, storeFault, systemCode } from "../../fs/disk/faults.ts";
import type { FileLock, FileSystem } from "../../fs/disk/file_system.ts";
import {
  importDirectory,
  layoutIn,
  type RuntimeLayout,
  runtimeLayout,
  runtimesDirectory,
} from "../../fs/layout.ts";
import { newOwner, takeLock } from "../../fs/place/lock.ts";
import { clearDirectory, removeTree } from "../remove_tree.ts";

/** Names that a killed import may leave in its directory, besides temporary files. */
const WRITTEN: ReadonlySet<string> = new Set([
  "lock",
  "owner.json",
  "config.jsonc",
  "runtime.json",
  "events",
  "workers",
  "overview.json",
  "checkpoint.json",
]);

/** The directory of one import, from its lock to its rename. */
export class ImportPlace {
  readonly #fs: FileSystem;
  readonly #root: string;
  readonly #final: RuntimeLayout;
  /** Directories above it that were missing, the lowest first. */
  readonly #made: readonly string[];
  #lock: FileLock | undefined;
  /** The directory to remove if the import fails. */
  #directory: string | undefined;
  /** Layout of the temporary directory. */
  readonly layout: RuntimeLayout;

  private constructor(fs: FileSystem, root: string, final: RuntimeLayout, made: readonly string[]) {
    this.#fs = fs;
    this.#root = root;
    this.#final = final;
    this.#made = made;
    this.layout = layoutIn(importDirectory(final));
  }

  /**
   * Creates the directory below `root`, or takes over that of a killed import.
   * Throws `invalid_request` if the runtime already exists, `store_locked` if
   * another import of it is running, and `store_corrupt` for a directory with files
   * that no import wrote.
   */
  static async begin(fs: FileSystem, root: string, runtimeId: RuntimeId): Promise<ImportPlace> {
    const final = runtimeLayout(root, runtimeId);
    const place = new ImportPlace(fs, root, final, missingAbove(fs, final.directory));
    place.#assertFree(runtimeId);
    try {
      await guardedAsync("make directory", root, () => fs.ensureDirectory(root));
      await makeDirectory(fs, runtimesDirectory(root));
      await place.#take();
      return place;
    } catch (error) {
      throw place.abandon(error);
    }
  }

  async #take(): Promise<void> {
    const [fs, { directory }] = [this.#fs, this.layout];
    const isNew = guarded("make directory", directory, () => fs.makeDirectory(directory));
    if (!isNew) assertLeftover(fs, directory);
    const owner = newOwner(Date.now);
    try {
      this.#lock = await takeLock({ fs, layout: this.layout }, owner);
      this.#directory = directory;
    } catch (error) {
      const isOurs = isNew && !(isRuntimeError(error) && error.code === "store_locked");
      if (isOurs) this.#directory = directory;
      throw error;
    }
    if (!isNew) guarded("clear", directory, () => clearDirectory(fs, directory, ["lock", "owner.json"]));
    await makeDirectory(fs, this.layout.events, "events");
    await makeDirectory(fs, this.layout.workers, "workers");
  }

  /** Renames the directory to its final name, durably. Its content must be synced. */
  async commit(runtimeId: RuntimeId): Promise<void> {
    const [fs, from, to] = [this.#fs, this.layout.directory, this.#final.directory];
    this.#assertFree(runtimeId);
    await guardedAsync("rename", from, async () => {
      await fs.syncDirectory(from);
      // Windows cannot rename a directory that contains an open file.
      if (!fs.supports.directorySync) this.#lock?.release();
      await fs.rename(from, to);
      this.#directory = to;
      await fs.syncDirectory(runtimesDirectory(this.#root));
    });
    this.#lock?.release();
  }

  /** Removes everything that the import created. Returns the typed error to throw for `error`. */
  abandon(error: unknown): unknown {
    const { directory } = this.layout;
    try {
      if (this.#directory !== undefined) removeTree(this.#fs, this.#directory);
      for (const path of this.#made) this.#fs.removeDirectory(path);
    } catch {
      // Report the original error; the next import removes the rest.
    } finally {
      this.#lock?.release();
    }
    const isFault = systemCode(error) !== "" || error instanceof Error && error.name === "NotCapable";
    return isFault ? storeFault(error, "import into", directory) : error;
  }

  #assertFree(runtimeId: RuntimeId): void {
    const { directory } = this.#final;
    if (guarded("read", directory, () => this.#fs.stat(directory)) === undefined) return;
    const issue = `runtime ${JSON.stringify(runtimeId)} already exists; import into another root`;
    throw invalidRequest(`import into ${JSON.stringify(this.#root)}`, issue);
  }
}

/** The missing directories above a path, the lowest first. */
function missingAbove(fs: FileSystem, path: string): string[] {
  const missing: string[] = [];
  for (let level = dirname(path); isMissing(fs, level); level = dirname(level)) missing.push(level);
  return missing;
}

function isMissing(fs: FileSystem, path: string): boolean {
  try {
    return dirname(path) !== path && fs.stat(path) === undefined;
  } catch {
    // A directory that cannot be read must not be removed either.
    return false;
  }
}

/** Throws `store_corrupt` if a directory contains anything but files of an import. */
function assertLeftover(fs: FileSystem, directory: string): void {
  const file = join(basename(dirname(directory)), basename(directory));
  guarded("read", directory, () => {
    if (fs.stat(directory)?.kind !== "directory") throw corrupt(file, "it is not a directory");
    for (const { name } of fs.list(directory)) {
      if (WRITTEN.has(name) || WRITTEN.has(name.replace(/\.tmp$/, ""))) continue;
      throw corrupt(file, `it holds ${JSON.stringify(name)}, which no import wrote; move it away first`);
    }
  });
}

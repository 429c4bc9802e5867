/**
 * The directory of an import. A store is imported under a temporary name
 * beside its own, and renamed when it is complete, synced and verified: the
 * runtime's own directory is absent or whole at any moment.
 *
 * The temporary directory is locked while an import works in it. One that
 * nobody has locked is the leftover of an import that was killed; the next
 * import of the same runtime clears it.
 *
 * @module
 */
import { basename, dirname, join } from "@std/path";
import { invalidRequest, isRuntimeError } from "../../core/errors.ts";
import type { RuntimeId } from "../../core/ids.ts";
import { makeDirectory } from "../disk.ts";
import { corrupt, guarded, guardedAsync, storeFault, systemCode } from "../faults.ts";
import type { FileLock, FileSystem } from "../file_system.ts";
import { layoutIn, type RuntimeLayout, runtimeLayout, runtimesDirectory } from "../layout.ts";
import { takeLock } from "../lock.ts";
import { importDirectory } from "./import_name.ts";
import { clearDirectory, removeTree } from "./remove_tree.ts";

/** Names that an import leaves in its directory when it is killed, besides temporary files. */
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
  /** The directory to remove when the import fails. */
  #directory: string | undefined;
  /** Where to write. */
  readonly layout: RuntimeLayout;

  private constructor(fs: FileSystem, root: string, final: RuntimeLayout, made: readonly string[]) {
    this.#fs = fs;
    this.#root = root;
    this.#final = final;
    this.#made = made;
    this.layout = layoutIn(importDirectory(final));
  }

  /**
   * Makes the directory below `root`, or takes over the leftover of a killed
   * import. Throws `invalid_request` when the runtime is there already,
   * `store_locked` when it is being imported, and `store_corrupt` for a
   * directory with files that no import wrote.
   */
  static async begin(fs: FileSystem, root: string, runtimeId: RuntimeId): Promise<ImportPlace> {
    const final = runtimeLayout(root, runtimeId);
    const place = new ImportPlace(fs, root, final, missingAbove(fs, final.directory));
    place.#mustBeFree(runtimeId);
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
    if (!isNew) mustBeLeftover(fs, directory);
    const owner = { pid: Deno.pid, openedAt: new Date().toISOString(), instanceId: crypto.randomUUID() };
    try {
      this.#lock = await takeLock(fs, this.layout, owner);
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

  /** Gives the directory its final name, durably. What is in it must be synced. */
  async commit(runtimeId: RuntimeId): Promise<void> {
    const [fs, from, to] = [this.#fs, this.layout.directory, this.#final.directory];
    this.#mustBeFree(runtimeId);
    await guardedAsync("rename", from, async () => {
      await fs.syncDirectory(from);
      // Windows renames no directory in which a file is open.
      if (!fs.supports.directorySync) this.#lock?.release();
      await fs.rename(from, to);
      this.#directory = to;
      await fs.syncDirectory(runtimesDirectory(this.#root));
    });
    this.#lock?.release();
  }

  /** Removes everything that the import made; returns what to throw for `error`, typed. */
  abandon(error: unknown): unknown {
    const { directory } = this.layout;
    try {
      if (this.#directory !== undefined) removeTree(this.#fs, this.#directory);
      for (const path of this.#made) this.#fs.removeDirectory(path);
    } catch {
      // The error that led here is the one to report; the next import clears the rest.
    } finally {
      this.#lock?.release();
    }
    const isFault = systemCode(error) !== "" || error instanceof Error && error.name === "NotCapable";
    return isFault ? storeFault(error, "import into", directory) : error;
  }

  #mustBeFree(runtimeId: RuntimeId): void {
    const { directory } = this.#final;
    if (guarded("read", directory, () => this.#fs.stat(directory)) === undefined) return;
    const issue = `runtime ${JSON.stringify(runtimeId)} is there already; import into another root`;
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
    // It may not be read, so it is not for an import to remove either.
    return false;
  }
}

/** Throws `store_corrupt` unless nothing but files of an import lies in a directory. */
function mustBeLeftover(fs: FileSystem, directory: string): void {
  const file = join(basename(dirname(directory)), basename(directory));
  guarded("read", directory, () => {
    if (fs.stat(directory)?.kind !== "directory") throw corrupt(file, "it is not a directory");
    for (const { name } of fs.list(directory)) {
      if (WRITTEN.has(name) || WRITTEN.has(name.replace(/\.tmp$/, ""))) continue;
      throw corrupt(file, `it holds ${JSON.stringify(name)}, which no import wrote; move it away first`);
    }
  });
}

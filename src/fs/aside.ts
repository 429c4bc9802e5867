/**
 * Moving files aside into `salvage/`. A rename loses nothing and works on a
 * full disk. The store never removes anything from that directory.
 *
 * @module
 */
import { basename, dirname, join } from "@std/path";
import { limitExceeded } from "../core/errors.ts";
import { makeDirectory, replaceFile, type ReplaceOptions, TEMPORARY_SUFFIX } from "./disk/files.ts";
import { guarded, guardedAsync, isExisting } from "./disk/faults.ts";
import type { FileSystem } from "./disk/file_system.ts";
import type { RuntimeLayout } from "./layout.ts";

/** Most files in the directory; beyond that, the operator must move them elsewhere. */
const SALVAGE_FILES_MAX = 256;

/** Moves a file or directory into `salvage/`, durably. Returns its new name. */
export async function moveAside(fs: FileSystem, layout: RuntimeLayout, path: string): Promise<string> {
  const target = await freeInSalvage(fs, layout, basename(path));
  await guardedAsync("move", path, async () => {
    await fs.rename(path, target);
    await fs.syncDirectory(layout.salvage);
    await fs.syncDirectory(dirname(path));
  });
  return basename(target);
}

/** Moves aside anything but a regular file at a path. Returns whether there was anything. */
export async function clearForFile(fs: FileSystem, layout: RuntimeLayout, path: string): Promise<boolean> {
  const kind = guarded("stat", path, () => fs.stat(path)?.kind ?? "file");
  if (kind === "file") return false;
  await moveAside(fs, layout, path);
  return true;
}

/** {@linkcode replaceFile}, after moving aside anything but a regular file at its path or that of its temporary file. */
export async function replaceInStore(
  fs: FileSystem,
  layout: RuntimeLayout,
  path: string,
  chunks: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: ReplaceOptions,
): Promise<number> {
  try {
    return await replaceFile(fs, path, chunks(), options);
  } catch (error) {
    let moved = false;
    for (const place of [path, `${path}${TEMPORARY_SUFFIX}`]) {
      moved = await clearForFile(fs, layout, place) || moved;
    }
    if (!moved) throw error;
    return await replaceFile(fs, path, chunks(), options);
  }
}

/** Returns an unused path in `salvage/`, numbered so that nothing is ever overwritten. */
export async function freeInSalvage(fs: FileSystem, layout: RuntimeLayout, label: string): Promise<string> {
  const directory = layout.salvage;
  try {
    await makeDirectory(fs, directory, "salvage");
  } catch (error) {
    if (!isExisting(error)) throw error;
  }
  const names = guarded("list", directory, () => fs.list(directory)).map(({ name }) => name);
  if (names.length >= SALVAGE_FILES_MAX) {
    const action = `keep ${JSON.stringify(label)} in ${JSON.stringify(directory)}`;
    throw limitExceeded(action, "salvage files", SALVAGE_FILES_MAX, names.length);
  }
  const number = Math.max(0, ...names.map((name) => Number.parseInt(name, 10) || 0)) + 1;
  return join(directory, `${String(number).padStart(6, "0")}-${label}`);
}

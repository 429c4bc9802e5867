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
import type { Files } from "./layout.ts";

/** Most files in the directory; beyond that, the operator must move them elsewhere. */
const SALVAGE_FILES_MAX = 256;

/** Moves a file or directory into `salvage/`, durably. Returns its new name. */
export async function moveAside(place: Files, path: string): Promise<string> {
  const { fs, layout: { salvage } } = place;
  const target = await freeInSalvage(place, basename(path));
  await guardedAsync("move", path, async () => {
    await fs.rename(path, target);
    await fs.syncDirectory(salvage);
    await fs.syncDirectory(dirname(path));
  });
  return basename(target);
}

/** Moves aside anything but a regular file at a path. Returns whether there was anything. */
export async function clearForFile(place: Files, path: string): Promise<boolean> {
  const kind = guarded("stat", path, () => place.fs.stat(path)?.kind ?? "file");
  if (kind === "file") return false;
  await moveAside(place, path);
  return true;
}

/** Makes a directory unless it exists. Anything else at its path is moved aside. */
export async function inPlaceOf(place: Files, directory: string): Promise<void> {
  const kind = guarded("stat", directory, () => place.fs.stat(directory)?.kind);
  if (kind === "directory") return;
  if (kind !== undefined) await moveAside(place, directory);
  guarded("make directory", directory, () => place.fs.makeDirectory(directory));
}

/** {@linkcode replaceFile}, after moving aside anything but a regular file at its path or that of its temporary file. */
export async function replaceInStore(
  place: Files,
  path: string,
  chunks: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: ReplaceOptions,
): Promise<number> {
  try {
    return await replaceFile(place.fs, path, chunks(), options);
  } catch (error) {
    let moved = false;
    for (const name of [path, `${path}${TEMPORARY_SUFFIX}`]) {
      moved = await clearForFile(place, name) || moved;
    }
    if (!moved) throw error;
    return await replaceFile(place.fs, path, chunks(), options);
  }
}

/** Returns an unused path in `salvage/`, numbered so that nothing is ever overwritten. */
export async function freeInSalvage(
  { fs, layout: { salvage: directory } }: Files,
  label: string,
): Promise<string> {
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
  return join(directory, numbered(names, label));
}

/** Returns a label with the number that follows those of the names in its directory. */
export function numbered(names: readonly string[], label: string): string {
  const number = Math.max(0, ...names.map((name) => Number.parseInt(name, 10) || 0)) + 1;
  return `${String(number).padStart(6, "0")}-${label}`;
}

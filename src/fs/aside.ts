/**
 * Moving things aside, into `salvage/`: nothing is written and nothing is
 * lost, also on a full disk. Nothing there is ever removed by the store.
 *
 * @module
 */
import { basename, dirname, join } from "@std/path";
import { limitExceeded } from "../core/errors.ts";
import { makeDirectory, replaceFile, type ReplaceOptions } from "./disk.ts";
import { guarded, guardedAsync, isExisting } from "./faults.ts";
import type { FileSystem } from "./file_system.ts";
import { type RuntimeLayout, TEMPORARY_SUFFIX } from "./layout.ts";

/** Files that the directory may hold; past it, the operator has to move them away. */
const SALVAGE_FILES_MAX = 256;

/** Moves what a path names into `salvage/`, durably; returns its new name. */
export async function moveAside(fs: FileSystem, layout: RuntimeLayout, path: string): Promise<string> {
  const target = await freeInSalvage(fs, layout, basename(path));
  await guardedAsync("move", path, async () => {
    await fs.rename(path, target);
    await fs.syncDirectory(layout.salvage);
    await fs.syncDirectory(dirname(path));
  });
  return basename(target);
}

/** Moves aside what lies in the place of a file and is none. Whether there was something. */
export async function clearForFile(fs: FileSystem, layout: RuntimeLayout, path: string): Promise<boolean> {
  const kind = guarded("stat", path, () => fs.stat(path)?.kind ?? "file");
  if (kind === "file") return false;
  await moveAside(fs, layout, path);
  return true;
}

/** {@linkcode replaceFile}; what is no file, in its place or in that of its temporary file, is moved aside. */
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

/** A path in `salvage/` that is free, numbered so that nothing kept before is ever overwritten. */
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

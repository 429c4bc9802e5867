/**
 * Disk contents as plain data: a map from paths to bytes. Golden files, corruption
 * tests and failure reports use this form.
 *
 * A path ending in `/` is an empty directory, one ending in `@` a symbolic link
 * whose bytes are its target, one ending in `|` a special file. Directories that
 * are not empty are not listed. Modes are not kept.
 *
 * @module
 */
import { DirectoryImage, FileImage, type Image, LinkImage, SpecialImage } from "./image.ts";
import { partsOf } from "./path.ts";

/** Paths and their contents. */
export type DiskTree = ReadonlyMap<string, Uint8Array>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Lists everything below the directory. */
export function toTree(image: DirectoryImage): Map<string, Uint8Array<ArrayBuffer>> {
  const tree = new Map<string, Uint8Array<ArrayBuffer>>();
  list(image, "", tree);
  return tree;
}

function list(image: DirectoryImage, path: string, tree: Map<string, Uint8Array<ArrayBuffer>>): void {
  if (image.entries.size === 0 && path !== "") tree.set(`${path}/`, new Uint8Array());
  for (const [name, entry] of [...image.entries].sort(([a], [b]) => a < b ? -1 : 1)) {
    const inner = `${path}/${name}`;
    if (entry.kind === "directory") list(entry, inner, tree);
    else if (entry.kind === "file") tree.set(inner, entry.bytes());
    else if (entry.kind === "other") tree.set(`${inner}|`, new Uint8Array());
    else tree.set(`${inner}@`, encoder.encode(entry.target));
  }
}

/** Builds the directory with all of it, everything being on the medium. */
export function fromTree(tree: DiskTree): DirectoryImage {
  const root = new Map<string, Image>();
  for (const [path, bytes] of tree) {
    const directory = path.endsWith("/");
    const parts = partsOf(/[@|]$/.test(path) ? path.slice(0, -1) : path);
    const entries = directoryAt(root, directory ? parts : parts.slice(0, -1));
    const name = parts.at(-1);
    if (directory || name === undefined) continue;
    entries.set(name, imageOf(path, bytes));
  }
  return new DirectoryImage(root);
}

function imageOf(path: string, bytes: Uint8Array): Image {
  if (path.endsWith("|")) return new SpecialImage();
  return path.endsWith("@") ? new LinkImage(decoder.decode(bytes)) : FileImage.of(bytes);
}

function directoryAt(root: Map<string, Image>, parts: readonly string[]): Map<string, Image> {
  let entries = root;
  for (const name of parts) {
    const known = entries.get(name);
    if (known !== undefined && known.kind !== "directory") {
      throw new TypeError(`Cannot load tree: ${JSON.stringify(name)} is both a file and a directory`);
    }
    // The maps of a tree that is being built are not shared yet, so they may still grow.
    const inner = (known?.entries ?? new Map<string, Image>()) as Map<string, Image>;
    if (known === undefined) entries.set(name, new DirectoryImage(inner));
    entries = inner;
  }
  return entries;
}

/**
 * Applies a mutation to a file of a base store.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { SimulatedDisk } from "../../disk/mod.ts";
import type { BaseStore } from "../kit/base_store.ts";
import { HOME } from "../../kit/opened.ts";
import { mutated, type Mutation } from "./mutations.ts";

/** The files that are damaged: all files of the store except the empty lock. */
export function filesOf(base: BaseStore): Map<string, Uint8Array<ArrayBuffer>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [path, bytes] of new SimulatedDisk({ contents: base.image }).dump()) {
    if (bytes.length > 0) files.set(path.slice(HOME.length + 1), bytes);
  }
  return files;
}

/** The kind of a file, by which results are grouped. */
export function kindOf(file: string, files: ReadonlyMap<string, Uint8Array>): string {
  if (file.includes("/blobs/")) return "blob";
  if (!file.startsWith("events/")) return file.split("/").at(-1) ?? file;
  const last = [...files.keys()].filter((name) => name.startsWith("events/")).sort().at(-1);
  return file === last ? "last segment" : "closed segment";
}

/** A disk with the damaged store; `undefined` if the mutation does not apply to this file. */
export function damagedDisk(
  base: BaseStore,
  files: ReadonlyMap<string, Uint8Array>,
  file: string,
  mutation: Mutation,
): SimulatedDisk | undefined {
  const disk = new SimulatedDisk({ contents: base.image });
  const path = `${HOME}/${file}`;
  const bytes = files.get(file);
  if (bytes === undefined) return undefined;
  switch (mutation) {
    case "absent":
      disk.plant.nothing(path);
      return disk;
    case "directory":
      disk.plant.directory(path);
      return disk;
    case "link":
      // The whole file still exists, at another path.
      disk.plant.file("/elsewhere/file", bytes);
      disk.plant.link(path, "/elsewhere/file");
      return disk;
    case "denied":
      disk.plant.mode(path, 0);
      return disk;
    case "older":
      return replaced(disk, path, base.older.get(path), bytes);
    case "neighbour":
      return replaced(disk, path, neighbour(files, file), bytes);
  }
  return replaced(disk, path, mutated(bytes, mutation), bytes);
}

function replaced(
  disk: SimulatedDisk,
  path: string,
  bytes: Uint8Array | undefined,
  before: Uint8Array,
): SimulatedDisk | undefined {
  if (bytes === undefined || equalBytes(bytes, before)) return undefined;
  disk.plant.file(path, bytes);
  return disk;
}

/** Another file of the same kind. */
function neighbour(files: ReadonlyMap<string, Uint8Array>, file: string): Uint8Array | undefined {
  const names = [...files.keys()];
  const alike = names.filter((name) => alikeName(name) === alikeName(file)).sort();
  return files.get(alike[(alike.indexOf(file) + 1) % alike.length] ?? file);
}

function alikeName(name: string): string {
  return name.startsWith("events/")
    ? "events"
    : name.startsWith("checkpoint")
    ? "checkpoint"
    : name.includes("/blobs/")
    ? "blobs"
    : name.split("/").at(-1) ?? name;
}

/** Returns true if two files have the same content. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/**
 * The operations on names, each of which changes the page cache and leaves an
 * entry in the journal. The order of the checks is that of Linux.
 *
 * @module
 */
import { codeOf, diskError } from "./errors.ts";
import { FileNode } from "./file_node.ts";
import { FileImage } from "./image.ts";
import { locate, MAY_WRITE, type Place, require } from "./lookup.ts";
import type { Machine } from "./machine.ts";
import { DirectoryNode } from "./nodes.ts";
import { partsOf } from "./path.ts";

/** Makes an empty file at a free place. */
export function createFile(
  machine: Machine,
  { directory, name }: Place,
  path: string,
  operation: "open" | "lock",
): FileNode {
  require(directory, MAY_WRITE, operation, path);
  if (!machine.hasRoomForName()) throw diskError("ENOSPC", operation, path);
  const file = new FileNode(new FileImage([], 0));
  machine.change([{ directory, name, before: undefined, after: file }]);
  return file;
}

/** Makes a directory; `false` when the name exists. */
export function makeDirectory(
  machine: Machine,
  path: string,
  operation: "makeDirectory" | "ensureDirectory" = "makeDirectory",
): boolean {
  const { directory, name, node } = locate(machine, path, { operation });
  if (node !== undefined) return false;
  require(directory, MAY_WRITE, operation, path);
  if (!machine.hasRoomForName()) throw diskError("ENOSPC", operation, path);
  const made = new DirectoryNode();
  made.madeIn = directory;
  made.madeBy = machine.change([{ directory, name, before: undefined, after: made }]);
  return true;
}

/** Makes a directory and those above it, as far as they are missing; returns those in which a name was made. */
export function ensureDirectory(machine: Machine, path: string): string[] {
  const parts = partsOf(path);
  const changed: string[] = [];
  for (let depth = 1; depth <= parts.length; depth++) {
    const prefix = `/${parts.slice(0, depth).join("/")}`;
    if (makeDirectory(machine, prefix, "ensureDirectory")) {
      changed.push(`/${parts.slice(0, depth - 1).join("/")}`);
      continue;
    }
    const { node } = locate(machine, prefix, { operation: "ensureDirectory", follow: true });
    if (node === undefined) throw diskError("ENOENT", "ensureDirectory", path);
    if (node.kind === "directory") continue;
    if (depth < parts.length) throw diskError("ENOTDIR", "ensureDirectory", path);
    throw new Error(`Failed to ensure directory exists: expected 'dir', got '${node.kind}'`);
  }
  return changed;
}

/** Removes a name that is no directory, or an empty one (Deno's `unlink` does so); `false` when absent. */
export function remove(machine: Machine, path: string): boolean {
  return removeAt(machine, path, "remove");
}

/** Removes an empty directory; `false` when absent. */
export function removeDirectory(machine: Machine, path: string): boolean {
  return removeAt(machine, path, "removeDirectory");
}

function removeAt(machine: Machine, path: string, operation: "remove" | "removeDirectory"): boolean {
  const place = orAbsent(() => locate(machine, path, { operation }));
  if (place?.node === undefined) return false;
  const { directory, name, node } = place;
  require(directory, MAY_WRITE, operation, path);
  if (operation === "removeDirectory" && node.kind !== "directory") {
    throw diskError("ENOTDIR", operation, path);
  }
  if (name === "") throw diskError("EBUSY", operation, path);
  if (node.kind === "directory" && node.entries.size > 0) throw diskError("ENOTEMPTY", operation, path);
  machine.change([{ directory, name, before: node, after: undefined }]);
  return true;
}

/** Renames, replacing what has the new name. */
export function rename(machine: Machine, fromPath: string, toPath: string): void {
  const path = `${fromPath}' -> '${toPath}`;
  const from = locate(machine, fromPath, { operation: "rename" });
  const to = locate(machine, toPath, { operation: "rename" });
  if (from.node === undefined) throw diskError("ENOENT", "rename", path);
  if (from.name === "" || to.name === "") throw diskError("EBUSY", "rename", path);
  if (from.node === to.node) return;
  if (from.node.kind === "directory" && to.passed.includes(from.node)) {
    throw diskError("EINVAL", "rename", path);
  }
  if (to.node?.kind === "directory" && from.passed.includes(to.node)) {
    throw diskError("ENOTEMPTY", "rename", path);
  }
  require(from.directory, MAY_WRITE, "rename", path);
  require(to.directory, MAY_WRITE, "rename", path);
  refuseReplacing(from, to, path);
  machine.change([
    { directory: from.directory, name: from.name, before: from.node, after: undefined },
    { directory: to.directory, name: to.name, before: to.node, after: from.node },
  ]);
}

function refuseReplacing(from: Place, to: Place, path: string): void {
  if (to.node === undefined) return;
  const [moved, replaced] = [from.node?.kind === "directory", to.node.kind === "directory"];
  if (moved && !replaced) throw diskError("ENOTDIR", "rename", path);
  if (!moved && replaced) throw diskError("EISDIR", "rename", path);
  if (to.node.kind === "directory" && to.node.entries.size > 0) throw diskError("ENOTEMPTY", "rename", path);
}

/** The result, or `undefined` where the name or a directory above it is absent. */
export function orAbsent<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

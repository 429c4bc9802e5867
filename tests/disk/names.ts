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

/** The lowest directory of a path that is there, and those below it that are missing, from above. */
export function levelsOf(machine: Machine, path: string): { there: string; missing: string[] } {
  const operation = "ensureDirectory";
  const parts = partsOf(path);
  const levels = parts.map((_part, index) => `/${parts.slice(0, index + 1).join("/")}`);
  for (const [index, level] of levels.entries()) {
    const { node } = locate(machine, level, { operation });
    if (node === undefined) return { there: levels[index - 1] ?? "/", missing: levels.slice(index) };
    const target = locate(machine, level, { operation, follow: true }).node;
    if (target === undefined) throw diskError("ENOENT", operation, path);
    if (target.kind === "directory") continue;
    if (level !== levels.at(-1)) throw diskError("ENOTDIR", operation, path);
    throw new Error(`Failed to ensure directory exists: expected 'dir', got '${target.kind}'`);
  }
  return { there: path, missing: [] };
}

/** Removes a name that is not a directory, or an empty directory (like Deno's `unlink`); `false` if absent. */
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

/** Renames, replacing the target. */
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

/** Returns the result, or `undefined` if the name or a directory above it is absent. */
export function orAbsent<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Name lookup: through directories and symbolic links, with the errors and the
 * permission checks of a POSIX system. The user is the owner of all files.
 *
 * @module
 */
import type { DiskOperation } from "./calls.ts";
import { diskError } from "./errors.ts";
import type { Machine } from "./machine.ts";
import type { DirectoryNode, Node } from "./nodes.ts";
import { linkTarget, partsOf } from "./path.ts";

const LINKS_MAX = 40;
/** Bytes of a name, and of a path without its end. */
const NAME_MAX = 255;
const PATH_MAX = 4_095;
const encoder = new TextEncoder();

/** Owner permission bits. */
export const MAY_READ = 0o400;
/** Owner permission to write a file, or to change the names in a directory. */
export const MAY_WRITE = 0o200;
/** Owner permission to pass through a directory. */
export const MAY_SEARCH = 0o100;

/** Target of a path. */
export interface Place {
  /** The directory that holds the name. */
  readonly directory: DirectoryNode;
  readonly name: string;
  /** The node at the name; `undefined` for a free name. */
  readonly node: Node | undefined;
  /** All directories on the path, from the root. */
  readonly passed: readonly DirectoryNode[];
}

/** Purpose of a lookup, for its errors. */
export interface Purpose {
  readonly operation: DiskOperation;
  /** Follow a link at the end of the path. */
  readonly follow?: boolean;
}

/** Resolves a path. Throws ENOENT, ENOTDIR, ELOOP or EACCES. */
export function locate(machine: Machine, path: string, purpose: Purpose): Place {
  const fail = (code: "ENOENT" | "ENOTDIR" | "ELOOP" | "ENAMETOOLONG") =>
    diskError(code, purpose.operation, path);
  if (isLonger(path, PATH_MAX)) throw fail("ENAMETOOLONG");
  let parts = partsOf(path);
  let passed: DirectoryNode[] = [];
  let directory = machine.root;
  let links = 0;
  for (let depth = 0; depth < parts.length; depth++) {
    require(directory, MAY_SEARCH, purpose.operation, path);
    passed.push(directory);
    const name = parts[depth] ?? "";
    if (isLonger(name, NAME_MAX)) throw fail("ENAMETOOLONG");
    const node = directory.entries.get(name);
    const last = depth === parts.length - 1;
    if (last && !(node?.kind === "link" && purpose.follow)) return { directory, name, node, passed };
    if (node === undefined) throw fail("ENOENT");
    if (node.kind === "file" || node.kind === "other") throw fail("ENOTDIR");
    if (node.kind === "directory") {
      directory = node;
      continue;
    }
    if (++links > LINKS_MAX) throw fail("ELOOP");
    parts = [...linkTarget(parts.slice(0, depth + 1), node.image.target), ...parts.slice(depth + 1)];
    [depth, directory, passed] = [-1, machine.root, []];
  }
  return { directory, name: "", node: directory, passed };
}

function isLonger(text: string, bytesMax: number): boolean {
  return text.length * 3 > bytesMax && encoder.encode(text).length > bytesMax;
}

/** Throws EACCES unless the node has the permission. */
export function require(
  node: { readonly mode: number },
  permission: number,
  operation: DiskOperation,
  path: string,
): void {
  if ((node.mode & permission) !== permission) throw diskError("EACCES", operation, path);
}

/** The directory at a path. Throws ENOENT, ENOTDIR, ELOOP or EACCES. */
export function directoryAt(machine: Machine, path: string, operation: DiskOperation): DirectoryNode {
  const { node } = locate(machine, path, { operation, follow: true });
  if (node === undefined) throw diskError("ENOENT", operation, path);
  if (node.kind !== "directory") throw diskError("ENOTDIR", operation, path);
  return node;
}

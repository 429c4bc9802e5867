/**
 * Another process that moves, copies, links, restores and removes files and whole
 * trees while their owner is working. It takes no locks, and the hooks of the owner
 * do not see its calls.
 *
 * A tree appears at its path in one step, so that a test can choose between which
 * two calls of the owner it happens.
 *
 * @module
 */
import { codeOf } from "./errors.ts";
import { FileNode } from "./file_node.ts";
import { type Image, LinkImage } from "./image.ts";
import { locate } from "./lookup.ts";
import type { Machine } from "./machine.ts";
import { orAbsent, remove, rename } from "./names.ts";
import { DirectoryNode, LinkNode, type Node, nodeOf, SpecialNode, viewOf } from "./nodes.ts";

/** The operations of a foreign process. */
export class Intruder {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** The file or directory at the path, with all below it; `undefined` if there is none. */
  view(path: string): Image | undefined {
    const node = this.#find(path);
    return node && viewOf(node);
  }

  /** Renames a file or directory: `mv`. */
  move(from: string, to: string): void {
    rename(this.#machine, from, to);
  }

  /** Exchanges two names. */
  swap(one: string, other: string): void {
    const between = `${one}.swapped`;
    rename(this.#machine, one, between);
    rename(this.#machine, other, one);
    rename(this.#machine, between, other);
  }

  /** Copies a file or directory to a free name: `cp -a`. */
  copy(from: string, to: string): void {
    this.#add(to, copyOf(this.#existing(from), (file) => new FileNode(file.view())));
  }

  /** Puts an older state of a file or directory at a free name. */
  put(path: string, image: Image): void {
    this.#add(path, nodeOf(image));
  }

  /** Makes hard links of a file, or of all files of a directory, at a free name: `cp -al`. */
  link(from: string, to: string): void {
    this.#add(to, copyOf(this.#existing(from), linked));
  }

  /** Makes a symbolic link at a free name: `ln -s`. */
  symlink(target: string, path: string): void {
    this.#add(path, new LinkNode(new LinkImage(target)));
  }

  /** Removes a file, or a directory with all below it: `rm -rf`. */
  remove(path: string): void {
    const node = this.#find(path);
    if (node?.kind === "directory") {
      for (const name of [...node.entries.keys()]) this.remove(`${path}/${name}`);
    }
    remove(this.#machine, path);
  }

  #add(path: string, node: Node): void {
    const { directory, name, node: existing } = locate(this.#machine, path, { operation: "rename" });
    if (existing !== undefined) throw new TypeError(`Cannot add ${path}: the name is taken`);
    const operation = this.#machine.change([{ directory, name, before: undefined, after: node }]);
    if (node.kind !== "directory") return;
    node.madeIn = directory;
    node.madeBy = operation;
  }

  #existing(path: string): Node {
    const node = this.#find(path);
    if (node === undefined) throw new TypeError(`Cannot copy ${path}: it does not exist`);
    return node;
  }

  /** The node at a path; `undefined` also if a part of the path is not a directory. */
  #find(path: string): Node | undefined {
    try {
      return orAbsent(() => locate(this.#machine, path, { operation: "stat" }))?.node;
    } catch (error) {
      if (codeOf(error) === "ENOTDIR") return undefined;
      throw error;
    }
  }
}

/** Copies the directories with their times, like `cp -a`, with the results of `fileOf` for the files in them. */
function copyOf(node: Node, fileOf: (file: FileNode) => FileNode): Node {
  if (node.kind === "link") return new LinkNode(node.image);
  if (node.kind === "file") return fileOf(node);
  if (node.kind === "other") return new SpecialNode();
  const copy = new DirectoryNode();
  for (const [name, inner] of node.entries) copy.entries.set(name, copyOf(inner, fileOf));
  copy.mode = node.mode;
  copy.changedAt = node.changedAt;
  return copy;
}

function linked(file: FileNode): FileNode {
  file.links++;
  return file;
}

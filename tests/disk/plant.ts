/**
 * Direct changes of the medium by tests: files, links and permissions that no
 * process writes, immediately certain, seen by no hook.
 *
 * @module
 */
import { FileNode } from "./file_node.ts";
import { FileImage, LinkImage } from "./image.ts";
import { locate, type Place } from "./lookup.ts";
import type { Machine } from "./machine.ts";
import { DirectoryNode, LinkNode, type Node, SpecialNode } from "./nodes.ts";
import { partsOf } from "./path.ts";

/** Changes a medium from outside. */
export class Planter {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Plants a file and the directories above it, replacing an existing one: a new file, not a change. */
  file(path: string, bytes: Uint8Array): void {
    this.#put(path, new FileNode(FileImage.of(bytes)));
  }

  /** Plants an empty directory and those above it. */
  directory(path: string): void {
    this.#put(path, new DirectoryNode());
  }

  /** Plants a symbolic link. */
  link(path: string, target: string): void {
    this.#put(path, new LinkNode(new LinkImage(target)));
  }

  /** Plants a special file: a FIFO, socket or device. */
  special(path: string): void {
    this.#put(path, new SpecialNode());
  }

  /** Removes a name, with everything below it. */
  nothing(path: string): void {
    const { directory, name, node } = this.#place(path);
    if (node !== undefined) this.#machine.unlink(node);
    this.#settle(directory);
    directory.entries.delete(name);
  }

  /** Sets the permission bits of the owner: `0o000` denies everything, `0o500` writes only. */
  mode(path: string, mode: number): void {
    const { node } = this.#place(path);
    if (node === undefined || node.kind === "link" || node.kind === "other") {
      throw new TypeError(`Cannot set mode: no file at ${path}`);
    }
    node.mode = mode;
  }

  #put(path: string, node: Node): void {
    const parents = partsOf(path).slice(0, -1);
    for (let depth = 1; depth <= parents.length; depth++) {
      const place = this.#place(`/${parents.slice(0, depth).join("/")}`);
      if (place.node === undefined) this.#set(place, new DirectoryNode());
    }
    this.#set(this.#place(path), node);
  }

  #set({ directory, name, node: replaced }: Place, node: Node): void {
    if (replaced !== undefined) this.#machine.unlink(replaced);
    this.#settle(directory);
    directory.entries.set(name, node);
  }

  /** A planted name must not be undone with an earlier operation. */
  #settle(directory: DirectoryNode): void {
    this.#machine.journal.commit(this.#machine.sequence, directory);
    directory.changedAt = this.#machine.nextSequence();
  }

  #place(path: string): Place {
    return locate(this.#machine, path, { operation: "stat" });
  }
}

/**
 * Inode numbers. As on real disks, the number of a removed file is reused for the
 * next new one, unless a handle is still open.
 *
 * @module
 */
import type { Node } from "./nodes.ts";

/** The inode numbers of a machine. */
export class InodeNumbers {
  readonly #numbers = new Map<Node, number>();
  readonly #free: number[] = [];
  readonly #isOpen: (node: Node) => boolean;
  #last = 1;

  /** Starts without numbers in use; `isOpen` returns true if a node has an open handle. */
  constructor(isOpen: (node: Node) => boolean) {
    this.#isOpen = isOpen;
  }

  /** The number of a node. */
  of(node: Node): number {
    let number = this.#numbers.get(node);
    if (number === undefined) this.#numbers.set(node, number = this.#free.pop() ?? ++this.#last);
    return number;
  }

  /** Frees the number of a node that no longer has a name. */
  release(node: Node): void {
    const number = this.#numbers.get(node);
    if (number === undefined || this.#isOpen(node)) return;
    this.#numbers.delete(node);
    this.#free.push(number);
  }
}

/**
 * Nodes: targets of names while the machine runs. A directory made from an image
 * turns its entries into nodes only when it is read, so that an unused disk costs
 * nothing.
 *
 * @module
 */
import { FileNode } from "./file_node.ts";
import { DIRECTORY_MODE, DirectoryImage, type Image, type LinkImage, SpecialImage } from "./image.ts";
import type { DirectoryOperation } from "./journal.ts";

/** Anything that a name can refer to. */
export type Node = FileNode | LinkNode | SpecialNode | DirectoryNode;

/** A symbolic link. */
export class LinkNode {
  readonly kind = "link";
  readonly image: LinkImage;

  constructor(image: LinkImage) {
    this.image = image;
  }
}

/** A FIFO, socket or device. */
export class SpecialNode {
  readonly kind = "other";
  readonly image: SpecialImage = new SpecialImage();
}

/** A directory in the page cache. */
export class DirectoryNode {
  readonly kind = "directory";
  /** Number of the last change of its names. */
  changedAt = 0;
  /** The operation that made it, while that may still be undone. */
  madeBy: DirectoryOperation | undefined;
  /** The directory in which it was made, since the machine started. */
  madeIn: DirectoryNode | undefined;
  #mode: number;
  #image: DirectoryImage | undefined;
  #entries: Map<string, Node> | undefined;

  constructor(image: DirectoryImage = new DirectoryImage(new Map(), DIRECTORY_MODE)) {
    this.#image = image;
    this.#mode = image.mode;
  }

  get mode(): number {
    return this.#mode;
  }

  set mode(mode: number) {
    this.#entries = this.entries;
    this.#mode = mode;
  }

  /** The image that it was made of, if it was not read since. */
  get untouched(): DirectoryImage | undefined {
    return this.#image;
  }

  /** The names, free to change. */
  get entries(): Map<string, Node> {
    if (this.#entries !== undefined) return this.#entries;
    const entries = new Map<string, Node>();
    for (const [name, image] of this.#image?.entries ?? []) entries.set(name, nodeOf(image));
    this.#image = undefined;
    return this.#entries = entries;
  }
}

/** Creates a node for an image. */
export function nodeOf(image: Image): Node {
  if (image.kind === "file") return new FileNode(image);
  if (image.kind === "other") return new SpecialNode();
  return image.kind === "link" ? new LinkNode(image) : new DirectoryNode(image);
}

/** Returns the image of a node in the page cache. */
export function viewOf(node: Node): Image {
  if (node.kind === "file") return node.view();
  if (node.kind === "link" || node.kind === "other") return node.image;
  return viewOfDirectory(node);
}

/** Returns the image of a directory and everything below it in the page cache. */
export function viewOfDirectory(node: DirectoryNode): DirectoryImage {
  if (node.untouched !== undefined) return node.untouched;
  return new DirectoryImage(
    new Map([...node.entries].map(([name, inner]) => [name, viewOf(inner)])),
    node.mode,
  );
}

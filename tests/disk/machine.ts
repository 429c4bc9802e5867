/**
 * The machine of a disk: the page cache and the medium, which processes share, and
 * the power, which they lose together.
 *
 * @module
 */
import type { FileNode } from "./file_node.ts";
import { DirectoryImage, type Image } from "./image.ts";
import { type DirectoryOperation, Journal, type NameChange } from "./journal.ts";
import { DirectoryNode, type Node, viewOfDirectory } from "./nodes.ts";
import { InodeNumbers } from "./inode_numbers.ts";
import type { DiskProcess } from "./process.ts";
import { type Sector, SECTOR_BYTES, sectorCount } from "./sector.ts";

/** Settings that outlive a power cut. */
export interface Hardware {
  /** Bytes that fit: whole sectors of files, and one sector for each name. */
  capacityBytes: number;
  /** True if directories can be synced; if not, a file sync makes all earlier names certain, as on NTFS. */
  readonly directorySync: boolean;
}

/** A running machine. */
export class Machine {
  readonly root: DirectoryNode;
  readonly journal: Journal = new Journal();
  readonly hardware: Hardware;
  /** Process that holds the lock on a file. */
  readonly locks: Map<FileNode, DiskProcess> = new Map();
  readonly processes: Set<DiskProcess> = new Set();
  readonly inodes: InodeNumbers = new InodeNumbers((node) => this.isOpen(node));
  powered = true;
  /** Former content of the last removed or truncated file: newly allocated space may contain it. */
  stale: readonly Sector[] = [];
  #sequence: number;

  constructor(hardware: Hardware, root: DirectoryNode = new DirectoryNode(), sequence = 0) {
    this.hardware = hardware;
    this.root = root;
    this.#sequence = sequence;
  }

  /** The number of the last change. */
  get sequence(): number {
    return this.#sequence;
  }

  /** A number for a change, above all before. */
  nextSequence(): number {
    return ++this.#sequence;
  }

  /** Changes names in the page cache, to be made certain by a directory sync. */
  change(changes: readonly NameChange[]): DirectoryOperation {
    for (const { directory, name, after } of changes) {
      if (after === undefined) directory.entries.delete(name);
      else directory.entries.set(name, after);
    }
    for (const { before } of changes) {
      if (before === undefined || changes.some((change) => change.after === before)) continue;
      this.unlink(before);
      if (before.kind === "file" && before.links === 0) this.discard(before.cache);
    }
    const sequence = this.nextSequence();
    for (const { directory } of changes) directory.changedAt = sequence;
    return this.journal.record(sequence, changes);
  }

  /** Takes a name from the node, and with a directory all names below it. */
  unlink(node: Node): void {
    if (node.kind === "directory" && node.untouched === undefined) {
      for (const inner of node.entries.values()) this.unlink(inner);
    }
    if (node.kind === "file" && --node.links > 0) return;
    this.inodes.release(node);
  }

  /** True if a process has a handle to the node. */
  isOpen(node: Node): boolean {
    return [...this.processes].some(({ handles }) => [...handles].some((handle) => handle.node === node));
  }

  /** Records bytes whose space is free for other files. */
  discard(sectors: readonly Sector[]): void {
    if (sectors.length > 0) this.stale = sectors.slice();
  }

  /** A sync of a file succeeded; it began at `sequence`. */
  commitFile(file: FileNode, sequence: number): void {
    file.commit(sequence);
    if (!this.hardware.directorySync) this.journal.commit(sequence);
  }

  /** Bytes in use. */
  usedBytes(): number {
    const removed = new Set<FileNode>();
    for (const process of this.processes) {
      for (const node of process.openFiles()) {
        if (node.links === 0) removed.add(node);
      }
    }
    const held = [...removed].reduce((sum, node) => sum + node.cache.length, 0);
    return (sectorsIn(viewOfDirectory(this.root)) + held) * SECTOR_BYTES;
  }

  /** Returns true if there is space for a new name. */
  hasRoomForName(): boolean {
    return this.hardware.capacityBytes === Infinity ||
      this.usedBytes() + SECTOR_BYTES <= this.hardware.capacityBytes;
  }

  /** Returns the largest possible size of this file, at most `size`. */
  sizeThatFits(file: FileNode, size: number): number {
    if (this.hardware.capacityBytes === Infinity || sectorCount(size) <= file.cache.length) return size;
    const freeSectors = Math.floor((this.hardware.capacityBytes - this.usedBytes()) / SECTOR_BYTES);
    return Math.min(size, (file.cache.length + Math.max(0, freeSectors)) * SECTOR_BYTES);
  }
}

function sectorsIn(image: Image): number {
  if (image.kind === "file") return 1 + image.sectors.length;
  if (!(image instanceof DirectoryImage)) return 1;
  return [...image.entries.values()].reduce((sum, entry) => sum + sectorsIn(entry), 1);
}

/**
 * An open file of the simulated disk.
 *
 * @module
 */
import type {
  FileIdentity,
  FileLock,
  FileStat,
  Handle,
  OpenFile,
  OpenMode,
} from "../../src/fs/disk/file_system.ts";
import type { CallDetail, DiskOperation } from "./calls.ts";
import { diskError } from "./errors.ts";
import type { Fault } from "./faults.ts";
import type { FileNode } from "./file_node.ts";
import type { Machine } from "./machine.ts";
import type { DirectoryNode, Node } from "./nodes.ts";
import type { DiskProcess } from "./process.ts";
import { sectorCount } from "./sector.ts";

/** Returns the status of a node. */
export function statOf(node: Node): FileStat {
  if (node.kind === "file") return { kind: "file", size: node.size, links: node.links };
  if (node.kind === "link") return { kind: "link", size: node.image.target.length, links: 1 };
  if (node.kind === "other") return { kind: "other", size: 0, links: 1 };
  return { kind: "directory", size: 4096, links: 2 };
}

/** Number of changes with the same time. */
const CLOCK_STEP = 4;

/** Identity of a node. */
export function identityOf(machine: Machine, node: Node): FileIdentity {
  const { kind } = node;
  const changedAt = node.kind === "directory" ? node.changedAt : machine.sequence;
  const changedMs = changedAt - changedAt % CLOCK_STEP;
  const isFresh = machine.sequence - changedMs < CLOCK_STEP;
  return {
    kind,
    device: 1,
    inode: machine.inodes.of(node),
    modifiedMs: isFresh ? NaN : changedMs,
    changedMs,
  };
}

/** An open file, or a directory opened to read. */
export class SimulatedFile implements OpenFile {
  readonly node: Node;
  readonly #process: DiskProcess;
  readonly #path: string;
  readonly #mode: OpenMode;

  constructor(process: DiskProcess, node: Node, path: string, mode: OpenMode) {
    this.node = node;
    this.#process = process;
    this.#path = path;
    this.#mode = mode;
    process.handles.add(this);
  }

  read(target: Uint8Array, position: number): number {
    return this.#run({ ...this.#call("read"), position, length: target.length }, (fault) => {
      const file = this.#file("read", "EISDIR");
      return file.read(target.subarray(0, allowed(target.length, fault)), position);
    });
  }

  write(bytes: Uint8Array, position: number): number {
    return this.#run({ ...this.#call("write"), position, length: bytes.length }, (fault) => {
      const file = this.#writable("write", "EBADF");
      const { machine } = this.#process;
      const wanted = allowed(bytes.length, fault);
      const length = Math.min(wanted, machine.sizeThatFits(file, position + wanted) - position);
      if (length <= 0 && wanted > 0) throw diskError("ENOSPC", "write", this.#path);
      file.write(bytes.subarray(0, length), position, machine.nextSequence());
      return length;
    });
  }

  truncate(size: number): void {
    this.#run({ ...this.#call("truncate"), position: size }, () => {
      const file = this.#writable("truncate", "EINVAL");
      const { machine } = this.#process;
      if (machine.sizeThatFits(file, size) < size) throw diskError("ENOSPC", "truncate", this.#path);
      if (sectorCount(size) < file.cache.length) machine.discard(file.cache);
      file.truncate(size, machine.nextSequence());
    });
  }

  size(): number {
    return this.#run(this.#call("fileStat"), () => statOf(this.node).size);
  }

  stat(): FileStat {
    return this.#run(this.#call("fileStat"), () => statOf(this.node));
  }

  identity(): FileIdentity {
    return this.#run(this.#call("handleIdentity"), () => identityOf(this.#process.machine, this.node));
  }

  syncDataNow(): void {
    const began = this.#process.machine.sequence;
    this.#run(this.#call("syncDataNow"), () => this.#commit(began), () => this.#lose(began));
  }

  syncData(): Promise<void> {
    return this.#syncLater("syncData");
  }

  sync(): Promise<void> {
    return this.#syncLater("sync");
  }

  close(): void {
    // Linux closes the file even if close fails.
    const forget = () => void this.#process.handles.delete(this);
    this.#run(this.#call("close"), forget, forget);
  }

  async #syncLater(operation: "syncData" | "sync"): Promise<void> {
    // Data written while the sync is in progress need not be on the medium when it is done.
    const began = this.#process.machine.sequence;
    const call = this.#call(operation);
    this.#requireOpen(call);
    await this.#process.runLater(call, () => this.#commit(began), () => this.#lose(began));
  }

  #commit(began: number): void {
    const { machine } = this.#process;
    if (this.node.kind === "file") machine.commitFile(this.node, began);
    else if (this.node.kind === "directory") machine.journal.commit(began, this.node);
  }

  #lose(began: number): void {
    if (this.node.kind === "file") this.node.lose(began);
  }

  #run<T>(call: CallDetail, effect: (fault?: Fault) => T, whenFailed?: () => void): T {
    this.#requireOpen(call);
    return this.#process.run(call, effect, whenFailed);
  }

  #requireOpen({ operation }: CallDetail): void {
    if (this.#process.alive && !this.#process.handles.has(this)) {
      throw diskError("EBADF", operation, this.#path);
    }
  }

  #call(operation: DiskOperation): CallDetail {
    return { operation, path: this.#path };
  }

  #file(operation: DiskOperation, code: "EISDIR" | "EBADF" | "EINVAL"): FileNode {
    if (this.node.kind === "file") return this.node;
    throw diskError(code, operation, this.#path);
  }

  #writable(operation: DiskOperation, code: "EBADF" | "EINVAL"): FileNode {
    if (this.#mode === "read") throw diskError(code, operation, this.#path);
    return this.#file(operation, code);
  }
}

/** An open directory. */
export class SimulatedDirectory implements Handle {
  readonly node: DirectoryNode;
  readonly #process: DiskProcess;
  readonly #path: string;

  constructor(process: DiskProcess, node: DirectoryNode, path: string) {
    this.node = node;
    this.#process = process;
    this.#path = path;
    process.handles.add(this);
  }

  identity(): FileIdentity {
    this.#requireOpen("handleIdentity");
    const call: CallDetail = { operation: "handleIdentity", path: this.#path };
    return this.#process.run(call, () => identityOf(this.#process.machine, this.node));
  }

  close(): void {
    this.#requireOpen("close");
    const forget = () => void this.#process.handles.delete(this);
    this.#process.run({ operation: "close", path: this.#path }, forget, forget);
  }

  #requireOpen(operation: DiskOperation): void {
    if (this.#process.alive && !this.#process.handles.has(this)) {
      throw diskError("EBADF", operation, this.#path);
    }
  }
}

/** A lock on a file, held by one handle of one process. */
export class SimulatedLock implements FileLock {
  readonly #process: DiskProcess;
  readonly node: FileNode;
  readonly #path: string;
  #held = true;

  constructor(process: DiskProcess, file: FileNode, path: string) {
    this.#process = process;
    this.node = file;
    this.#path = path;
    process.handles.add(this);
    process.machine.locks.set(file, process);
  }

  identity(): FileIdentity {
    if (!this.#held) throw diskError("EBADF", "handleIdentity", this.#path);
    const call: CallDetail = { operation: "handleIdentity", path: this.#path };
    return this.#process.run(call, () => identityOf(this.#process.machine, this.node));
  }

  release(): void {
    if (!this.#held) return;
    // The lock is released with the handle, which is closed even if unlocking fails.
    const forget = () => {
      this.#held = false;
      this.#process.handles.delete(this);
      this.#process.machine.locks.delete(this.node);
    };
    this.#process.run({ operation: "release", path: this.#path }, forget, forget);
  }
}

/** Returns the number of bytes that a call handles. */
function allowed(length: number, fault: Fault | undefined): number {
  if (fault?.kind !== "short") return length;
  return Math.min(length, fault.bytes ?? Math.ceil(length / 2));
}

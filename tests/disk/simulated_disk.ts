/**
 * A disk in memory that does at a power cut what real disks may do.
 *
 * @module
 */
import { dirname } from "@std/path";
import type {
  DirectoryEntry,
  FileIdentity,
  FileLock,
  FileStat,
  FileSystem,
  OpenDirectory,
  OpenFile,
  OpenMode,
} from "../../src/fs/disk/file_system.ts";
import type { CallLog } from "./calls.ts";
import { type Choose, loseAll } from "./choices.ts";
import { CrashPlan } from "./crash_plan.ts";
import { type CrashImage, crashImages, type CrashStateOptions } from "./crash_states.ts";
import { diskError } from "./errors.ts";
import type { CallHook, Fault } from "./faults.ts";
import { forkOf } from "./fork.ts";
import { toNumber } from "./hash.ts";
import { DirectoryImage } from "./image.ts";
import { Intruder } from "./intruder.ts";
import { directoryAt, locate, MAY_READ, MAY_WRITE, require } from "./lookup.ts";
import { Machine } from "./machine.ts";
import { createFile, levelsOf, makeDirectory, orAbsent, remove, removeDirectory, rename } from "./names.ts";
import type { FileNode } from "./file_node.ts";
import { DirectoryNode, type Node, viewOfDirectory } from "./nodes.ts";
import { Planter } from "./plant.ts";
import { DiskProcess, type ProcessOptions } from "./process.ts";
import { identityOf, SimulatedDirectory, SimulatedFile, SimulatedLock, statOf } from "./simulated_file.ts";
import { type DiskTree, fromTree, toTree } from "./tree.ts";

/** How a disk begins. */
export interface SimulatedDiskOptions extends ProcessOptions {
  /** What is on it; only the directory `/` by default. */
  readonly contents?: DiskTree | DirectoryImage;
  /** Bytes that fit, in whole sectors; one more sector is taken by each name. @default {Infinity} */
  readonly capacityBytes?: number;
  /** Whether directories can be synced. @default {true} */
  readonly directorySync?: boolean;
}

/** A state that a power cut may leave, ready to be used. */
export interface CrashState extends CrashImage {
  /** The disk after the power cut. */
  readonly disk: SimulatedDisk;
}

/** A process's view of a simulated disk. */
export class SimulatedDisk implements FileSystem {
  readonly supports: FileSystem["supports"];
  /** Changes the medium from outside: files, links, permissions. */
  readonly plant: Planter;
  /** Another process that changes names and files behind the owner's back. */
  readonly intruder: Intruder;
  readonly #machine: Machine;
  readonly #process: DiskProcess;

  constructor(options: SimulatedDiskOptions = {}, machine: Machine = machineFor(options)) {
    this.#machine = machine;
    this.#process = new DiskProcess(machine, options);
    this.plant = new Planter(machine);
    this.intruder = new Intruder(machine);
    this.supports = { directorySync: machine.hardware.directorySync };
  }

  open(path: string, mode: OpenMode): OpenFile {
    return this.#run("open", path, () => this.#open(path, mode));
  }

  stat(path: string): FileStat | undefined {
    return this.#run("stat", path, () => {
      const node = orAbsent(() => locate(this.#machine, path, { operation: "stat" }))?.node;
      return node && statOf(node);
    });
  }

  identity(path: string): FileIdentity | undefined {
    return this.#run("identity", path, () => {
      const node = orAbsent(() => locate(this.#machine, path, { operation: "identity" }))?.node;
      return node && identityOf(this.#machine, node);
    });
  }

  openDirectory(path: string): OpenDirectory {
    return this.#run("openDirectory", path, () => {
      const { node } = locate(this.#machine, path, { operation: "openDirectory" });
      if (node === undefined) throw diskError("ENOENT", "openDirectory", path);
      if (node.kind !== "directory") throw diskError("ENOTDIR", "openDirectory", path);
      require(node, MAY_READ, "openDirectory", path);
      return new SimulatedDirectory(this.#process, node, path);
    });
  }

  list(path: string): DirectoryEntry[] {
    return this.#run("list", path, () => {
      const directory = directoryAt(this.#machine, path, "list");
      require(directory, MAY_READ, "list", path);
      return [...directory.entries].map(([name, { kind }]) => ({ name, kind }));
    });
  }

  async ensureDirectory(path: string): Promise<void> {
    const operation = "ensureDirectory";
    const { there, missing } = await this.#process.runLater(
      { operation, path },
      () => levelsOf(this.#machine, path),
    );
    await this.syncDirectory(dirname(there));
    for (const level of missing) {
      await this.#process.runLater(
        { operation, path: level },
        () => makeDirectory(this.#machine, level, operation),
      );
      await this.syncDirectory(dirname(level));
    }
  }

  makeDirectory(path: string): boolean {
    return this.#run("makeDirectory", path, () => makeDirectory(this.#machine, path));
  }

  remove(path: string): boolean {
    return this.#run("remove", path, () => remove(this.#machine, path));
  }

  removeDirectory(path: string): boolean {
    return this.#run("removeDirectory", path, () => removeDirectory(this.#machine, path));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#process.runLater(
      { operation: "rename", path: from, to },
      () => rename(this.#machine, from, to),
    );
  }

  async syncDirectory(path: string): Promise<void> {
    if (!this.supports.directorySync) return;
    const began = this.#machine.sequence;
    // A failed sync of names leaves them in doubt: a later one may still make them certain.
    await this.#process.runLater(
      { operation: "syncDirectory", path },
      () => this.#syncDirectory(path, began),
    );
  }

  lock(path: string): FileLock | undefined {
    return this.#run("lock", path, () => {
      const place = locate(this.#machine, path, { operation: "lock" });
      const file = requireFile(place.node ?? createFile(this.#machine, place, path, "lock"), "lock", path);
      require(file, MAY_READ | MAY_WRITE, "lock", path);
      return this.#machine.locks.has(file) ? undefined : new SimulatedLock(this.#process, file, path);
    });
  }

  /** The calls made so far. */
  get calls(): CallLog {
    return this.#process.calls;
  }

  /** Numbers of the calls that are under way. */
  get pending(): ReadonlySet<number> {
    return this.#process.pending;
  }

  /** Sees every call before it happens, and may spoil it. */
  get onCall(): CallHook | undefined {
    return this.#process.onCall;
  }

  set onCall(hook: CallHook | undefined) {
    this.#process.onCall = hook;
  }

  /** Bytes that fit; may be changed at any time, even below what is taken. */
  get capacityBytes(): number {
    return this.#machine.hardware.capacityBytes;
  }

  set capacityBytes(bytes: number) {
    this.#machine.hardware.capacityBytes = bytes;
  }

  /** Bytes that are taken: whole sectors, and one for each name. */
  get usedBytes(): number {
    return this.#machine.usedBytes();
  }

  /** Whether calls still have an effect. */
  get alive(): boolean {
    return this.#process.alive;
  }

  /** Cuts the power: every further call, and every promise not yet settled, fails with `PowerCut`. */
  cutPower(): void {
    this.#machine.powered = false;
  }

  /** The disk after a power cut at this moment; this one goes on as if there had been none. */
  crash(choose: Choose = loseAll): SimulatedDisk {
    return this.#after(new CrashPlan(this.#machine).build(choose));
  }

  /** The distinct disks that a power cut at this moment may leave: all, or a sample where they are too many. */
  *crashStates(options: CrashStateOptions = {}): Generator<CrashState> {
    const plan = new CrashPlan(this.#machine);
    for (const state of crashImages(plan, options)) yield { ...state, disk: this.#after(state.image) };
  }

  /** How many states a power cut at this moment may leave, counting equal ones that come about in several ways. */
  crashStateCount(): number {
    return new CrashPlan(this.#machine).count();
  }

  /** Sectors that a power cut at this moment puts in doubt. */
  get dirtySectors(): number {
    return new CrashPlan(this.#machine).dirtySectors;
  }

  /** Ends this process as SIGKILL does, and gives the view of the next one: the page cache survives. */
  kill(options: ProcessOptions = {}): SimulatedDisk {
    this.#process.kill();
    return this.attach(options);
  }

  /** The view of another process on the same machine. */
  attach(options: ProcessOptions = {}): SimulatedDisk {
    return new SimulatedDisk({ latency: this.#process.latency, ...options }, this.#machine);
  }

  /** A copy of the machine as it is, page cache and doubts included, with no process left on it. */
  fork(options: ProcessOptions = {}): SimulatedDisk {
    return new SimulatedDisk({ latency: this.#process.latency, ...options }, forkOf(this.#machine));
  }

  /** All that a process sees, as a value that can be given to many new disks. */
  image(): DirectoryImage {
    return viewOfDirectory(this.#machine.root);
  }

  /** A number that is the same for disks on which a process sees the same. */
  fingerprint(): number {
    return toNumber(this.image().hash);
  }

  /** All that a process sees, as plain data. */
  dump(): Map<string, Uint8Array<ArrayBuffer>> {
    return toTree(this.image());
  }

  /** The contents of a file, unseen by hooks; `undefined` when there is none. */
  peek(path: string): Uint8Array<ArrayBuffer> | undefined {
    const node = orAbsent(() => locate(this.#machine, path, { operation: "stat", follow: true }))?.node;
    return node?.kind === "file" ? node.view().bytes() : undefined;
  }

  #run<T>(
    operation:
      | "open"
      | "stat"
      | "identity"
      | "openDirectory"
      | "list"
      | "makeDirectory"
      | "remove"
      | "removeDirectory"
      | "lock",
    path: string,
    effect: (fault?: Fault) => T,
  ): T {
    return this.#process.run({ operation, path }, effect);
  }

  #open(path: string, mode: OpenMode): OpenFile {
    const create = mode === "create";
    const place = locate(this.#machine, path, { operation: "open" });
    if (create) {
      if (place.node !== undefined) throw diskError("EEXIST", "open", path);
      return new SimulatedFile(this.#process, createFile(this.#machine, place, path, "open"), path, mode);
    }
    if (place.node === undefined) throw diskError("ENOENT", "open", path);
    const node = requireFile(place.node, "open", path);
    require(node, mode === "update" ? MAY_READ | MAY_WRITE : MAY_READ, "open", path);
    return new SimulatedFile(this.#process, node, path, mode);
  }

  #syncDirectory(path: string, began: number): void {
    const { node } = locate(this.#machine, path, { operation: "open", follow: true });
    if (node === undefined || node.kind === "link") throw diskError("ENOENT", "open", path);
    if (node.kind !== "directory") throw diskError("ENOTDIR", "open", path);
    require(node, MAY_READ, "open", path);
    this.#machine.journal.commit(began, node);
  }

  #after(image: DirectoryImage): SimulatedDisk {
    const machine = new Machine({ ...this.#machine.hardware }, new DirectoryNode(image));
    machine.stale = this.#machine.stale;
    return new SimulatedDisk({ latency: this.#process.latency }, machine);
  }
}

/** Throws the error of the real disk for what is no regular file. */
function requireFile(node: Node, operation: "open" | "lock", path: string): FileNode {
  if (node.kind === "file") return node;
  const code = node.kind === "directory" ? "EISDIR" : node.kind === "link" ? "ELOOP" : "ENXIO";
  throw diskError(code, operation, path);
}

function machineFor(options: SimulatedDiskOptions): Machine {
  const { contents = new Map(), capacityBytes = Infinity, directorySync = true } = options;
  const image = contents instanceof DirectoryImage ? contents : fromTree(contents);
  return new Machine({ capacityBytes, directorySync }, new DirectoryNode(image));
}

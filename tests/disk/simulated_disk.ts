/**
 * A disk in memory that simulates the effects of power cuts on real disks.
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
  Handle,
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

/** Initial state of a disk. */
export interface SimulatedDiskOptions extends ProcessOptions {
  /** Initial content; only the directory `/` by default. */
  readonly contents?: DiskTree | DirectoryImage;
  /** Capacity in bytes, in whole sectors; each name takes one more sector. @default {Infinity} */
  readonly capacityBytes?: number;
  /** Directories can be synced. @default {true} */
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
  /** Another process that changes names and files without the owner's knowledge. */
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

  openDirectory(path: string): Handle {
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

  /** Numbers of the calls in progress. */
  get pending(): ReadonlySet<number> {
    return this.#process.pending;
  }

  /** Sees every call before it happens, and may inject a fault. */
  get onCall(): CallHook | undefined {
    return this.#process.onCall;
  }

  set onCall(hook: CallHook | undefined) {
    this.#process.onCall = hook;
  }

  /** Capacity in bytes; may be changed at any time, even below the used bytes. */
  get capacityBytes(): number {
    return this.#machine.hardware.capacityBytes;
  }

  set capacityBytes(bytes: number) {
    this.#machine.hardware.capacityBytes = bytes;
  }

  /** Used bytes: whole sectors, and one for each name. */
  get usedBytes(): number {
    return this.#machine.usedBytes();
  }

  /** True while calls have an effect. */
  get alive(): boolean {
    return this.#process.alive;
  }

  /** Cuts the power: every further call, and every promise not yet settled, fails with `PowerCut`. */
  cutPower(): void {
    this.#machine.powered = false;
  }

  /** Returns the disk after a power cut at this moment; this one continues as if there had been none. */
  crash(choose: Choose = loseAll): SimulatedDisk {
    return this.#after(new CrashPlan(this.#machine).build(choose));
  }

  /** Yields the distinct disks that a power cut at this moment may leave: all, or a sample if there are too many. */
  *crashStates(options: CrashStateOptions = {}): Generator<CrashState> {
    const plan = new CrashPlan(this.#machine);
    for (const state of crashImages(plan, options)) yield { ...state, disk: this.#after(state.image) };
  }

  /** Returns the number of states that a power cut at this moment may leave, including duplicates. */
  crashStateCount(): number {
    return new CrashPlan(this.#machine).count();
  }

  /** Sectors that a power cut at this moment puts in doubt. */
  get dirtySectors(): number {
    return new CrashPlan(this.#machine).dirtySectors;
  }

  /** Ends this process like SIGKILL, and returns the view of the next one: the page cache survives. */
  kill(options: ProcessOptions = {}): SimulatedDisk {
    this.#process.kill();
    return this.attach(options);
  }

  /** The view of another process on the same machine. */
  attach(options: ProcessOptions = {}): SimulatedDisk {
    return new SimulatedDisk({ latency: this.#process.latency, ...options }, this.#machine);
  }

  /** Returns a copy of the machine, including page cache and uncertain state, without processes. */
  fork(options: ProcessOptions = {}): SimulatedDisk {
    return new SimulatedDisk({ latency: this.#process.latency, ...options }, forkOf(this.#machine));
  }

  /** Returns everything that a process sees, as a value to create many disks from. */
  image(): DirectoryImage {
    return viewOfDirectory(this.#machine.root);
  }

  /** Returns a number that is equal for disks with the same visible content. */
  fingerprint(): number {
    return toNumber(this.image().hash);
  }

  /** Returns everything that a process sees, as plain data. */
  dump(): Map<string, Uint8Array<ArrayBuffer>> {
    return toTree(this.image());
  }

  /** Returns the contents of a file, unseen by hooks; `undefined` if there is none. */
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

/** Throws the error of the real disk for anything but a regular file. */
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

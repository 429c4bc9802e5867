/**
 * Runtimes on a disk, opened the same way by every suite: their clock and their
 * ids are given, their diagnostics are kept.
 *
 * @module
 */
import { type Diagnostic, Runtime } from "../../mod.ts";
import { FsRuntimeStore } from "../../fs_store.ts";
import type { FileSystem } from "../../src/fs/disk/file_system.ts";
import { SimulatedDisk } from "../disk/mod.ts";

/** Root of the stores on simulated disks. */
export const ROOT = "/r";
/** The directory of their runtime. */
export const HOME = "/r/runtimes/t";
/** The time of all events, unless a suite changes the clock. */
export const EPOCH_MS = 1_800_000_000_000;

/** Options of an opening. */
export interface OpenOptions {
  /** Root directory. @default {ROOT} */
  readonly root?: string;
  /** The runtime. @default {"t"} */
  readonly runtimeId?: string;
  /** The clock. @default one that stands still */
  readonly now?: () => number;
  /** Create a missing store. @default {true} */
  readonly create?: boolean;
}

/** A runtime that was opened. */
export interface Opened {
  /** The runtime. */
  readonly runtime: Runtime;
  /** All its diagnostics, from the start. */
  readonly diagnostics: Diagnostic[];
}

/** A clock that advances by a fixed step each time it is read. */
export function steadyClock(start: string, stepMs: number): () => number {
  let at = Date.parse(start) - stepMs;
  return () => at += stepMs;
}

/** Ids that count. */
export function countingIds(): () => string {
  let count = 0;
  return () => `id-${++count}`;
}

/** Opens a runtime on a disk, the real one if it is not given. */
export async function openOn(fileSystem: FileSystem | undefined, options: OpenOptions = {}): Promise<Opened> {
  const { root = ROOT, runtimeId = "t", now = () => EPOCH_MS, create = true } = options;
  const diagnostics: Diagnostic[] = [];
  const runtime = await Runtime.open({
    store: new FsRuntimeStore({ root, runtimeId, create }, { fileSystem, now }),
    now,
    newId: countingIds(),
    onDiagnostic: (diagnostic) => diagnostics.push(diagnostic),
  });
  return { runtime, diagnostics };
}

/** An operator's config with small limits, so that a small log has several segments and checkpoints. */
export function smallConfig(segmentBytes = 4_096, checkpointBytes = 4_096): Uint8Array {
  const limits = { segmentBytes, checkpointBytes };
  return new TextEncoder().encode(
    `// small\n${JSON.stringify({ displayName: "Torture", limits }, null, 2)}\n`,
  );
}

/** Directory of the runtime "local" on a simulated disk. */
export const LOCAL_HOME = "/data/runtimes/local";

/** Opens the runtime "local" on a simulated disk, with the system's clock. */
export async function open(fileSystem: SimulatedDisk): Promise<Runtime> {
  return (await openOn(fileSystem, { root: "/data", runtimeId: "local", now: Date.now })).runtime;
}

/** Returns an empty disk with the operator's config of the runtime "local". */
export function configured(config: object): SimulatedDisk {
  const disk = new SimulatedDisk();
  disk.plant.file(`${LOCAL_HOME}/config.jsonc`, new TextEncoder().encode(JSON.stringify(config)));
  return disk;
}

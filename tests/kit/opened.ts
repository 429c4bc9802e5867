/**
 * A runtime on a disk, opened the same way by every suite: its clock and its
 * ids are given, its diagnostics are kept.
 *
 * @module
 */
import { type Diagnostic, Runtime } from "../../mod.ts";
import { FsRuntimeStore } from "../../fs_store.ts";
import type { FileSystem } from "../../src/fs/disk/file_system.ts";

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

/** Opens the runtime `t` on a disk. */
export async function openOn(fileSystem: FileSystem, options: OpenOptions = {}): Promise<Opened> {
  const { root = ROOT, now = () => EPOCH_MS, create = true } = options;
  const diagnostics: Diagnostic[] = [];
  let ids = 0;
  const store = new FsRuntimeStore({ root, runtimeId: "t", create }, { fileSystem, now });
  const runtime = await Runtime.open({
    store,
    now,
    newId: () => `id-${++ids}`,
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

/**
 * A store with blobs, for the tests of the operations.
 *
 * @module
 */
import { assert } from "@std/assert";
import { createHash } from "node:crypto";
import type { BlobRef, Runtime, Worker } from "../../mod.ts";
import type { FileSystem } from "../../src/fs/disk/file_system.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { openRuntime } from "../cli/stores.ts";

/** The location of the runtime below a root. */
export const local = (root: string): { root: string; runtimeId: string } => ({ root, runtimeId: "local" });
/** Directory of the source on simulated disks. */
export const SOURCE = "/source/runtimes/local";
/** Bytes of a blob that an export writes in three pieces. */
export const large: Uint8Array = Uint8Array.from({ length: 100_001 }, (_, index) => index * index);
/** Bytes of a small blob. */
export const small: Uint8Array = new TextEncoder().encode("abc");
/** Content that is kept as a blob. */
export const spilled: string = "long ".repeat(60_000);

/** Hash of bytes, the name of their blob. */
export function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The file of a blob, relative to the directory of the runtime. */
export function fileOf(workerId: string, bytes: Uint8Array): string {
  return `workers/${workerId}/blobs/${hashOf(bytes)}`;
}

/** Bytes of content that is kept as a blob. */
export const spilledBytes: Uint8Array = new TextEncoder().encode(JSON.stringify(spilled));

/** Appends an entry that refers to blobs with these bytes. */
export async function say(worker: Worker, content: string, ...blobs: readonly Uint8Array[]): Promise<void> {
  const refs: BlobRef[] = [];
  for (const bytes of blobs) refs.push(await worker.putBlob(bytes));
  await worker.append([{ role: "user", content, blobs: refs }]);
}

/** Creates workers `a` and `b` with blobs, and a purged one whose blobs were deleted. */
export async function fill(runtime: Runtime): Promise<void> {
  const [a, b, gone] = [
    await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } }),
    await runtime.createWorker({ workerId: "b", intent: { kind: "assistant" } }),
    await runtime.createWorker({ workerId: "gone", intent: { kind: "assistant" } }),
  ];
  await say(a, "several", large, small, small, new Uint8Array());
  await say(gone, "one", small);
  await say(b, "the same bytes", small);
  await a.append([{ role: "tool", content: spilled }]);
  await say(a, "again", small);
  await gone.stop();
  await gone.purge();
}

/** Fills a store below `/source`, and closes it. */
export async function blobStore(disk: FileSystem, root = "/source"): Promise<void> {
  const runtime = await openRuntime({ root, fileSystem: disk });
  await fill(runtime);
  await runtime.close();
}

/** Fills a store whose first events were pruned since. */
export async function prunedBlobStore(disk: SimulatedDisk): Promise<void> {
  const config = new TextEncoder().encode('{ "limits": { "segmentBytes": 4096 } }');
  disk.plant.file(`${SOURCE}/config.jsonc`, config);
  for (let turn = 0; turn < 3; turn++) {
    const runtime = await openRuntime({ root: "/source", fileSystem: disk });
    if (turn === 0) await fill(runtime);
    for (let line = 0; line < 8; line++) await say(runtime.worker("b"), "x".repeat(500), small);
    if (turn === 2) {
      assert((await runtime.prune()).events > 10);
      await say(runtime.worker("a"), "after pruning", small, new TextEncoder().encode("new"));
    }
    await runtime.close();
  }
}

/** A disk that `make` has filled. */
export async function diskWith(
  make: (disk: SimulatedDisk) => Promise<void> = blobStore,
): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  await make(disk);
  return disk;
}

// Runtimes with blobs on simulated disks.

import { createHash } from "node:crypto";
import type { BlobRef, Runtime, Worker } from "../../../mod.ts";
import { Random, type SimulatedDisk } from "../../disk/mod.ts";
import { LOCAL_HOME as HOME, open } from "../../kit/opened.ts";

/** Directory of the blobs of worker `a`. */
export const BLOBS: string = `${HOME}/workers/a/blobs`;
/** Bytes of three sectors. */
export const BYTES: Uint8Array<ArrayBuffer> = new Random(3).bytes(1_400);
/** Other bytes. */
export const OTHER: Uint8Array<ArrayBuffer> = new Random(4).bytes(700);

/** The reference to bytes. */
export function refOf(bytes: Uint8Array): BlobRef {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { sha256, bytes: bytes.length, mediaType: "image/png" };
}

/** Path of the blob of these bytes. */
export function pathOf(bytes: Uint8Array): string {
  return `${BLOBS}/${refOf(bytes).sha256}`;
}

/** Opens the runtime and its worker `a`, which is created if there is none. */
export async function openWorker(
  disk: SimulatedDisk,
  opened?: Runtime,
): Promise<{ runtime: Runtime; worker: Worker }> {
  const runtime = opened ?? await open(disk);
  return { runtime, worker: await runtime.ensureWorker({ workerId: "a", intent: { kind: "assistant" } }) };
}

/** Adds an entry that refers to bytes. */
export async function refer(worker: Worker, bytes: Uint8Array): Promise<void> {
  await worker.append([{ role: "user", content: "see", blobs: [refOf(bytes)] }]);
}

/** Reads the blob of these bytes. */
export async function readBack(worker: Worker, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(await worker.blob(refOf(bytes))).arrayBuffer());
}

/** Names in the directory of blobs that are being written. */
export function incoming(disk: SimulatedDisk): string[] {
  return disk.stat(`${HOME}/incoming`) === undefined
    ? []
    : disk.list(`${HOME}/incoming`).map(({ name }) => name);
}

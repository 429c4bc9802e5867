// Blobs after kills, power cuts, failing calls and operations of other processes, on a simulated disk.

import { assert, assertEquals } from "@std/assert";
import type { BlobRef, Runtime, Worker } from "../../../mod.ts";
import { failAt, loseAll, SimulatedDisk } from "../../disk/mod.ts";
import { configured, LOCAL_HOME, open } from "../../kit/opened.ts";
import { refused } from "../../kit/place.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const BLOB = `${LOCAL_HOME}/workers/a/blobs/${ABC}`;
const intent = { kind: "assistant" } as const;

/** A runtime with a worker "a" that has the blob "abc". */
async function given(disk = new SimulatedDisk()): Promise<{ runtime: Runtime; a: Worker; ref: BlobRef }> {
  const runtime = await open(disk);
  const a = await runtime.createWorker({ workerId: "a", intent });
  return { runtime, a, ref: await a.putBlob(bytesOf("abc")) };
}

async function purge(a: Worker): Promise<void> {
  await a.stop();
  await a.purge();
}

async function textOf(runtime: Runtime, ref: BlobRef): Promise<string> {
  return await new Response(await runtime.worker("a").blob(ref)).text();
}

Deno.test("FsRuntimeStore.append() removes blobs of a purged worker durably before its id is used again", async () => {
  const disk = new SimulatedDisk();
  const { runtime, a } = await given(disk);
  await purge(a);
  const again = runtime.createWorker({ workerId: "a", intent });
  await again;
  const opened = await open(disk.crash(loseAll));
  assertEquals(opened.worker("a").state().transcriptLength, 0);
  await refused("blob_missing", () => textOf(opened, { sha256: ABC, bytes: 3, mediaType: "x" }));
  await opened.close();
  await runtime.close();
});

Deno.test("Runtime.createWorker() of a purged id is rejected while earlier blobs cannot be removed", async () => {
  const disk = new SimulatedDisk();
  const { runtime, a, ref } = await given(disk);
  disk.onCall = failAt(1, "EIO", "sticky", ({ operation, path }) => operation === "remove" && path === BLOB);
  await purge(a);
  await Promise.all([
    refused("store_io", () => runtime.createWorker({ workerId: "a", intent })),
    runtime.createWorker({ workerId: "b", intent }),
  ]);
  disk.onCall = undefined;
  await runtime.createWorker({ workerId: "a", intent });
  await refused("blob_missing", () => textOf(runtime, ref));
  await runtime.close();
});

Deno.test("Worker.purge() is durable before blobs are removed, also with durability written", async () => {
  const disk = configured({ durability: "written" });
  const { runtime, a, ref } = await given(disk);
  await a.append([{ role: "user", content: "x", blobs: [ref] }]);
  await runtime.close();
  const again = await open(disk);
  await purge(again.worker("a"));
  assertEquals(disk.peek(BLOB), undefined);
  const opened = await open(disk.crash(loseAll));
  assertEquals(opened.overview().workers.total, 0);
  for (const each of [opened, again]) await each.close();
});

Deno.test("Worker.putBlob() leaves no other bytes under the name of a blob when incoming/ is replaced", async () => {
  const disk = new SimulatedDisk();
  const { runtime, a } = await given(disk);
  const incoming = `${LOCAL_HOME}/incoming`;
  disk.onCall = ({ operation, path }) => {
    if (operation !== "write" || !path.startsWith(incoming)) return undefined;
    // A copy without the bytes that follow.
    disk.intruder.move(incoming, "/data/aside");
    disk.intruder.copy("/data/aside", incoming);
    disk.onCall = undefined;
    return undefined;
  };
  const error = await refused("store_io", () => a.putBlob(bytesOf("d")));
  assert(error.message.includes("moved or replaced"), error.message);
  assertEquals([...disk.dump().keys()].filter((path) => /blobs\/./.test(path)), [BLOB]);
  await a.putBlob(bytesOf("d"));
  await runtime.close();
});

Deno.test("Worker.append() that refers to a blob whose name is not durable yet waits for its put", async () => {
  let held: Promise<void> = Promise.resolve();
  const disk = new SimulatedDisk({ latency: () => held });
  const { runtime, ref } = await given(disk);
  await runtime.close();
  const again = await open(disk);
  const a = again.worker("a");
  // The directories are known to be durable afterwards.
  await a.append([{ role: "user", content: "x", blobs: [ref] }]);
  const order: string[] = [];
  const { promise: isSyncing, resolve: syncs } = Promise.withResolvers<void>();
  const { promise, resolve: release } = Promise.withResolvers<void>();
  disk.onCall = ({ operation, path }) => {
    const isOfBlobs = operation === "syncDirectory" && path.endsWith("/blobs");
    held = isOfBlobs && order.length === 0 ? promise : Promise.resolve();
    if (isOfBlobs) syncs();
    return undefined;
  };
  const sha256 = "18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4";
  const put = a.putBlob(bytesOf("d")).then(() => order.push("put"));
  await isSyncing;
  const entry = { role: "user", content: "y", blobs: [{ ...ref, sha256, bytes: 1 }] };
  const append = a.append([entry]).then(() => order.push("append"));
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setTimeout(resolve));
  release();
  await Promise.all([put, append]);
  assertEquals(order, ["put", "append"]);
  await again.close();
});

Deno.test("Worker.purge() removes blobs durably at the next checkpoint, also beside a foreign file", async () => {
  const disk = new SimulatedDisk();
  const { runtime, a } = await given(disk);
  disk.plant.file(`${LOCAL_HOME}/workers/a/blobs/notes.txt`, bytesOf("not the store's"));
  await purge(a);
  await runtime.close();
  // Checkpoints that cover the purge: it is not replayed again.
  for (let opening = 0; opening < 2; opening++) await (await open(disk)).close();
  const next = disk.crash(loseAll);
  await (await open(next)).close();
  assertEquals(next.peek(BLOB), undefined);
});

// Purging a worker that has blobs, and using its id again.

import { assert, assertEquals } from "@std/assert";
import { DenoFileSystem } from "../../../src/fs/disk/deno_file_system.ts";
import { failAt, SimulatedDisk } from "../../disk/mod.ts";
import { LOCAL_HOME as HOME } from "../../kit/opened.ts";
import { codesOf, diagnosticOf, diskTest, refused } from "../../kit/place.ts";
import { RacingDisk } from "../../kit/racing_disk.ts";
import { BLOBS, BYTES, incoming, openWorker, OTHER, pathOf, readBack, refer, refOf } from "./given.ts";

Deno.test("purge() removes the blobs of a worker, also when it is the last thing before a kill", async () => {
  const disk = new SimulatedDisk();
  const { runtime, worker } = await openWorker(disk);
  await worker.putBlob(BYTES);
  await refer(worker, BYTES);
  await runtime.flush();
  await worker.stop();
  const before = disk.intruder.view(`${HOME}/workers/a`);
  assert(before !== undefined);
  await worker.purge();
  assertEquals(disk.list(`${HOME}/workers`), []);
  // As if the kill had come between the log and the removal.
  const killed = disk.fork();
  killed.intruder.put(`${HOME}/workers/a`, before);
  await runtime.close();
  for (const next of [disk, disk.crash(), killed]) {
    const again = await openWorker(next);
    await refused("blob_missing", () => readBack(again.worker, BYTES));
    assertEquals(next.stat(pathOf(BYTES)), undefined);
    await again.runtime.close();
  }
});

Deno.test("purge() leaves and reports what is not the store's among the blobs", async () => {
  const disk = new SimulatedDisk();
  const { runtime, worker } = await openWorker(disk);
  await worker.putBlob(BYTES);
  disk.plant.file(`${BLOBS}/notes.txt`, OTHER);
  disk.plant.link(pathOf(OTHER), "/elsewhere");
  await worker.stop();
  await worker.purge();
  const found = runtime.diagnostics().items.map(({ code, workerId, message }) => [code, workerId, message]);
  const texts = ["notes.txt", refOf(OTHER).sha256].map((name) => [
    "foreign_entry",
    "a",
    `"blobs/${name}" of purged worker "a" is none of the store's files`,
  ]);
  assertEquals(found, texts);
  assertEquals(disk.list(BLOBS).map(({ name }) => name), ["notes.txt", refOf(OTHER).sha256]);
  await runtime.close();
});

Deno.test("purge() leaves a link in the place of the blobs, and what it leads to", async () => {
  const disk = new SimulatedDisk();
  const { runtime, worker } = await openWorker(disk);
  await worker.putBlob(BYTES);
  disk.intruder.move(BLOBS, "/moved");
  disk.intruder.symlink("/moved", BLOBS);
  await worker.stop();
  await worker.purge();
  assertEquals(
    diagnosticOf(runtime, "foreign_entry").message,
    '"blobs" of purged worker "a" is none of the store\'s files',
  );
  assertEquals(disk.list("/moved").length, 1);
  await runtime.close();
});

Deno.test("the next worker with the id has blobs of its own, which are durable", async () => {
  const disk = new SimulatedDisk();
  const { runtime, worker } = await openWorker(disk);
  await worker.putBlob(BYTES);
  await worker.stop();
  await worker.purge();
  const next = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await refused("worker_not_found", () => worker.putBlob(BYTES));
  await refused("blob_missing", () => refer(next, BYTES));
  await next.putBlob(BYTES);
  await refer(next, BYTES);
  const again = await openWorker(disk.crash());
  assertEquals(await readBack(again.worker, BYTES), BYTES);
  await again.runtime.close();
  await runtime.close();
});

Deno.test("the directories of the next worker with the id are synced, though the first attempt failed", async () => {
  const disk = new SimulatedDisk();
  const { runtime, worker } = await openWorker(disk);
  await worker.putBlob(BYTES);
  await worker.stop();
  await worker.purge();
  const next = await openWorker(disk, runtime);
  disk.onCall = failAt(
    1,
    "EIO",
    "once",
    ({ operation, path }) => operation === "syncDirectory" && path === `${HOME}/workers`,
  );
  await refused("store_io", () => next.worker.putBlob(BYTES));
  await next.worker.putBlob(BYTES);
  await refer(next.worker, BYTES);
  const again = await openWorker(disk.crash());
  assertEquals(await readBack(again.worker, BYTES), BYTES);
  await again.runtime.close();
  await runtime.close();
});

Deno.test("a replayed purge leaves the blobs of the next worker with the id, however long the log is", async () => {
  const disk = new SimulatedDisk();
  const { runtime, worker } = await openWorker(disk);
  await worker.putBlob(BYTES);
  await worker.stop();
  await worker.purge();
  // The events of both workers are replayed in different chunks.
  await Promise.all(Array.from({ length: 1_500 }, (_, index) => runtime.record("x", index)));
  const next = await openWorker(disk, runtime);
  await next.worker.putBlob(OTHER);
  await refer(next.worker, OTHER);
  for (const killed of [disk.fork(), disk.crash()]) {
    const again = await openWorker(killed);
    assertEquals(await readBack(again.worker, OTHER), OTHER);
    await refused("blob_missing", () => readBack(again.worker, BYTES));
    assertEquals(codesOf(again.runtime), ["unclean_open"]);
    await again.runtime.close();
  }
  await runtime.close();
});

Deno.test("blobs that a purge could not remove are not those of the next worker with the id", async () => {
  const disk = new SimulatedDisk();
  const { runtime, worker } = await openWorker(disk);
  await worker.putBlob(BYTES);
  await worker.stop();
  disk.onCall = ({ operation, path }) =>
    operation === "remove" && path.startsWith(BLOBS) ? { kind: "error", code: "EBUSY" } : undefined;
  await worker.purge();
  disk.onCall = undefined;
  assertEquals(codesOf(runtime), ["projection_failed"]);
  assertEquals(disk.list(BLOBS).length, 1);
  const next = await openWorker(disk, runtime);
  await refused("blob_missing", () => readBack(next.worker, BYTES));
  assertEquals(disk.stat(BLOBS), undefined);
  await runtime.close();
});

Deno.test("putBlob() that a purge overtakes at any call is worker_not_found, and leaves nothing", async () => {
  let overtaken = 0;
  for (let n = 1;; n++) {
    let calls = 0;
    let purge: (() => Promise<unknown>) | undefined;
    // The n-th call that waits for the device takes effect after the purge.
    const latency = async (): Promise<void> => {
      if (purge !== undefined && ++calls === n) await purge();
    };
    const disk = new SimulatedDisk({ latency });
    const { runtime, worker } = await openWorker(disk);
    await worker.stop();
    let isPurged = false;
    purge = () => {
      purge = undefined;
      isPurged = true;
      return worker.purge();
    };
    const outcome = await worker.putBlob(BYTES).then(() => "put", (error) => error.code);
    purge = undefined;
    if (isPurged) {
      overtaken++;
      assertEquals(outcome, "worker_not_found", `call ${n}`);
      await runtime.flush();
      assertEquals(incoming(disk), [], `call ${n}`);
      assertEquals(disk.list(`${HOME}/workers`), [], `call ${n}`);
      assertEquals(codesOf(runtime), [], `call ${n}`);
    }
    await runtime.close();
    if (!isPurged) break;
  }
  assertEquals(overtaken, 6, "sync of the bytes, of three directories, the rename, and its sync");
});

diskTest(
  "purge() removes a blob that is renamed into place meanwhile, and warns of nothing",
  async (place) => {
    const fileSystem = new RacingDisk();
    fileSystem.isHeld = (to) => /[\\/]blobs[\\/]/.test(to);
    fileSystem.isRaced = (directory) => directory.endsWith("blobs");
    const runtime = await place.open({}, { fileSystem });
    const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    const putting = refused("worker_not_found", () => worker.putBlob(BYTES));
    await fileSystem.reached.promise;
    await worker.stop();
    await worker.purge();
    await putting;
    await runtime.flush();
    assertEquals(place.names("workers"), []);
    assertEquals(place.names("incoming"), []);
    assertEquals(codesOf(runtime), []);
  },
);

/** A disk that calls back when the second sync of a directory of blobs is done: the one after the rename. */
class PausingDisk extends DenoFileSystem {
  /** The call. */
  between: (() => Promise<unknown>) | undefined;
  #syncs = 0;

  override async syncDirectory(path: string): Promise<void> {
    await super.syncDirectory(path);
    if (path.endsWith("blobs") && ++this.#syncs === 2) await this.between?.();
  }
}

diskTest("putBlob() is worker_not_found when the purge comes after its last call", async (place) => {
  const fileSystem = new PausingDisk();
  const runtime = await place.open({}, { fileSystem });
  const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await worker.stop();
  fileSystem.between = () => worker.purge();
  await refused("worker_not_found", () => worker.putBlob(BYTES));
  assertEquals(place.names("workers"), []);
});

// Blobs that are not as they were put: typed errors that name worker, blob and file, for the owner and for readers.

import { assert, assertEquals } from "@std/assert";
import type { AnyRuntimeError, Worker } from "../../../mod.ts";
import { SimulatedDisk } from "../../disk/mod.ts";
import { LOCAL_HOME as HOME } from "../../kit/opened.ts";
import { refused } from "../../kit/place.ts";
import { openReader } from "../reading/reader.ts";
import { BLOBS, BYTES, incoming, openWorker, OTHER, pathOf, readBack, refer, refOf } from "./given.ts";

const FILE = `workers/a/blobs/${refOf(BYTES).sha256}`;
const OUTSIDE = "/outside/blobs";
const { sha256 } = refOf(BYTES);
const identity = { workerId: "a", sha256 };

let made: Promise<SimulatedDisk> | undefined;

/** A closed store with one blob that an entry refers to, and a copy of the blob outside. */
async function closed(): Promise<SimulatedDisk> {
  made ??= (async () => {
    const disk = new SimulatedDisk();
    const { runtime, worker } = await openWorker(disk);
    await worker.putBlob(BYTES, { mediaType: "image/png" });
    await refer(worker, BYTES);
    await runtime.close();
    disk.plant.file(`${OUTSIDE}/${sha256}`, BYTES);
    return disk;
  })();
  return (await made).fork();
}

/** Reads the blob of a closed store as the owner and as a reader: both throw the same error. */
async function bothRefuse(
  disk: SimulatedDisk,
  code: "blob_missing" | "blob_corrupt" | "store_permission",
): Promise<AnyRuntimeError> {
  const { runtime, worker } = await openWorker(disk.fork());
  const error = await refused(code, () => readBack(worker, BYTES));
  // Nothing else is wrong with the worker.
  await worker.append([{ role: "user", content: "on" }]);
  assertEquals(runtime.health.status, "ok");
  await runtime.close();
  await using reader = await openReader({ root: "/data", runtimeId: "local" }, { fileSystem: disk.fork() });
  const other = await refused(
    code,
    async () => await new Response(await reader.blob("a", refOf(BYTES))).arrayBuffer(),
  );
  assertEquals(other.details, error.details);
  return error;
}

const changed = BYTES.map((byte, index) => index === 1_000 ? byte ^ 1 : byte);

/** Damages of the file, and the reason. */
const damages: Readonly<Record<string, readonly [plant: (disk: SimulatedDisk) => void, reason: string]>> = {
  "truncated": [
    (disk) => disk.plant.file(pathOf(BYTES), BYTES.subarray(0, 1_399)),
    "it has 1399 bytes, not 1400",
  ],
  "empty": [(disk) => disk.plant.file(pathOf(BYTES), new Uint8Array()), "it has 0 bytes, not 1400"],
  "longer": [
    (disk) => disk.plant.file(pathOf(BYTES), new Uint8Array([...BYTES, 0])),
    "it has 1401 bytes, not 1400",
  ],
  "replaced by another one": [
    (disk) => disk.plant.file(pathOf(BYTES), OTHER),
    "it has 700 bytes, not 1400",
  ],
  "changed in one bit": [
    (disk) => disk.plant.file(pathOf(BYTES), changed),
    "its bytes do not have its hash",
  ],
  "a directory": [(disk) => disk.plant.directory(pathOf(BYTES)), "it is a directory, not a file"],
  "a FIFO": [(disk) => disk.plant.special(pathOf(BYTES)), "it is a FIFO, socket or device, not a file"],
  "a link to the same bytes": [
    (disk) => disk.plant.link(pathOf(BYTES), `${OUTSIDE}/${sha256}`),
    "it is a symbolic link, not a file",
  ],
  "a dangling link": [
    (disk) => disk.plant.link(pathOf(BYTES), "/outside/none"),
    "it is a symbolic link, not a file",
  ],
};

for (const [what, [plant, reason]] of Object.entries(damages)) {
  Deno.test(`blob() of a file that is ${what} throws blob_corrupt with worker and file`, async () => {
    const disk = await closed();
    plant(disk);
    const error = await bothRefuse(disk, "blob_corrupt");
    assertEquals(error.details, { ...identity, file: FILE, reason });
    assertEquals(error.message, `Cannot read blob ${sha256} of worker "a": ${FILE}: ${reason}`);
  });

  Deno.test(`putBlob() repairs a file that is ${what}, or throws blob_corrupt`, async () => {
    const disk = await closed();
    plant(disk);
    const { runtime, worker } = await openWorker(disk);
    if (what === "a directory") {
      const { details } = await refused("blob_corrupt", () => worker.putBlob(BYTES));
      assertEquals(details, { ...identity, file: FILE, reason });
    } else {
      await worker.putBlob(BYTES);
      assertEquals(await readBack(worker, BYTES), BYTES);
      assertEquals(disk.stat(pathOf(BYTES))?.kind, "file");
    }
    assertEquals(incoming(disk), []);
    assertEquals(disk.peek(`${OUTSIDE}/${sha256}`), BYTES);
    assertEquals(disk.list("/outside").map(({ name }) => name), ["blobs"]);
    await runtime.close();
  });
}

Deno.test("blob() throws blob_missing that names the file, for the owner and a reader", async () => {
  for (const path of [pathOf(BYTES), BLOBS]) {
    const disk = await closed();
    disk.plant.nothing(path);
    const { details } = await bothRefuse(disk, "blob_missing");
    assertEquals(details, { ...identity, file: FILE });
  }
});

Deno.test("blob() of a file that is removed before the stream is read throws blob_missing", async () => {
  const disk = await closed();
  const { runtime, worker } = await openWorker(disk);
  const stream = await worker.blob(refOf(BYTES));
  disk.intruder.remove(pathOf(BYTES));
  const { details } = await refused("blob_missing", () => new Response(stream).arrayBuffer());
  assertEquals(details, { ...identity, file: FILE });
  await runtime.close();
});

Deno.test("blob() of a file that is truncated before the stream is read throws blob_corrupt", async () => {
  const disk = await closed();
  const { runtime, worker } = await openWorker(disk);
  const stream = await worker.blob(refOf(BYTES));
  disk.plant.file(pathOf(BYTES), BYTES.subarray(0, 9));
  const { details } = await refused("blob_corrupt", () => new Response(stream).arrayBuffer());
  assertEquals(details.reason, "it ends at byte 9 of 1400");
  await runtime.close();
});

/** Things in the place of the directories. */
const kinds: Readonly<
  Record<string, readonly [plant: (disk: SimulatedDisk, path: string) => void, kind: string]>
> = {
  "a file": [(disk, path) => disk.plant.file(path, OTHER), "file"],
  "a FIFO": [(disk, path) => disk.plant.special(path), "FIFO, socket or device"],
  "a link to a directory": [(disk, path) => disk.plant.link(path, OUTSIDE), "symbolic link"],
  "a dangling link": [(disk, path) => disk.plant.link(path, "/outside/none"), "symbolic link"],
};

for (const [what, [plant, kind]] of Object.entries(kinds)) {
  Deno.test(`${what} in the place of the blobs of a worker is a typed error, and nothing outside changes`, async () => {
    const disk = await closed();
    disk.plant.nothing(BLOBS);
    plant(disk, BLOBS);
    const reason = `it is a ${kind}, not a directory`;
    const details = { ...identity, file: "workers/a/blobs", reason };
    assertEquals((await bothRefuse(disk, "blob_corrupt")).details, details);
    const { runtime, worker } = await openWorker(disk);
    const putting = await refused("blob_corrupt", () => worker.putBlob(BYTES));
    assertEquals(putting.details, details);
    assertEquals(putting.message, `Cannot put blob ${sha256} of worker "a": workers/a/blobs: ${reason}`);
    const referring = await refused("blob_corrupt", () => refer(worker, BYTES));
    assertEquals(referring.details, details);
    const listing = await refused("store_corrupt", () => worker.removeUnreferencedBlobs());
    assertEquals(listing.details, { file: "workers/a/blobs", reason });
    assertEquals(incoming(disk), []);
    assertEquals(disk.list(OUTSIDE).map(({ name }) => name), [sha256]);
    assertEquals(worker.state().transcriptLength, 1);
    await runtime.close();
  });

  Deno.test(`${what} in the place of incoming is moved aside by an opening and by putBlob()`, async () => {
    const disk = await closed();
    plant(disk, `${HOME}/incoming`);
    const { runtime, worker } = await openWorker(disk);
    assertEquals(disk.list(`${HOME}/salvage`).map(({ name }) => name), ["000001-incoming"]);
    plant(disk, `${HOME}/incoming`);
    await worker.putBlob(OTHER);
    assertEquals(await readBack(worker, OTHER), OTHER);
    assertEquals(disk.list(`${HOME}/salvage`).length, 2);
    assertEquals(disk.list(OUTSIDE).map(({ name }) => name), [sha256]);
    await runtime.close();
  });
}

Deno.test("a link in the place of a worker's directory is a typed error, and nothing outside changes", async () => {
  const disk = await closed();
  const { runtime, worker } = await openWorker(disk);
  disk.plant.nothing(`${HOME}/workers/a`);
  disk.plant.link(`${HOME}/workers/a`, "/outside");
  const reason = "it is a symbolic link, not a directory";
  const details = { ...identity, file: "workers/a", reason };
  assertEquals((await refused("blob_corrupt", () => readBack(worker, BYTES))).details, details);
  assertEquals((await refused("blob_corrupt", () => worker.putBlob(BYTES))).details, details);
  assertEquals(disk.list(OUTSIDE).map(({ name }) => name), [sha256]);
  await runtime.close();
});

Deno.test("blob() throws store_permission that names the path where the system refuses", async () => {
  const disk = await closed();
  disk.plant.mode(pathOf(BYTES), 0);
  const { details } = await bothRefuse(disk, "store_permission");
  assertEquals(details, { operation: "open", path: pathOf(BYTES), flag: "" });
});

Deno.test("a directory of blobs that was removed is made again by putBlob()", async () => {
  const disk = await closed();
  const { runtime, worker } = await openWorker(disk);
  await worker.putBlob(OTHER);
  disk.plant.nothing(BLOBS);
  await worker.putBlob(BYTES);
  assertEquals(await readBack(worker, BYTES), BYTES);
  await refused("blob_missing", () => readBack(worker, OTHER));
  await runtime.close();
  const again = await openWorker(disk.crash());
  assertEquals(await readBack(again.worker, BYTES), BYTES);
  await again.runtime.close();
});

/** Reads a blob in pieces, and cancels after the first. */
async function readPart(worker: Worker): Promise<void> {
  const reader = (await worker.blob(refOf(BYTES))).getReader();
  await reader.read();
  await reader.cancel();
}

Deno.test("streams of blobs that are not read to their end leave no file open", async () => {
  const disk = await closed();
  const { runtime, worker } = await openWorker(disk);
  let open = 0;
  disk.onCall = ({ operation, path }) => {
    if (path === pathOf(BYTES) && operation === "open") open++;
    if (path === pathOf(BYTES) && operation === "close") open--;
    return undefined;
  };
  await (await worker.blob(refOf(BYTES))).cancel();
  await worker.blob(refOf(BYTES));
  await readPart(worker);
  assertEquals(open, 0);
  assert((await readBack(worker, BYTES)).length > 0);
  assertEquals(open, 0);
  await runtime.close();
});

Deno.test("a stream of a large blob holds no file between two chunks, and needs no end", async () => {
  const disk = await closed();
  const { runtime, worker } = await openWorker(disk);
  const large = new Uint8Array(600_000);
  const ref = await worker.putBlob(large);
  let open = 0;
  disk.onCall = ({ operation, path }) => {
    if (!path.endsWith(ref.sha256)) return undefined;
    if (operation === "open") open++;
    if (operation === "close") open--;
    return undefined;
  };
  const reader = (await worker.blob(ref)).getReader();
  assert(((await reader.read()).value?.length ?? 0) < large.length);
  assertEquals(open, 0);
  disk.plant.nothing(`${BLOBS}/${ref.sha256}`);
  await refused("blob_missing", async () => {
    while (!(await reader.read()).done);
  });
  await runtime.close();
});

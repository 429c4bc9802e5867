// Disks that fail or are full while a blob is put: nothing is kept, and everything goes on.

import { assert, assertEquals } from "@std/assert";
import type { RuntimeErrorCode } from "../../../mod.ts";
import { type CallFilter, type ErrorCode, failAt, SimulatedDisk } from "../../disk/mod.ts";
import { LOCAL_HOME as HOME } from "../../kit/opened.ts";
import { codesOf, refused } from "../../kit/place.ts";
import { BYTES, incoming, openWorker, OTHER, readBack, refer } from "./given.ts";

const codes: readonly (readonly [ErrorCode, RuntimeErrorCode])[] = [
  ["ENOSPC", "no_space"],
  ["EDQUOT", "no_space"],
  ["EACCES", "store_permission"],
  ["EROFS", "store_permission"],
  ["EIO", "store_io"],
];

const isOfBlobs: CallFilter = ({ path }) => /\/(?:incoming|workers)\b/.test(path);
/** Calls whose failure does not matter: nothing depends on them. */
const isHarmless: CallFilter = ({ operation }) => operation === "close";

for (const [systemCode, code] of codes) {
  Deno.test(`putBlob() throws ${code} whichever call fails with ${systemCode}, and works afterwards`, async () => {
    let failures = 0;
    for (let n = 1;; n++) {
      const disk = new SimulatedDisk();
      const { runtime, worker } = await openWorker(disk);
      await worker.append([{ role: "user", content: "one" }]);
      disk.onCall = failAt(n, systemCode, "once", (call) => isOfBlobs(call) && !isHarmless(call));
      const outcome = await worker.putBlob(BYTES).then(() => "put", (error) => error.code);
      disk.onCall = undefined;
      if (outcome !== "put") {
        failures++;
        assertEquals(outcome, code, `call ${n}`);
        assertEquals(incoming(disk), [], `call ${n}`);
      }
      assertEquals(runtime.health.status, "ok");
      await worker.append([{ role: "user", content: "two" }]);
      await worker.putBlob(BYTES);
      await refer(worker, BYTES);
      await runtime.close();
      const again = await openWorker(disk.crash());
      assertEquals(await readBack(again.worker, BYTES), BYTES);
      assertEquals(codesOf(again.runtime), []);
      await again.runtime.close();
      if (outcome === "put") break;
    }
    assert(failures > 10, `${failures} calls failed`);
  });
}

Deno.test("putBlob() on a full disk throws no_space, a smaller one fits, and all goes on with space again", async () => {
  const disk = new SimulatedDisk();
  const { runtime, worker } = await openWorker(disk);
  await worker.putBlob(new Uint8Array(10));
  const large = new Uint8Array(100_000).fill(1);
  disk.capacityBytes = disk.usedBytes + 4_096;
  for (let count = 0; count < 3; count++) {
    const { details } = await refused("no_space", () => worker.putBlob(large));
    assertEquals(details.systemCode, "ENOSPC");
    assert(details.path.startsWith(`${HOME}/incoming/`), details.path);
    assertEquals(incoming(disk), []);
  }
  assertEquals(runtime.health.status, "ok");
  await worker.putBlob(OTHER);
  await refer(worker, OTHER);
  disk.capacityBytes = Infinity;
  await worker.putBlob(large);
  await refer(worker, large);
  await runtime.close();
  const again = await openWorker(disk.crash());
  assertEquals(await readBack(again.worker, OTHER), OTHER);
  assertEquals(await readBack(again.worker, large), large);
  await again.runtime.close();
});

Deno.test("content that is kept as a blob is rejected on a full disk, and nothing of it is written", async () => {
  const disk = new SimulatedDisk();
  const { runtime, worker } = await openWorker(disk);
  disk.capacityBytes = disk.usedBytes + 65_536;
  const { lastEventId } = runtime;
  const content = "x".repeat(300_000);
  await refused("no_space", () => worker.append([{ role: "tool", content }]));
  assertEquals([runtime.lastEventId, worker.state().transcriptLength], [lastEventId, 0]);
  await worker.append([{ role: "tool", content: "small" }]);
  disk.capacityBytes = Infinity;
  await worker.append([{ role: "tool", content }]);
  const { items } = await worker.transcript();
  assertEquals(await Promise.all(items.map((entry) => worker.content(entry))), ["small", content]);
  await runtime.close();
});

Deno.test("a put whose name was not made durable is made so before an entry refers to it", async () => {
  const disk = new SimulatedDisk();
  const { runtime, worker } = await openWorker(disk);
  await worker.putBlob(OTHER);
  disk.onCall = failAt(
    1,
    "EIO",
    "once",
    ({ operation, path }) => operation === "syncDirectory" && path.endsWith("/blobs"),
  );
  await refused("store_io", () => worker.putBlob(BYTES));
  await refer(worker, BYTES);
  const again = await openWorker(disk.crash());
  assertEquals(again.worker.state().transcriptLength, 1);
  assertEquals(await readBack(again.worker, BYTES), BYTES);
  await again.runtime.close();
  await runtime.close();
});

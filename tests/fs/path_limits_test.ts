// Paths near the system's limit: a worker whose files could not be written is refused before it is created.

import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { FsRuntimeStore } from "../../fs_store.ts";
import { Runtime } from "../../mod.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { codesOf, contentsOf, diskTest, onFiles, refused, speak } from "../kit/place.ts";

/** Each of these letters takes three bytes in a file name. */
const LONG_ID = "A".repeat(80);

function deepRoot(root: string, bytes: number): string {
  let path = root;
  while (path.length < bytes - 101) path = join(path, "d".repeat(100));
  return join(path, "d".repeat(bytes - path.length - 1));
}

diskTest("createWorker() throws invalid_request when the worker's paths would be too long", async (place) => {
  const root = deepRoot(place.root, 3_850);
  const runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
  await speak(runtime, "short", ["one"]);
  const { lastEventId } = runtime;
  const creations = [LONG_ID, "b"].map((workerId) =>
    runtime.createWorker({ workerId, intent: { kind: "assistant" } })
  );
  await refused("invalid_request", () => creations[0]);
  await creations[1];
  assertEquals(runtime.lastEventId, lastEventId + 1, "only the other worker was created");
  await speak(runtime, "b", ["two"]);
  await runtime.flush();
  assertEquals(await contentsOf(runtime, "b"), ["two"]);
  await runtime.close();
  assertEquals(codesOf(runtime), []);
  await using again = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
  assertEquals(codesOf(again), []);
  assertEquals(await contentsOf(again, "b"), ["two"]);
}, { ...onFiles, ignore: onFiles.ignore === true || Deno.build.os !== "linux" });

Deno.test("createWorker() throws invalid_request for each worker when the quarantine's paths would be too long", async () => {
  const disk = new SimulatedDisk();
  // Room for a segment, and not for a name in the quarantine.
  const bytes = 4_095 - "/runtimes/local/events/0000000000000001.jsonl".length;
  const root = deepRoot("/r", bytes);
  const store = new FsRuntimeStore({ root, runtimeId: "local" }, { fileSystem: disk });
  await using runtime = await Runtime.open({ store });
  await refused(
    "invalid_request",
    () => runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } }),
  );
  await runtime.record("goes on", null);
});

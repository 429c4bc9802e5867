// Purging: the files of a worker go, and nothing that is not the store's.

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { SimulatedDisk } from "../../disk/mod.ts";
import { HOME, openOn } from "../../kit/opened.ts";
import { codesOf, contentsOf, diagnosticOf, diskTest, flipBit, refused, speak } from "../../kit/place.ts";
import { RacingDisk } from "../../kit/racing_disk.ts";

diskTest("purge() removes the worker's directory", async (place) => {
  const runtime = await place.open();
  await speak(runtime, "a", ["one"]);
  await runtime.flush();
  assert(place.names("workers/a").includes("transcript.jsonl"));
  await runtime.worker("a").stop();
  await runtime.worker("a").purge();
  await runtime.flush();
  assertEquals(place.names("workers"), []);
  await runtime.close();
  const again = await place.open();
  assertEquals(again.workers().items, []);
  assertEquals(codesOf(again), []);
});

Deno.test("purge() removes blobs that are named while the others are removed", async () => {
  const disk = new SimulatedDisk();
  const { runtime, diagnostics } = await openOn(disk);
  const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await worker.putBlob(new Uint8Array([1]));
  await worker.retire();
  const blobs = `${HOME}/workers/a/blobs`;
  let count = 0;
  // Puts that began before the purge: their renames are under way.
  disk.onCall = ({ operation, path }) => {
    if (operation !== "removeDirectory" || path !== blobs || ++count > 4) return undefined;
    disk.plant.file(`${blobs}/${`${count}`.repeat(64)}`, new Uint8Array([2]));
    return undefined;
  };
  await worker.purge();
  disk.onCall = undefined;
  assertEquals([disk.dump().keys().filter((path) => path.includes("/workers/a")).toArray(), diagnostics], [
    [],
    [],
  ]);
  await runtime.close();
});

diskTest("purge() leaves and reports files that are not the store's", async (place) => {
  const runtime = await place.open();
  await speak(runtime, "a", ["one"]);
  await runtime.flush();
  Deno.writeTextFileSync(place.path("workers/a/notes.txt"), "mine");
  await runtime.worker("a").stop();
  await runtime.worker("a").purge();
  assertEquals(diagnosticOf(runtime, "foreign_entry").workerId, "a");
  assertEquals(place.names("workers/a"), ["notes.txt"]);
  assertEquals(Deno.readTextFileSync(place.path("workers/a/notes.txt")), "mine");
});

diskTest("purge() leaves a link in the place of the directory, and what it leads to", async (place) => {
  const runtime = await place.open();
  await speak(runtime, "a", ["one"]);
  await runtime.flush();
  const elsewhere = join(place.root, "elsewhere");
  Deno.renameSync(place.path("workers/a"), elsewhere);
  Deno.symlinkSync(elsewhere, place.path("workers/a"));
  await runtime.worker("a").stop();
  await runtime.worker("a").purge();
  assert([...Deno.readDirSync(elsewhere)].some(({ name }) => name === "transcript.jsonl"));
});

diskTest(
  "createWorker() with the id of a purged worker begins an empty transcript, also after a repair",
  async (place) => {
    const runtime = await place.open();
    await speak(runtime, "a", ["old one", "old two"]);
    await runtime.worker("a").stop();
    await runtime.worker("a").purge();
    await speak(runtime, "a", ["new one"]);
    assertEquals(await contentsOf(runtime, "a"), ["new one"]);
    await runtime.flush();
    flipBit(place.transcript("a"), -30);
    assertEquals(await contentsOf(runtime, "a"), ["new one"]);
    assert(codesOf(runtime).includes("transcript_rebuilt"));
    await runtime.close();
    assertEquals(await contentsOf(await place.open(), "a"), ["new one"]);
  },
);

diskTest(
  "purge() while the transcript is rebuilt harms neither this worker's end nor the next one's beginning",
  async (place) => {
    const runtime = await place.open();
    await speak(runtime, "a", Array.from({ length: 200 }, (_, index) => `old ${index}`));
    await runtime.flush();
    flipBit(place.transcript("a"), 9_000);
    const reading = contentsOf(runtime, "a").then((contents) => contents.length, (error) => error.code);
    await runtime.worker("a").retire();
    await runtime.worker("a").purge();
    await speak(runtime, "a", ["new"]);
    const outcome = await reading;
    assert(typeof outcome === "number" || outcome === "worker_not_found", String(outcome));
    assertEquals(await contentsOf(runtime, "a"), ["new"]);
    await runtime.close();
    const again = await place.open();
    assertEquals(await contentsOf(again, "a"), ["new"]);
    await again.worker("a").stop();
    await again.worker("a").purge();
    await refused("worker_not_found", () => contentsOf(again, "a"));
  },
);

diskTest(
  "Runtime.open() removes the files of a worker whose purge was the last thing before a kill",
  async (place) => {
    const runtime = await place.open();
    await speak(runtime, "a", ["one"]);
    await speak(runtime, "b", ["two"]);
    await runtime.flush();
    await runtime.worker("a").stop();
    Deno.mkdirSync(place.path("aside"));
    Deno.copyFileSync(place.transcript("a"), place.path("aside/transcript.jsonl"));
    await runtime.worker("a").purge();
    // As if the kill had come between the log and the removal.
    Deno.renameSync(place.path("aside"), place.path("workers/a"));
    await place.kill(runtime);
    const again = await place.open();
    assertEquals(place.names("workers"), ["b"]);
    assertEquals(again.workers().items.length, 1);
  },
);

diskTest(
  "purge() removes worker.json that is renamed into place meanwhile, and warns of nothing",
  async (place) => {
    const fileSystem = new RacingDisk();
    const runtime = await place.open({}, { fileSystem });
    await speak(runtime, "a", ["one"]);
    fileSystem.isHeld = (to) => to.endsWith("worker.json");
    const flushing = runtime.flush();
    await fileSystem.reached.promise;
    await runtime.worker("a").retire();
    await runtime.worker("a").purge();
    fileSystem.isHeld = () => false;
    await flushing;
    assertEquals(place.names("workers"), []);
    assertEquals(codesOf(runtime), []);
  },
);

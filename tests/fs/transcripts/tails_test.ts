// Newest pages kept in memory: within their bound, never stale, never shared.

import { assert, assertEquals } from "@std/assert";
import type { Runtime } from "../../../mod.ts";
import { TranscriptTails } from "../../../src/fs/transcripts/tails.ts";
import { type CallHook, Random, SimulatedDisk } from "../../disk/mod.ts";
import { codesOf, contentsOf, diagnosticOf, diskTest, flipBit, speak } from "../../kit/place.ts";
import { open } from "../../kit/opened.ts";

const transcript = "/data/runtimes/local/workers/a/transcript.jsonl";

async function newest(runtime: Runtime, limit?: number): Promise<unknown[]> {
  return (await runtime.worker("a").transcript({ limit })).items.map(({ content }) => content);
}

/** Counts the reads of the transcript. */
function counted(disk: SimulatedDisk): { reads: number } {
  const count = { reads: 0 };
  const hook: CallHook = ({ operation, path }) => {
    if (operation === "read" && path === transcript) count.reads++;
    return undefined;
  };
  disk.onCall = hook;
  return count;
}

Deno.test("TranscriptTails.get() gives what was put in last, or nothing, however much was put in", () => {
  const tails = new TranscriptTails(10_000);
  const random = new Random(5);
  const owners = Array.from({ length: 30 }, () => ({}));
  const known = new Map<object, string[]>();
  let found = 0;
  for (let round = 0; round < 5_000; round++) {
    const owner = owners[random.below(owners.length)] ?? {};
    if (random.below(20) === 0) {
      tails.delete(owner);
      known.delete(owner);
    } else {
      const texts = Array.from(
        { length: 1 + random.below(5) },
        () => "字x".repeat(random.below(100)) + round,
      );
      tails.put(owner, 1, texts.length, texts);
      known.set(owner, texts);
      assertEquals(tails.get(owner, 1, texts.length), texts, "what fits is there at first");
    }
    for (const [owner, texts] of known) {
      const tail = tails.get(owner, 1, texts.length);
      if (tail === undefined) continue;
      assertEquals(tail, texts);
      found++;
    }
  }
  assert(found > 5_000 * 5, `${found} were found`);
});

Deno.test("TranscriptTails.get() gives a shorter page where it is certain which events hold it", () => {
  const tails = new TranscriptTails(10_000);
  const [single, several] = [{}, {}];
  tails.put(single, 4, 6, ["4", "5", "6"]);
  tails.put(several, 4, 6, ["4 and 5", "6"]);
  assertEquals(tails.get(single, 5, 6), ["5", "6"]);
  assertEquals(tails.get(several, 5, 6), undefined);
  assertEquals(tails.get(several, 4, 6), ["4 and 5", "6"]);
  for (const owner of [single, several]) {
    assertEquals(tails.get(owner, 3, 6), undefined, "a longer page");
    assertEquals(tails.get(owner, 4, 7), undefined, "one that came since");
    assertEquals(tails.get(owner, 4, 5), undefined, "one that is not the newest");
  }
});

Deno.test("TranscriptTails.put() keeps none that is larger than its bound, or than one may be", () => {
  const owner = {};
  const small = new TranscriptTails(100);
  small.put(owner, 1, 1, ["x".repeat(101)]);
  assertEquals(small.get(owner, 1, 1), undefined);
  small.put(owner, 1, 1, ["x".repeat(100)]);
  assertEquals(small.get(owner, 1, 1), ["x".repeat(100)]);
  small.put(owner, 1, 1, ["字".repeat(40)]);
  assertEquals(small.get(owner, 1, 1), undefined);
  const large = new TranscriptTails();
  large.put(owner, 1, 1, ["x".repeat(300_000)]);
  assertEquals(large.get(owner, 1, 1), undefined);
});

Deno.test("transcript() reads the newest page once, and again after an append", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  await speak(runtime, "a", ["one", "two"]);
  assertEquals(await newest(runtime), ["one", "two"]);
  const count = counted(disk);
  assertEquals(await newest(runtime), ["one", "two"]);
  assertEquals(await newest(runtime, 1), ["two"]);
  assertEquals(count.reads, 0);
  await speak(runtime, "a", ["three"]);
  assertEquals(await newest(runtime), ["one", "two", "three"]);
  await runtime.flush();
  assertEquals(await newest(runtime), ["one", "two", "three"]);
  assertEquals(await newest(runtime, 2), ["two", "three"]);
  assert(count.reads > 0);
  disk.onCall = undefined;
  await runtime.close();
});

Deno.test("transcript() gives every reader of the newest page a page of its own", async () => {
  const runtime = await open(new SimulatedDisk());
  const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await worker.append([{ role: "tool", content: "one", metadata: { of: { x: [1] } } }]);
  const pages = await Promise.all(Array.from({ length: 3 }, () => worker.transcript()));
  const [first] = pages[0]?.items ?? [];
  Object.assign(first ?? {}, { content: "changed" });
  Object.assign(first?.metadata?.["of"] ?? {}, { x: "changed" });
  (pages[0]?.items as unknown[]).length = 0;
  for (const page of [...pages.slice(1), await worker.transcript()]) {
    assertEquals(page.items.map(({ content, metadata }) => [content, metadata]), [["one", {
      of: { x: [1] },
    }]]);
  }
  await runtime.close();
});

Deno.test("transcript() knows nothing of a purged worker when its id is used again", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  for (const contents of [["old one", "old two"], ["new one", "new two"], []]) {
    await speak(runtime, "a", contents);
    assertEquals(await newest(runtime), contents);
    assertEquals(await newest(runtime), contents);
    await runtime.worker("a").retire();
    await runtime.worker("a").purge();
  }
  await runtime.close();
});

diskTest("transcript() forgets the newest page of a transcript that is found damaged", async (place) => {
  const contents = Array.from({ length: 90 }, (_, index) => `${index}: ${"x".repeat(100)}`);
  const runtime = await place.open();
  await speak(runtime, "a", contents);
  await runtime.flush();
  assertEquals(await newest(runtime), contents.slice(-50));
  const path = place.transcript("a");
  const before = Deno.readFileSync(path);
  flipBit(path, before.length >> 2);
  flipBit(path, -60);
  assertEquals(await newest(runtime), contents.slice(-50), "damage goes unnoticed here");
  assertEquals(await contentsOf(runtime, "a"), contents);
  diagnosticOf(runtime, "transcript_rebuilt");
  assertEquals(Deno.readFileSync(path), before);
  assertEquals(await newest(runtime), contents.slice(-50));
});

Deno.test("transcript() returns the newest page of lines that wait for a full disk, and of later ones", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  await speak(runtime, "a", ["one"]);
  await runtime.flush();
  disk.onCall = ({ operation, path }) =>
    operation === "write" && path === transcript ? { kind: "error", code: "ENOSPC" } : undefined;
  await speak(runtime, "a", ["two"]);
  assertEquals(await newest(runtime), ["one", "two"]);
  assertEquals(await newest(runtime), ["one", "two"]);
  await speak(runtime, "a", ["three"]);
  assertEquals(await newest(runtime), ["one", "two", "three"]);
  disk.onCall = undefined;
  await runtime.flush();
  assertEquals(await newest(runtime), ["one", "two", "three"]);
  assertEquals(codesOf(runtime).includes("transcript_rebuilt"), false);
  await runtime.close();
});

Deno.test("transcript() keeps no page of a read that failed", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  await speak(runtime, "a", ["one", "two"]);
  await runtime.flush();
  disk.onCall = ({ operation, path }) =>
    operation === "read" && path === transcript ? { kind: "error", code: "EIO" } : undefined;
  const outcome = await newest(runtime).catch(({ code }) => code);
  assertEquals(outcome, "store_io");
  disk.onCall = undefined;
  assertEquals(await newest(runtime), ["one", "two"]);
  await runtime.close();
});

// Transcripts on a failing disk: acknowledged lines are never lost, and can be read meanwhile.

import { assert, assertEquals } from "@std/assert";
import { type CallHook, SimulatedDisk } from "../../disk/mod.ts";
import { codesOf, contentsOf, speak } from "../../kit/place.ts";
import { open } from "../../kit/opened.ts";

const transcript = "/data/runtimes/local/workers/a/transcript.jsonl";

function failing(code: "ENOSPC" | "EIO", operation: string): CallHook {
  return (call) =>
    call.path === transcript && call.operation === operation ? { kind: "error", code } : undefined;
}

Deno.test("flush() leaves lines waiting on a full disk, readable, and writes them when there is space", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  await speak(runtime, "a", ["one"]);
  await runtime.flush();
  disk.onCall = failing("ENOSPC", "write");
  await speak(runtime, "a", ["two"]);
  await runtime.flush();
  await speak(runtime, "a", ["three"]);
  assertEquals(await contentsOf(runtime, "a"), ["one", "two", "three"]);
  assert(codesOf(runtime).includes("projection_failed"));
  const page = await runtime.worker("a").transcript({ after: 1, limit: 1 });
  assertEquals(page.items.map(({ content }) => content), ["two"]);
  assertEquals(new TextDecoder().decode(disk.peek(transcript)).includes('"two"'), false);
  disk.onCall = undefined;
  await runtime.flush();
  assertEquals(new TextDecoder().decode(disk.peek(transcript)).includes('"three"'), true);
  assertEquals(await contentsOf(runtime, "a"), ["one", "two", "three"]);
  await runtime.close();
  assertEquals(codesOf(runtime).includes("transcript_rebuilt"), false);
});

Deno.test("flush() leaves lines waiting when the disk is full at the first line of a transcript", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  disk.onCall = failing("ENOSPC", "write");
  await speak(runtime, "a", ["one"]);
  await runtime.flush();
  assertEquals(await contentsOf(runtime, "a"), ["one"]);
  await speak(runtime, "a", ["two"]);
  disk.onCall = undefined;
  assertEquals(await contentsOf(runtime, "a"), ["one", "two"]);
  await runtime.close();
  const again = await open(disk.attach());
  assertEquals(await contentsOf(again, "a"), ["one", "two"]);
  await again.close();
});

Deno.test("flush() leaves lines waiting when a write on a full disk was short", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  await speak(runtime, "a", ["one"]);
  await runtime.flush();
  const before = disk.peek(transcript);
  let writes = 0;
  disk.onCall = (call) => {
    if (call.path !== transcript || call.operation !== "write") return undefined;
    return ++writes % 2 === 1 ? { kind: "short" } : { kind: "error", code: "ENOSPC" };
  };
  await speak(runtime, "a", ["two", "three"]);
  await runtime.flush();
  assert(writes >= 2);
  assertEquals(disk.peek(transcript), before, "the file ends where it was right");
  disk.onCall = undefined;
  assertEquals(await contentsOf(runtime, "a"), ["one", "two", "three"]);
  await runtime.close();
});

Deno.test("transcript() is whole, and all of it on disk later, after a write to it failed with EIO", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  await speak(runtime, "a", ["one"]);
  await runtime.flush();
  disk.onCall = failing("EIO", "write");
  await speak(runtime, "a", ["two"]);
  await runtime.flush();
  disk.onCall = undefined;
  await speak(runtime, "a", ["three"]);
  assertEquals(await contentsOf(runtime, "a"), ["one", "two", "three"]);
  const codes = codesOf(runtime);
  assert(codes.includes("projection_failed") || codes.includes("transcript_rebuilt"), codes.join());
  await runtime.close();
  assertEquals(new TextDecoder().decode(disk.peek(transcript)).includes('"three"'), true);
  const again = await open(disk.attach());
  assertEquals(codesOf(again), []);
  assertEquals(await contentsOf(again, "a"), ["one", "two", "three"]);
  await again.close();
});

Deno.test("close() writes a checkpoint that has a transcript rebuilt whose sync failed", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  await speak(runtime, "a", ["one", "two"]);
  disk.onCall = failing("EIO", "syncData");
  await runtime.close();
  assertEquals(codesOf(runtime), ["transcript_rebuilt"]);
  // A power cut now: what was acknowledged is in the log.
  const again = await open(disk.crash());
  assertEquals(await contentsOf(again, "a"), ["one", "two"]);
  await again.close();
});

Deno.test("Worker.transcript() leaves no gap between a page that is full and lines that wait for space", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  // More than a page.
  const long = Array.from({ length: 9 }, (_, index) => `${index} ${"x".repeat(600_000)}`);
  for (const text of long) await speak(runtime, "a", [text]);
  await runtime.flush();
  disk.onCall = failing("ENOSPC", "write");
  await speak(runtime, "a", ["small"]);
  for (const after of [0, 1, 3, 8]) {
    const { items, next } = await runtime.worker("a").transcript({ after, limit: 100 });
    assertEquals(items.map(({ seq }) => seq), items.map((_, index) => after + 1 + index));
    assertEquals(next, items.at(-1)?.seq === 10 ? null : items.at(-1)?.seq);
  }
  const { items } = await runtime.worker("a").transcript({ limit: 100 });
  assertEquals(items.map(({ seq }) => seq), items.map((_, index) => 11 - items.length + index));
  disk.onCall = undefined;
  await runtime.close();
});

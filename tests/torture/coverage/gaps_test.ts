// Branches of critical files that no other test takes.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { isRuntimeError, type Runtime, RuntimeError } from "../../../mod.ts";
import { LINE_BYTES_MAX, lineMarks, sealedBytes, transcriptSpan } from "../../../src/fs/lines/codec.ts";
import { parseObject } from "../../../src/fs/lines/sealed.ts";
import { segmentHeader } from "../../../src/fs/log/segments.ts";
import { findLine } from "../../../src/fs/lines/search.ts";
import { failAt, SimulatedDisk } from "../../disk/mod.ts";
import { allEvents, transcript } from "../kit/readings.ts";
import { fileOf } from "../../fs/lines/bytes_file.ts";
import { HOME, openOn, smallConfig } from "../../kit/opened.ts";

const encoder = new TextEncoder();
const SEGMENT = `${HOME}/events/0000000000000001.jsonl`;

Deno.test("parseObject() throws store_corrupt for JSON that is no object", () => {
  for (const text of ["[1]", "1", "null", '"a"']) assertThrows(() => parseObject(text, "f"), RuntimeError);
});

Deno.test("lineMarks() gives nothing for a line that is shorter than its marks", () => {
  const line = encoder.encode('12,"crc":"00000000"}');
  assertEquals(lineMarks(line, 0, line.length), undefined);
});

Deno.test("Runtime.open() takes a sealed checkpoint without its members for an unusable one", async () => {
  const head = '{"format":"worker-runtime/checkpoint","version":1,"runtimeId":"t"';
  const position = '"position":{"segment":1,"offset":1,"lineOffset":0}';
  const noRow = `${head},"through":1,${position},"runtime":{},"workers":[\n{"workerId":1}\n]}`;
  for (const text of [`${head},"workers":[\n]}`, noRow]) {
    const disk = new SimulatedDisk();
    await (await openOn(disk)).runtime.close();
    disk.plant.file(`${HOME}/checkpoint.json`, sealedBytes(text));
    const { runtime, diagnostics } = await openOn(disk);
    assert(
      diagnostics.some(({ code, file }) => code === "checkpoint_unusable" && file === "checkpoint.json"),
    );
    assertEquals((await allEvents(runtime, 10)).length, runtime.lastEventId);
    await runtime.close();
  }
});

Deno.test("Runtime.close() writes a checkpoint of many pieces that opens again", async () => {
  const disk = new SimulatedDisk();
  const { runtime } = await openOn(disk);
  for (const workerId of ["a", "b", "c"]) {
    const worker = await runtime.createWorker({ workerId, intent: { kind: "assistant" } });
    await worker.commit({ data: { text: workerId.repeat(240_000) } });
  }
  await runtime.close();
  assert((disk.peek(`${HOME}/checkpoint.json`)?.length ?? 0) > 600_000);
  const again = await openOn(disk);
  assertEquals(again.diagnostics, []);
  assertEquals(again.runtime.worker("b").state().data, { text: "b".repeat(240_000) });
  await again.runtime.close();
});

Deno.test("Runtime.events() ends a page at its size where it goes over several segments", async () => {
  const disk = new SimulatedDisk();
  disk.plant.file(`${HOME}/config.jsonc`, smallConfig());
  const { runtime } = await openOn(disk);
  const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  for (let count = 0; count < 12; count++) {
    await worker.append(Array.from({ length: 5 }, () => ({ role: "tool", content: "x".repeat(200_000) })));
  }
  const page = await runtime.events({ after: 0, limit: 1_000 });
  assert(page.items.length > 1 && page.next !== null);
  assertEquals((await allEvents(runtime, 1_000)).length, runtime.lastEventId);
  assertEquals((await runtime.events({ limit: 1_000 })).items.at(-1)?.id, runtime.lastEventId);
  await runtime.close();
});

Deno.test("Runtime.events() throws store_io when the log cannot be read", async () => {
  const disk = new SimulatedDisk();
  const { runtime } = await openOn(disk);
  disk.onCall = failAt(1, "EIO", "sticky", ({ operation }) => operation === "read");
  const error = await assertRejects(() => runtime.events());
  assert(isRuntimeError(error) && error.code === "store_io");
  disk.onCall = undefined;
  await runtime.close();
});

Deno.test("Worker.transcript() is that of a worker whose id needs escapes, also when it is read back", async () => {
  const disk = new SimulatedDisk();
  const workerId = 'a"b\\c\u2028';
  const first = await openOn(disk);
  const worker = await first.runtime.createWorker({ workerId, intent: { kind: "assistant" } });
  for (let count = 0; count < 20; count++) await worker.append([{ role: "user", content: `${count}` }]);
  await first.runtime.close();
  const { runtime } = await openOn(disk);
  assertEquals((await transcript(runtime, workerId, 3)).length, 20);
  await runtime.close();
});

Deno.test("Runtime.open() finds no witness in an intact line that does not say what was synced", async () => {
  const disk = new SimulatedDisk();
  const { runtime } = await openOn(disk);
  const log = disk.peek(SEGMENT) ?? new Uint8Array();
  await runtime.close();
  const killed = new SimulatedDisk();
  await (await openOn(killed)).runtime.close();
  for (const name of ["checkpoint.json", "checkpoint.previous.json"]) killed.plant.nothing(`${HOME}/${name}`);
  const behind = [...encoder.encode("torn\n"), ...sealedBytes('{"a":1}')];
  killed.plant.file(SEGMENT, Uint8Array.from([...log, ...behind]));
  const { runtime: again, diagnostics } = await openOn(killed);
  assert(diagnostics.some(({ code }) => code === "torn_tail_cut"));
  await again.close();
});

Deno.test("findLine() gives nothing where a line is none, or longer than a line may be", () => {
  for (const size of [60_000, 3 * LINE_BYTES_MAX]) {
    const bytes = new Uint8Array(size).fill(0x61);
    bytes[99] = bytes[size - 1] = 0x0a;
    const numberOf = (_: Uint8Array, start: number): number => start === 0 ? 1 : 0;
    const lines = { file: fileOf(bytes), start: 0, end: size, first: 1, next: 3, numberOf, countOf: () => 1 };
    assertEquals(findLine(lines, 2), undefined);
  }
});

Deno.test("transcriptSpan() gives nothing for a line that ends in the worker's id", () => {
  const line = encoder.encode(
    '{"id":1,"at":"2026-01-02T03:04:05.678Z","type":"worker.committed","workerId":"ab',
  );
  assertEquals(transcriptSpan(line, 0, line.length), undefined);
});

Deno.test("Runtime.prune() keeps the events from which a transcript is still to be rebuilt", async () => {
  const disk = new SimulatedDisk();
  disk.plant.file(`${HOME}/config.jsonc`, smallConfig());
  const { runtime } = await openOn(disk);
  // The second worker is synced with the first checkpoint that is due.
  await runtime.createWorker({ workerId: "v", intent: { kind: "assistant" } });
  const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
  disk.onCall = failAt(
    1,
    "EIO",
    "once",
    ({ operation, path }) => operation === "syncData" && path.includes("workers"),
  );
  // Enough for one checkpoint to be due, which fails; and no more.
  await worker.sendInput({ role: "user", content: "x".repeat(9_000) });
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setTimeout(resolve, 0));
  assert(runtime.diagnostics().items.some(({ code }) => code === "transcript_rebuilt"));
  // The rebuilding for the checkpoint of the close fails, too.
  disk.onCall = ({ operation, path }) =>
    operation === "open" && path.endsWith("transcript.jsonl.tmp")
      ? { kind: "error", code: "EIO" }
      : undefined;
  await runtime.close();
  disk.onCall = undefined;
  // The older checkpoint of that close marks the transcript for a rebuild; the newer one does not.
  for (let round = 0; round < 3; round++) {
    const again = (await openOn(disk)).runtime;
    const before = again.lastEventId;
    const { firstEventId } = await again.prune();
    if (round === 0) assertEquals(firstEventId, 1);
    if (round === 2) assert(firstEventId > 1 && firstEventId < before);
    assertEquals((await transcript(again, "w", 5)).length, 1);
    await again.close();
  }
});

Deno.test("Worker.transcript() is whole after a failed sync, though the log behind it was pruned", async () => {
  const disk = new SimulatedDisk();
  disk.plant.file(`${HOME}/config.jsonc`, smallConfig());
  const first = (await openOn(disk)).runtime;
  const say = async (runtime: Runtime): Promise<void> => {
    for (let count = 0; count < 12; count++) {
      await runtime.worker("w").sendInput({ role: "user", content: `${count} ${"x".repeat(900)}` });
    }
  };
  await first.createWorker({ workerId: "w", intent: { kind: "assistant" } });
  await say(first);
  await first.close();
  await (await openOn(disk)).runtime.close();
  const { runtime } = await openOn(disk);
  assert((await runtime.prune()).events > 0);
  disk.onCall = failAt(
    1,
    "EIO",
    "once",
    ({ operation, path }) => operation === "syncData" && path.includes("workers"),
  );
  await say(runtime);
  await runtime.flush();
  disk.onCall = undefined;
  assertEquals((await transcript(runtime, "w", 5)).length, 24);
  await runtime.close();
  const again = (await openOn(disk)).runtime;
  assertEquals((await transcript(again, "w", 5)).length, 24);
  await again.close();
});

Deno.test("Runtime.open() removes an unfinished segment that holds the header of another one", async () => {
  const disk = new SimulatedDisk();
  const { runtime } = await openOn(disk);
  const next = runtime.lastEventId + 1;
  const killed = new SimulatedDisk({ contents: disk.image() });
  await runtime.close();
  // Space that was allocated and never written: it shows the content of a removed file.
  const path = `${HOME}/events/${String(next).padStart(16, "0")}.jsonl`;
  killed.plant.file(path, segmentHeader("t", next - 1));
  const again = await openOn(killed);
  assert(again.diagnostics.some(({ code }) => code === "unfinished_segment_removed"));
  assertEquals((await allEvents(again.runtime, 10)).length, again.runtime.lastEventId);
  await again.runtime.close();
});

// Branches of the store's heart that no other test takes, each by what leads there.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { isRuntimeError, RuntimeError } from "../../../mod.ts";
import { lineMarks, sealedBytes } from "../../../src/fs/lines.ts";
import { parseObject } from "../../../src/fs/sealed.ts";
import { findLine } from "../../../src/fs/sorted_lines.ts";
import { failAt, SimulatedDisk } from "../../disk/mod.ts";
import { allEvents, transcript } from "../kit/readings.ts";
import { HOME, openOn, smallConfig } from "../kit/opened.ts";

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
    await worker.updateState({ text: workerId.repeat(240_000) });
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
    await worker.append([{ role: "tool", content: "x".repeat(1_000_000) }]);
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
  const bytes = new Uint8Array(60_000).fill(0x61);
  bytes[99] = bytes[59_999] = 0x0a;
  const file = {
    read: (target: Uint8Array, position: number) => {
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
    stat: () => ({ kind: "file", size: bytes.length, links: 1 }) as const,
    close: () => {},
    write: () => 0,
    truncate: () => {},
    syncDataNow: () => {},
    syncData: () => Promise.resolve(),
    sync: () => Promise.resolve(),
  };
  const numberOf = (_: Uint8Array, start: number): number => start === 0 ? 1 : 0;
  const lines = { file, start: 0, end: bytes.length, first: 1, next: 3, numberOf, countOf: () => 1 };
  assertEquals(findLine({ ...lines, lineBytesMax: 100_000 }, 2), undefined);
  assertEquals(findLine({ ...lines, lineBytesMax: 1_000 }, 2), undefined);
});

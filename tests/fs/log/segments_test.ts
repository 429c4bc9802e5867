// The writer of the log: segments, and when it waits for the device.

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { segmentPath } from "../../../src/fs/layout.ts";
import { LogWriter } from "../../../src/fs/log/writer.ts";
import { eventJson, linesOf, recordsOf, segmentOf } from "./log_lines.ts";
import { refused } from "../../kit/place.ts";
import { layout, recover } from "../recovery/recovery.ts";
import { begin, bytesOf, failing, setup } from "./writer.ts";

Deno.test("append() begins a new segment once the last has grown past its bound", async () => {
  const { disk, writer } = setup({ segmentBytes: begin.length + 100 });
  await writer.append(recordsOf(3, 3));
  assertEquals(writer.segments, [1]);
  await writer.append(recordsOf(4, 5));
  assertEquals(writer.segments, [1, 4]);
  assertEquals(writer.position.segment, 4);
  const second = segmentPath(layout, 4);
  assertEquals(recover({ 1: bytesOf(disk), 4: bytesOf(disk, second) }).ids, [1, 2, 3, 4, 5]);
  assertEquals(disk.dirtySectors, 0);
  // Its name is durable too.
  assert(disk.crash().peek(second) !== undefined);
  writer.close();
});

Deno.test("startSegment() that fails for space can be repeated, and leaves no file behind", async () => {
  const { disk, writer } = setup();
  const second = segmentPath(layout, 3);
  disk.onCall = ({ operation, path }) =>
    operation === "write" && path === second ? { kind: "error", code: "ENOSPC" } : undefined;
  await refused("no_space", () => writer.startSegment());
  assertEquals(disk.peek(second), undefined);
  disk.onCall = undefined;
  await writer.startSegment();
  await writer.append(recordsOf(3, 3));
  assertEquals(recover({ 1: bytesOf(disk), 3: bytesOf(disk, second) }).ids, [1, 2, 3]);
  writer.close();
});

for (const broken of ["sync", "syncDirectory"] as const) {
  Deno.test(`startSegment() is poisoned when ${broken} of the new segment fails`, async () => {
    const { disk, writer } = setup();
    disk.onCall = failing([broken], "EIO");
    const error = await refused("store_poisoned", () => writer.startSegment());
    disk.onCall = undefined;
    assertStrictEquals(await refused("store_poisoned", () => writer.append(recordsOf(3, 3))), error);
    writer.close();
  });
}

Deno.test("startSegment() throws store_vanished for a segment with events that it did not write", async () => {
  const { disk, writer } = setup();
  const theirs = segmentOf(3, linesOf(3, 4));
  disk.plant.file(segmentPath(layout, 3), theirs);
  await refused("store_vanished", () => writer.startSegment());
  assertEquals(bytesOf(disk, segmentPath(layout, 3)), theirs);
  writer.close();
});

Deno.test("append() with durability written resolves without a sync, until a megabyte has gathered", async () => {
  const { disk, writer } = setup({ durability: "written", segmentBytes: 10_000_000 });
  const syncCount = (): number => disk.calls.count("syncData") + disk.calls.count("syncDataNow");
  await writer.append(recordsOf(3, 3));
  await writer.append(recordsOf(4, 4));
  assertEquals(syncCount(), 0);
  // No line may claim what was not synced.
  assertEquals(new TextDecoder().decode(bytesOf(disk)).match(/"durable":[0-9]+/g)?.slice(-2), [
    '"durable":2',
    '"durable":2',
  ]);
  const json = eventJson(5, "x".repeat(1_048_576));
  await writer.append([{ id: 5, json }]);
  assertEquals(syncCount(), 1);
  await writer.append(recordsOf(6, 6));
  assertEquals(syncCount(), 1);
  await writer.syncNow();
  await writer.syncNow();
  assertEquals(syncCount(), 2);
  assertEquals(recover({ 1: bytesOf(disk) }).end.lastEventId, 6);
  writer.close();
});

Deno.test("forget() leaves out segments that were removed", () => {
  const { disk } = setup();
  const start = { segments: [1, 3, 9], lastEventId: 9, offset: 200, lineOffset: 0 };
  const place = { fs: disk, layout, runtimeId: "local", notice: () => {} };
  const writer = new LogWriter(place, start, { segmentBytes: 1_000, durability: "synced" });
  writer.forget(new Set([1, 3]));
  assertEquals(writer.segments, [9]);
});

// Room ahead of the log: spaces that are written over, and never content.

import { assert, assertEquals } from "@std/assert";
import { contentSize, Padding, PADDING_BYTES_MAX } from "../../../src/fs/log/padding.ts";
import { LogReader } from "../../../src/fs/recovery/recover.ts";
import { Quarantine } from "../../../src/fs/quarantine.ts";
import { repairTail } from "../../../src/fs/recovery/tail.ts";
import { fileOf, joined } from "../lines/bytes_file.ts";
import { linesOf, recordsOf, segmentOf } from "./log_lines.ts";
import { refused } from "../../kit/place.ts";
import { layout, recover } from "../recovery/recovery.ts";
import { begin, bytesOf, contentOf, failing, path, setup } from "./writer.ts";

const text = new TextEncoder().encode("{}\n");

function spaces(count: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(count).fill(0x20);
}

for (const room of [0, 1, 65_535, 65_536, PADDING_BYTES_MAX]) {
  Deno.test(`contentSize() ends before ${room} bytes of room`, () => {
    assertEquals(contentSize(fileOf(joined(text, spaces(room)))), text.length);
  });
}

Deno.test("contentSize() takes spaces beyond what room may be for content", () => {
  const file = fileOf(joined(text, spaces(PADDING_BYTES_MAX + 5)));
  assertEquals(contentSize(file), text.length + 5);
});

Deno.test("contentSize() of an empty file is zero", () => {
  assertEquals(contentSize(fileOf(new Uint8Array())), 0);
});

Deno.test("Padding.behind() begins small, doubles up to its bound, and gives none to a large batch", () => {
  const padding = new Padding();
  const sizes = Array.from({ length: 9 }, () => padding.after(300).length);
  assertEquals(sizes.slice(0, 3), [4_096, 8_192, 16_384]);
  assertEquals(sizes.at(-1), PADDING_BYTES_MAX);
  assertEquals(padding.after(1_000_000).length, 0);
});

Deno.test("append() leaves room of spaces behind the lines, and writes over it without changing the size", async () => {
  const { disk, writer } = setup();
  await writer.append(recordsOf(3, 3));
  const { length } = bytesOf(disk);
  assertEquals(length, contentOf(disk).length + 4_096);
  await writer.append(recordsOf(4, 5));
  assertEquals(bytesOf(disk).length, length);
  const { ids, end } = recover({ 1: bytesOf(disk) });
  assertEquals([ids, end.tail, end.paddingBytes], [[1, 2, 3, 4, 5], undefined, length - end.offset]);
  writer.close();
});

Deno.test("append() goes without room where the disk is too full for it", async () => {
  const { disk, writer } = setup();
  let writes = 0;
  disk.onCall = ({ operation }) =>
    operation === "write" && ++writes === 2 ? { kind: "error", code: "ENOSPC" } : undefined;
  await writer.append(recordsOf(3, 3));
  assertEquals(bytesOf(disk), contentOf(disk));
  await writer.append(recordsOf(4, 4));
  assertEquals(recover({ 1: bytesOf(disk) }).ids, [1, 2, 3, 4]);
  writer.close();
});

Deno.test("append() refuses when there is neither room nor a way back to the end of the batch", async () => {
  const { disk, writer } = setup();
  let writes = 0;
  disk.onCall = (call) => {
    if (call.operation === "write" && ++writes < 2) return undefined;
    return failing(["write", "truncate"], "EIO")(call);
  };
  await refused("store_poisoned", () => writer.append(recordsOf(3, 3)));
  disk.onCall = undefined;
  await refused("store_poisoned", () => writer.append(recordsOf(3, 3)));
  writer.close();
});

Deno.test("startSegment() cuts the room of the segment before it, durably, and begins without any", async () => {
  const { disk, writer } = setup();
  await writer.append(recordsOf(3, 3));
  await writer.startSegment();
  assertEquals(bytesOf(disk), contentOf(disk));
  assertEquals(disk.dirtySectors, 0);
  await writer.append(recordsOf(4, 4));
  writer.close();
});

Deno.test("startSegment() fails for good when the cut of the room cannot be synced", async () => {
  const { disk, writer } = setup();
  await writer.append(recordsOf(3, 3));
  disk.onCall = failing(["syncDataNow", "syncData"], "EIO");
  await refused("store_poisoned", () => writer.startSegment());
  writer.close();
});

Deno.test("finish() cuts the room", async () => {
  const { disk, writer } = setup();
  await writer.append(recordsOf(3, 3));
  writer.finish();
  assertEquals(bytesOf(disk), contentOf(disk));
});

Deno.test("finish() leaves the room where it cannot be cut, and it is no content", async () => {
  const { disk, writer } = setup();
  await writer.append(recordsOf(3, 3));
  disk.onCall = failing(["truncate"], "EIO");
  writer.finish();
  assertEquals(bytesOf(disk).length, contentOf(disk).length + 4_096);
  assertEquals(recover({ 1: bytesOf(disk) }).ids, [1, 2, 3]);
});

Deno.test("finish() leaves what somebody else wrote behind the room", async () => {
  const { disk, writer } = setup();
  await writer.append(recordsOf(3, 3));
  const found = joined(bytesOf(disk), text);
  disk.plant.file(path, found);
  writer.finish();
  assertEquals(bytesOf(disk), found);
});

Deno.test("LogReader finds a torn line within room, and counts no room to it", () => {
  const torn = joined(linesOf(3, 3).subarray(0, 40), spaces(100), linesOf(3, 3).subarray(140));
  const { ids, end } = recover({ 1: joined(begin, torn, spaces(1_000)) });
  assertEquals([ids, end.tail?.row.name], [[1, 2], "torn_tail"]);
  assert(torn.length >= (end.tail?.bytes ?? 0) && end.paddingBytes >= 1_000);
});

Deno.test("LogReader ends a segment before its room, also when it holds no event", () => {
  const { ids, end } = recover({ 1: joined(segmentOf(1), spaces(4_096)) });
  assertEquals([ids, end.lastEventId, end.tail, end.paddingBytes], [[], 0, undefined, 4_096]);
});

Deno.test("repairTail() syncs a truncation of padding by the last writer before another segment can follow", async () => {
  const { disk, writer } = setup();
  await writer.append(recordsOf(3, 3));
  const { position } = writer;
  writer.finish();
  const place = { fs: disk, layout, runtimeId: "local", notice: () => {} };
  const log = new LogReader(place, [1], { through: 3, position });
  assertEquals([...log], []);
  const limits = { quarantineBytes: 1_000, quarantineFiles: 1 };
  await repairTail(place, log.end, new Quarantine(place, limits));
  assertEquals(disk.dirtySectors, 0);
  for (const { disk: left } of disk.crashStates()) assertEquals(bytesOf(left), contentOf(left));
});

// The writer of the log: what a promise of it means when the disk misbehaves.

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { RuntimeError } from "../../../mod.ts";
import { eventJson, lineOf, linesOf, recordsOf, segmentOf } from "./log_lines.ts";
import { refused } from "../../kit/place.ts";
import { recover } from "../recovery/recovery.ts";
import { begin, bytesOf, contentOf, failing, path, setup, syncs } from "./writer.ts";

Deno.test("append() writes whole lines behind the last, synced when it resolves, and gives the lines", async () => {
  const { disk, writer } = setup();
  const lines = await writer.append(recordsOf(3, 5));
  assertEquals(
    contentOf(disk),
    segmentOf(1, linesOf(1, 2), ...[3, 4, 5].map((id) => lineOf(eventJson(id), 2))),
  );
  const texts = lines.map(({ block, start, end }) => block.slice(start, end));
  assertEquals(texts, [3, 4, 5].map((id) => lineOf(eventJson(id), 2)));
  assertEquals(disk.dirtySectors, 0);
  await writer.append(recordsOf(6, 6));
  assertEquals(recover({ 1: bytesOf(disk) }).ids, [1, 2, 3, 4, 5, 6]);
  assertEquals(new TextDecoder().decode(bytesOf(disk)).includes('"durable":5'), true);
  writer.close();
});

Deno.test("append() loops over short writes", async () => {
  const { disk, writer } = setup();
  disk.onCall = ({ operation }) => operation === "write" ? { kind: "short", bytes: 7 } : undefined;
  await writer.append(recordsOf(3, 6));
  assert(disk.calls.count("write") > 20);
  assertEquals(recover({ 1: bytesOf(disk) }).ids, [1, 2, 3, 4, 5, 6]);
  writer.close();
});

for (
  const [code, expected] of [["ENOSPC", "no_space"], ["EDQUOT", "no_space"], ["EIO", "store_io"]] as const
) {
  Deno.test(`append() throws ${expected} after a write failed with ${code}, cuts it off, and the next succeeds`, async () => {
    const { disk, writer } = setup();
    let writes = 0;
    disk.onCall = ({ operation }) => {
      if (operation !== "write") return undefined;
      return ++writes === 1 ? { kind: "short" } : { kind: "error", code };
    };
    const error = await refused(expected, () => writer.append(recordsOf(3, 5)));
    assertEquals(error.details.systemCode, code);
    assert(error.cause instanceof Error);
    assertEquals(bytesOf(disk), begin);
    assertEquals(disk.dirtySectors, 0, "the cut is durable");
    assertEquals([writer.lastEventId, writer.failure], [2, undefined]);
    disk.onCall = undefined;
    await writer.append(recordsOf(3, 3));
    assertEquals(recover({ 1: bytesOf(disk) }).ids, [1, 2, 3]);
    writer.close();
  });
}

for (const broken of ["truncate", "syncDataNow"] as const) {
  Deno.test(`append() is poisoned when a write fails and ${broken} of the cut fails too`, async () => {
    const { disk, writer } = setup();
    disk.onCall = failing(["write", broken], "EIO");
    const error = await refused("store_poisoned", () => writer.append(recordsOf(3, 3)));
    disk.onCall = undefined;
    assertStrictEquals(await refused("store_poisoned", () => writer.append(recordsOf(3, 3))), error);
    writer.close();
  });
}

Deno.test("append() throws store_poisoned after a failed sync, the same error ever after, and syncs no more", async () => {
  const { disk, writer } = setup();
  disk.onCall = failing(syncs, "EIO");
  const error = await refused("store_poisoned", () => writer.append(recordsOf(3, 4)));
  assertEquals(error.details.file, "events/0000000000000001.jsonl");
  assert(error.cause instanceof RuntimeError && error.cause.code === "store_io");
  disk.onCall = undefined;
  const before = disk.calls.count();
  assertStrictEquals(await refused("store_poisoned", () => writer.append(recordsOf(3, 4))), error);
  assertStrictEquals(await refused("store_poisoned", () => writer.syncNow()), error);
  assertStrictEquals(writer.failure as RuntimeError, error as RuntimeError);
  assertEquals(disk.calls.count(), before, "the disk was left alone");
  assertEquals(writer.lastEventId, 2);
  writer.close();
});

Deno.test("append() throws store_vanished when the file was removed", async () => {
  const { disk, writer } = setup();
  await writer.append(recordsOf(3, 3));
  disk.plant.nothing(path);
  const error = await refused("store_vanished", () => writer.append(recordsOf(4, 4)));
  assertEquals(error.details, {
    file: "events/0000000000000001.jsonl",
    reason: "it was moved or removed while the store was open",
  });
  assertStrictEquals(await refused("store_vanished", () => writer.append(recordsOf(4, 4))), error);
  writer.close();
});

Deno.test("append() throws store_vanished when the file was replaced by another", async () => {
  const { disk, writer } = setup();
  await writer.append(recordsOf(3, 3));
  disk.plant.file(path, begin);
  await refused("store_vanished", () => writer.append(recordsOf(4, 4)));
  assertEquals(bytesOf(disk), begin, "the other file is not touched");
  writer.close();
});

const changes: Record<string, (size: number) => number> = {
  "a little longer": (size) => size + 10,
  "much longer": (size) => size + 5_000,
  shorter: (size) => size - 50,
  empty: () => 0,
};
for (const [change, sizeOf] of Object.entries(changes)) {
  Deno.test(`append() throws store_vanished when somebody else made the file ${change}, and writes nothing`, async () => {
    const { disk, writer } = setup();
    await writer.append(recordsOf(3, 3));
    const file = disk.attach().open(path, "update");
    const { size } = file.stat();
    file.truncate(sizeOf(size));
    const found = bytesOf(disk);
    const { details } = await refused("store_vanished", () => writer.append(recordsOf(4, 4)));
    assertEquals(
      details.reason,
      `the file has ${sizeOf(size)} bytes, not ${size}: another process writes it`,
    );
    assertEquals(bytesOf(disk), found);
    writer.close();
  });
}

Deno.test("append() throws store_vanished once somebody else wrote while the one before did", async () => {
  const { disk, writer } = setup();
  const other = disk.attach().open(path, "update");
  disk.onCall = ({ operation }) => {
    if (syncs.includes(operation)) other.write(new Uint8Array(500), other.stat().size);
    return undefined;
  };
  await writer.append(recordsOf(3, 3));
  const found = bytesOf(disk);
  await refused("store_vanished", () => writer.append(recordsOf(4, 4)));
  assertEquals(writer.lastEventId, 3);
  assertEquals(bytesOf(disk), found);
  writer.close();
});

Deno.test("append() is poisoned when the file cannot be checked", async () => {
  const { disk, writer } = setup();
  disk.onCall = failing(["fileStat"], "EIO");
  const error = await refused("store_poisoned", () => writer.append(recordsOf(3, 3)));
  assertEquals(error.details.reason, "the file could not be checked");
  writer.close();
});

Deno.test("syncNow() syncs what was appended while the last sync was under way", async () => {
  const { disk, writer } = setup({ durability: "written" });
  const { now } = performance;
  let ms = 0;
  // Syncs that take long are done off the thread.
  performance.now = () => ms += 100;
  try {
    let id = 3;
    while (disk.calls.count("syncData") === 0) {
      await writer.append(recordsOf(id, id));
      await writer.syncNow();
      id++;
    }
    await writer.append(recordsOf(id, id));
    const syncing = writer.syncNow();
    await writer.append(recordsOf(id + 1, id + 1));
    await syncing;
    await writer.syncNow();
    assertEquals(disk.dirtySectors, 0);
  } finally {
    performance.now = now;
    writer.close();
  }
});

Deno.test("LogWriter.segments stay as they were for whoever has them while a segment begins or goes", async () => {
  const { writer } = setup();
  const { segments } = writer;
  await writer.startSegment();
  const both = writer.segments;
  writer.forget(new Set([1]));
  assertEquals([segments, both, writer.segments], [[1], [1, 3], [3]]);
  writer.close();
});

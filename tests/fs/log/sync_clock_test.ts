// Syncs on this thread or off it, and slow ones told.

import { assertEquals, assertRejects } from "@std/assert";
import type { OpenFile } from "../../../src/fs/disk/file_system.ts";
import { SyncClock } from "../../../src/fs/log/sync_clock.ts";
import { fileOf } from "../lines/bytes_file.ts";

interface Setup {
  readonly clock: SyncClock;
  readonly file: OpenFile;
  readonly how: string[];
  readonly slow: number[];
}

/** A clock on a device that takes as long as `durations` say. */
function setup(durations: number[]): Setup {
  let now = 0;
  const how: string[] = [];
  const slow: number[] = [];
  const clock = new SyncClock((durationMs) => slow.push(durationMs), () => now);
  const file: OpenFile = {
    ...fileOf(new Uint8Array()),
    syncDataNow: () => {
      how.push("inline");
      now += durations.shift() ?? 0;
    },
    syncData: () => {
      how.push("off thread");
      now += durations.shift() ?? 0;
      return Promise.resolve();
    },
  };
  return { clock, file, how, slow };
}

Deno.test("sync() stays on this thread while the device is fast", async () => {
  const { clock, file, how } = setup(Array.from({ length: 50 }, () => 0.05));
  for (let count = 0; count < 50; count++) await clock.sync(file);
  assertEquals(new Set(how), new Set(["inline"]));
});

Deno.test("sync() leaves the thread once the device is slow, and comes back when it is fast again", async () => {
  const { clock, file, how } = setup([8, 8, 8, ...Array.from({ length: 40 }, () => 0.1)]);
  for (let count = 0; count < 43; count++) await clock.sync(file);
  assertEquals(how.slice(0, 4), ["inline", "inline", "inline", "off thread"]);
  assertEquals(how.indexOf("inline", 3), 34, "it is tried after 31 syncs");
  assertEquals(how.at(-1), "inline");
});

Deno.test("sync() stays off the thread while one that is tried on it is slow", async () => {
  const { clock, file, how } = setup([8, 8, 8, ...Array.from({ length: 100 }, () => 2)]);
  for (let count = 0; count < 103; count++) await clock.sync(file);
  assertEquals(how.filter((where) => where === "inline").length, 9, "the first three, and three in 35");
});

Deno.test("sync() tries nothing on the thread while the device takes long", async () => {
  const { clock, file, how } = setup(Array.from({ length: 100 }, () => 8));
  for (let count = 0; count < 100; count++) await clock.sync(file);
  assertEquals(how.filter((where) => where === "inline").length, 3);
});

Deno.test("sync() does not leave the thread for one hiccup", async () => {
  const { clock, file, how } = setup([0.1, 0.1, 300, ...Array.from({ length: 20 }, () => 0.1)]);
  for (let count = 0; count < 23; count++) await clock.sync(file);
  assertEquals(new Set(how), new Set(["inline"]));
});

Deno.test("sync() tells of every sync that takes a second or longer", async () => {
  const { clock, file, slow } = setup([999, 1_000, 20, 2_500]);
  for (let count = 0; count < 4; count++) await clock.sync(file);
  assertEquals(slow, [1_000, 2_500]);
});

Deno.test("sync() passes errors on", async () => {
  const { clock, file } = setup([]);
  const broken: OpenFile = {
    ...file,
    syncDataNow: () => {
      throw new Error("EIO");
    },
  };
  await assertRejects(() => clock.sync(broken), Error, "EIO");
});

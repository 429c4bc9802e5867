// The quarantine: keeps what is cut off, within its bounds.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import type { Notice } from "../../src/core/diagnostics.ts";
import { DenoFileSystem } from "../../src/fs/disk/deno_file_system.ts";
import { Quarantine, type QuarantineLimits } from "../../src/fs/quarantine.ts";
import { diskTest, type TestPlace } from "../kit/place.ts";

interface Setup {
  readonly quarantine: Quarantine;
  readonly notices: Notice[];
}

function setup(place: TestPlace, limits: Partial<QuarantineLimits> = {}): Setup {
  Deno.mkdirSync(place.layout.directory, { recursive: true });
  const notices: Notice[] = [];
  const bounds = { quarantineBytes: 1_000_000, quarantineFiles: 10, ...limits };
  const { layout } = place;
  const context = {
    fs: new DenoFileSystem(),
    layout,
    runtimeId: "local",
    notice: (found: Notice) => void notices.push(found),
  };
  const quarantine = new Quarantine(context, bounds);
  return { quarantine, notices };
}

function write(place: TestPlace, name: string, bytes: Uint8Array | string): string {
  const path = join(place.layout.directory, name);
  Deno.writeFileSync(path, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
  return path;
}

function read(place: TestPlace, name: string): string {
  return Deno.readTextFileSync(join(place.layout.quarantine, name));
}

diskTest(
  "keep() keeps the bytes from an offset on, under a name that says where they were",
  async (place) => {
    const { quarantine, notices } = setup(place);
    const path = write(place, "log.jsonl", "good|bad bytes");
    const name = await quarantine.keep(path, 5);
    assertMatch(name, /^000001-log\.jsonl-5-[0-9a-f]{8}\.bin$/);
    assertEquals(read(place, name), "bad bytes");
    assertEquals(Deno.readTextFileSync(path), "good|bad bytes");
    assertEquals(notices, []);
  },
);

diskTest("keep() keeps identical bytes once, and different ones in order", async (place) => {
  const { quarantine } = setup(place);
  const path = write(place, "a", "same");
  const first = await quarantine.keep(path);
  assertEquals(await quarantine.keep(path), first);
  write(place, "a", "other");
  await quarantine.keep(path);
  await quarantine.keep(write(place, "b", "same"));
  assertEquals(place.names("quarantine").map((name) => name.slice(0, 8)), [
    "000001-a",
    "000002-a",
    "000003-b",
  ]);
});

diskTest("keep() drops the oldest past the number of files, and tells", async (place) => {
  const { quarantine, notices } = setup(place, { quarantineFiles: 3 });
  for (let index = 0; index < 5; index++) await quarantine.keep(write(place, "a", `content ${index}`));
  assertEquals(place.names("quarantine").map((name) => read(place, name)), [
    "content 2",
    "content 3",
    "content 4",
  ]);
  assertEquals(notices.map(({ code, file }) => [code, file?.slice(0, 19)]), [
    ["quarantine_dropped", "quarantine/000001-a"],
    ["quarantine_dropped", "quarantine/000002-a"],
  ]);
});

diskTest("keep() drops the oldest past the number of bytes, as many as it needs", async (place) => {
  const { quarantine, notices } = setup(place, { quarantineBytes: 100 });
  for (const size of [40, 41, 20]) await quarantine.keep(write(place, "a", "x".repeat(size) + size));
  const sizes = (): number[] =>
    place.names("quarantine").map((name) => Deno.statSync(join(place.layout.quarantine, name)).size);
  assertEquals(sizes(), [43, 22]);
  await quarantine.keep(write(place, "a", "y".repeat(90)));
  assertEquals(sizes(), [90]);
  assertEquals(notices.length, 3);
});

diskTest("keep() keeps a large file in parts, all of it", async (place) => {
  const { quarantine } = setup(place, { quarantineBytes: 100_000_000 });
  const bytes = new Uint8Array(20_000_000).map((_, index) => index * 7 + (index >> 13));
  await quarantine.keep(write(place, "big", bytes), 1_000);
  const names = place.names("quarantine");
  assertEquals(names.length, 3);
  const parts = names.map((name) => Deno.readFileSync(join(place.layout.quarantine, name)));
  const kept = new Uint8Array(await new Blob(parts).arrayBuffer());
  assertEquals(kept.length, bytes.length - 1_000);
  assert(kept.every((byte, index) => byte === bytes[index + 1_000]));
});

diskTest("keep() does nothing for a file that is not there, is empty or ends before", async (place) => {
  const { quarantine } = setup(place);
  assertEquals(await quarantine.keep(join(place.layout.directory, "none")), "");
  assertEquals(await quarantine.keep(write(place, "empty", "")), "");
  assertEquals(await quarantine.keep(write(place, "short", "abc"), 3), "");
  assertEquals(place.names("quarantine"), []);
});

// runtime.json: never overwritten, never made up for content that is there.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { Runtime } from "../../../mod.ts";
import { FsRuntimeStore } from "../../../fs_store.ts";
import { DenoFileSystem } from "../../../src/fs/disk/deno_file_system.ts";
import { createIdentity } from "../../../src/fs/place/identity.ts";
import { runtimeLayout } from "../../../src/fs/layout.ts";
import { sealedBytes } from "../../../src/fs/lines/codec.ts";
import { segmentHeader } from "../../../src/fs/log/segments.ts";
import { codesOf, diagnosticOf, diskTest, refused, speak, treeOf } from "../../kit/place.ts";

/** What is there, but for what every opening writes. */
function contentsOf(directory: string): Map<string, string> {
  const tree = treeOf(directory);
  tree.delete("lock");
  tree.delete("owner.json");
  return tree;
}

diskTest("FsRuntimeStore.acquire() writes runtime.json once and leaves it as it is", async (place) => {
  await (await place.open()).close();
  const before = Deno.readTextFileSync(place.layout.identity);
  const { format, version, runtimeId } = JSON.parse(before);
  assertEquals({ format, version, runtimeId }, { format: "worker-runtime", version: 1, runtimeId: "local" });
  await (await place.open()).close();
  assertEquals(Deno.readTextFileSync(place.layout.identity), before);
});

diskTest(
  "createIdentity() throws store_permission and keeps what is there when it cannot be seen",
  async (place) => {
    await (await place.open()).close();
    const before = Deno.readTextFileSync(place.layout.identity);
    const identity = { createdAt: "2026-01-01T00:00:00.000Z", config: {} };
    const files = { fs: new DenoFileSystem(), layout: place.layout, runtimeId: "local" };
    const error = await refused("store_permission", () => createIdentity(files, identity));
    assertEquals(error.details.flag, "--allow-read");
    assertEquals(Deno.readTextFileSync(place.layout.identity), before);
  },
);

diskTest("FsRuntimeStore.acquire() finishes a creation that was torn at any file", async (place) => {
  await (await place.openStore()).close();
  const { identity, events, workers, directory } = place.layout;
  const whole = Deno.readFileSync(identity);
  const tears: (() => void)[] = [
    () => Deno.writeFileSync(identity, whole.subarray(0, 20)),
    () => Deno.writeFileSync(identity, new Uint8Array()),
    () => Deno.removeSync(identity),
    () => {
      Deno.removeSync(identity);
      Deno.writeFileSync(place.segment(1), segmentHeader("local", 1).subarray(0, 10));
    },
    () => [identity, place.segment(1), workers].forEach((path) => Deno.removeSync(path)),
    () => [identity, place.segment(1), workers, events].forEach((path) => Deno.removeSync(path)),
    () => Deno.removeSync(directory, { recursive: true }),
  ];
  for (const [index, tear] of tears.entries()) {
    tear();
    const runtime = await place.open();
    assertEquals(runtime.lastEventId, 2, `after tear ${index} it is a new store`);
    const told = codesOf(runtime).filter((code) => code === "unfinished_store_completed");
    // Torn or left-over files are told; that nothing was there yet is not.
    assertEquals(told.length > 0, index < 4, `tear ${index}: ${codesOf(runtime)}`);
    await runtime.close();
    Deno.removeSync(directory, { recursive: true });
    await (await place.openStore()).close();
  }
});

diskTest("FsRuntimeStore.acquire() throws store_missing for content without runtime.json", async (place) => {
  const runtime = await place.open();
  await speak(runtime, "a", ["hello"]);
  await runtime.close();
  Deno.removeSync(place.layout.identity);
  const before = contentsOf(place.layout.directory);
  const error = await refused("store_missing", () => place.openStore());
  assertEquals(error.details.path, place.layout.directory);
  assertEquals(contentsOf(place.layout.directory), before);
  // Any one of them is content.
  for (const name of ["checkpoint.json", "workers", "events"]) {
    const gone = name === "events" ? [place.segment(1)] : [place.path(name)];
    for (const path of gone) Deno.renameSync(path, join(place.root, "aside"));
    await refused("store_missing", () => place.openStore());
    for (const path of gone) Deno.renameSync(join(place.root, "aside"), path);
  }
});

diskTest(
  "FsRuntimeStore.acquire() throws store_corrupt for a damaged runtime.json of a store with content",
  async (place) => {
    await (await place.open()).close();
    Deno.writeTextFileSync(place.layout.identity, "{}");
    const before = contentsOf(place.layout.directory);
    const error = await refused("store_corrupt", () => place.openStore());
    assertEquals(error.details.file, "runtime.json");
    assertEquals(contentsOf(place.layout.directory), before);
  },
);

diskTest(
  "FsRuntimeStore.acquire() throws store_corrupt for a store that was renamed to another runtime",
  async (place) => {
    await (await place.open()).close();
    Deno.renameSync(place.layout.directory, runtimeLayout(place.root, "other").directory);
    const error = await refused(
      "store_corrupt",
      () => place.openStore({ runtimeId: "other" }),
    );
    assertStringIncludes(error.message, '"local"');
  },
);

diskTest(
  "FsRuntimeStore.acquire() without create throws store_missing and creates nothing",
  async (place) => {
    const nowhere = join(place.root, "nowhere");
    await refused(
      "store_missing",
      () => place.openStore({ root: nowhere, runtimeId: "a", create: false }),
    );
    assertEquals([...Deno.readDirSync(place.root)], []);
    await (await place.open()).close();
    await (await place.openStore({ create: false })).close();
    await refused("store_missing", () => place.openStore({ create: false, runtimeId: "b" }));
  },
);

diskTest(
  "FsRuntimeStore.acquire() throws store_version for a newer format, and changes nothing",
  async (place) => {
    await (await place.open()).close();
    const { crc: _, ...identity } = JSON.parse(Deno.readTextFileSync(place.layout.identity));
    Deno.writeFileSync(place.layout.identity, sealedBytes(JSON.stringify({ ...identity, version: 2 })));
    const before = contentsOf(place.layout.directory);
    const error = await refused("store_version", () => place.openStore());
    assertEquals(error.details, { file: "runtime.json", found: 2, supported: 1 });
    assertEquals(contentsOf(place.layout.directory), before);
  },
);

diskTest("FsRuntimeStore.acquire() removes temporary files that a crash left, and tells", async (place) => {
  await (await place.open()).close();
  Deno.writeTextFileSync(place.path("overview.json.tmp"), "half");
  Deno.writeTextFileSync(place.path("events/0000000000000009.jsonl.tmp"), "half");
  const runtime = await place.open();
  assertEquals(diagnosticOf(runtime, "temporary_removed").file, "overview.json.tmp");
  const left = [...place.names(""), ...place.names("events")].filter((name) => name.endsWith(".tmp"));
  assertEquals(left, []);
});

diskTest("FsRuntimeStore.acquire() takes runtimes of any id below one root", async (place) => {
  const ids = ["local", "Local", "../local", "日本語", "a/b", "con"];
  for (const runtimeId of ids) {
    await using runtime = await Runtime.open({
      store: new FsRuntimeStore({ root: place.root, runtimeId }),
    });
    assertEquals(runtime.runtimeId as string, runtimeId);
    assertEquals(runtime.lastEventId, 2);
  }
  assertEquals([...Deno.readDirSync(place.root)].length, 1);
  assertEquals([...Deno.readDirSync(join(place.root, "runtimes"))].length, ids.length);
});

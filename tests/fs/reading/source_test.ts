// FsRuntimeSource: what it does before it is loaded, and while nobody watches.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FsRuntimeSource } from "../../../fs_store.ts";
import { RuntimeError, RuntimeReader } from "../../../mod.ts";
import { failAt, SimulatedDisk } from "../../disk/mod.ts";
import { configured, open } from "../../kit/opened.ts";
import { disk, recorded } from "./beside.ts";

const location = { root: "/data", runtimeId: "local" };
const directory = "/data/runtimes/local";

Deno.test("FsRuntimeSource is constructed without I/O, and answers only once it is loaded", async () => {
  const fileSystem = disk(await recorded((runtime) => runtime.close()));
  let calls = 0;
  fileSystem.onCall = () => void calls++;
  const sources = [location, { directory }].map((place) => new FsRuntimeSource(place, { fileSystem }));
  assertEquals(calls, 0);
  for (const source of sources) {
    assertThrows(() => source.damage, TypeError, "it must be loaded first");
    assertEquals([source.runtimeId, source.directory], ["local", directory]);
    await using reader = await RuntimeReader.open({ source });
    assertEquals([source.damage, reader.lastEventId > 0], [undefined, true]);
  }
  await new FsRuntimeSource(location, { fileSystem }).close();
});

Deno.test("FsRuntimeSource reads the disk only while a watch waits, and not after close()", async () => {
  const fileSystem = disk(await recorded((runtime) => runtime.close()));
  const reader = await RuntimeReader.open({
    source: new FsRuntimeSource(location, { fileSystem, pollMs: 1 }),
  });
  let calls = 0;
  fileSystem.onCall = () => void calls++;
  const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
  await pause();
  assertEquals(calls, 0);
  const watch = reader.watch();
  const waiting = watch.next();
  while (calls === 0) await pause();
  await reader.close();
  assertEquals((await waiting).done, true);
  assert(calls > 0);
  calls = 0;
  await pause();
  assertEquals(calls, 0);
});

Deno.test("RuntimeReader.open() throws typed errors when any call for an absent store fails", async () => {
  const fileSystem = new SimulatedDisk();
  const codeOfOpening = async (): Promise<string> => {
    const source = new FsRuntimeSource(location, { fileSystem });
    return (await assertRejects(() => RuntimeReader.open({ source }), RuntimeError)).code;
  };
  let calls = 0;
  fileSystem.onCall = () => void calls++;
  assertEquals(await codeOfOpening(), "store_missing");
  const count = calls;
  for (let n = 1; n <= count; n++) {
    fileSystem.onCall = failAt(n, "EIO");
    assertEquals([n, await codeOfOpening()], [n, "store_io"]);
  }
  assert(count > 1);
});

Deno.test("RuntimeReader.refresh() reads what was added before the call, also during another reading", async () => {
  const fileSystem = configured({});
  await using owner = await open(fileSystem);
  const source = new FsRuntimeSource(location, { fileSystem: fileSystem.attach() });
  await using reader = await RuntimeReader.open({ source });
  await owner.record("first", null);
  const reading = reader.refresh();
  await owner.record("second", null);
  await reader.refresh();
  assertEquals(reader.lastEventId, owner.lastEventId);
  await reading;
});

// Imports, backups and repairs that a power cut or a full disk ends in the middle.

import { assert, assertEquals } from "@std/assert";
import { FsRuntimeStore } from "../../fs_store.ts";
import { backup, exportRuntime, importRuntime, repair, verify } from "../../operate.ts";
import { isRuntimeError, Runtime } from "../../mod.ts";
import { PowerCut, SimulatedDisk } from "../disk/mod.ts";
import { cutPowerAt, failAt, isChange } from "../disk/mod.ts";
import { streamOf, textOf } from "./kit.ts";
import { everyEventStore } from "./stores.ts";
import { acquire } from "../kit/acquire.ts";

const local = (root: string) => ({ root, runtimeId: "local" });

async function sourceDisk(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  await everyEventStore({ root: "/source", fileSystem: disk });
  return disk;
}

/** The states that a power cut at the n-th change leaves; none when the work was done before that. */
async function cutAt(
  made: SimulatedDisk,
  n: number,
  work: (disk: SimulatedDisk) => Promise<unknown>,
): Promise<SimulatedDisk[]> {
  const disk = made.fork();
  let count = 0;
  const cut = cutPowerAt(1, "after");
  disk.onCall = (call) => isChange(call) && ++count >= n ? cut(call) : undefined;
  const error = await work(disk).then(() => undefined, (reason) => reason);
  disk.onCall = undefined;
  if (count < n) return [];
  assert(error instanceof PowerCut || isRuntimeError(error), String(error));
  return [...disk.crashStates({ exhaustiveSectors: 0, samples: 3 })].map((state) => state.disk);
}

Deno.test("importRuntime() that a power cut ends is no store, or all of it", async () => {
  const source = await sourceDisk();
  const stream = await textOf(exportRuntime(local("/source"), { fileSystem: source }));
  const work = (fileSystem: SimulatedDisk) => importRuntime("/target", streamOf(stream), { fileSystem });
  let whole = 0;
  for (let n = 1;; n++) {
    const states = await cutAt(source, n, work);
    if (states.length === 0) break;
    for (const fileSystem of states) {
      const store = new FsRuntimeStore({ ...local("/target"), create: false }, { fileSystem });
      const opened = await acquire(store).catch((error) => error);
      if (opened !== store) {
        assert(isRuntimeError(opened) && opened.code === "store_missing", String(opened));
        continue;
      }
      whole++;
      await store.close();
      const { verdict, lastEventId } = await verify(local("/target"), { fileSystem });
      assertEquals([verdict === "damaged", lastEventId], [false, 32]);
    }
  }
  assert(whole > 0, "some states hold all of it");
});

Deno.test("backup() that a power cut ends leaves a copy as good as the one before", async () => {
  const source = await sourceDisk();
  const work = (fileSystem: SimulatedDisk) => backup(local("/source"), { to: "/copy", fileSystem });
  let cuts = 0;
  for (let n = 1;; n += 3) {
    const states = await cutAt(source, n, work);
    if (states.length === 0) break;
    cuts++;
    for (const fileSystem of states) {
      // Done again, it is whole.
      const { verified } = await work(fileSystem);
      assertEquals(verified?.verdict, "clean", `cut at ${n}: ${JSON.stringify(verified?.findings)}`);
    }
  }
  assert(cuts > 10, `${cuts} cuts`);
});

Deno.test("repair() that a full disk or a power cut ends loses nothing more, and can be done again", async () => {
  const made = await sourceDisk();
  const path = "/source/runtimes/local/events/0000000000000001.jsonl";
  const file = made.open(path, "update");
  const byte = new Uint8Array(1);
  file.read(byte, 2_000);
  file.write(byte.map((value) => value ^ 1), 2_000);
  await file.sync();
  file.close();
  const before = await verify(local("/source"), { fileSystem: made });
  assertEquals(before.verdict, "damaged");
  const work = (fileSystem: SimulatedDisk) =>
    repair(local("/source"), { fileSystem, apply: true, salvage: true, now: () => 0 });
  for (let n = 1;; n += 2) {
    const states = await cutAt(made, n, work);
    if (states.length === 0) break;
    const full = made.fork();
    full.onCall = failAt(n, "ENOSPC", "sticky", isChange);
    await work(full).catch((error) => assert(isRuntimeError(error), String(error)));
    full.onCall = undefined;
    for (const fileSystem of [...states, full]) {
      const { after, before } = await work(fileSystem);
      assertEquals((after ?? before).verdict, "clean", `cut at ${n}`);
      const store = new FsRuntimeStore({ ...local("/source"), create: false }, { fileSystem });
      await using runtime = await Runtime.open({ store });
      const page = await runtime.events({ after: 0, limit: 4 });
      assertEquals(page.items.map(({ id }) => id), [1, 2, 3, 4]);
    }
  }
});

// repair({ salvage: true }) that is killed: the events it loses are recorded once, with the right range.

import { assert, assertEquals } from "@std/assert";
import { FsRuntimeStore } from "../../../fs_store.ts";
import { repair, verify } from "../../../operate.ts";
import { type CustomEvent, isRuntimeError, Runtime } from "../../../mod.ts";
import { everyEventStore } from "../../cli/stores.ts";
import { chooseRandomly, cutPowerAt, isChange, killAt, Random, SimulatedDisk } from "../../disk/mod.ts";

const local = { root: "/data", runtimeId: "local" };
const DIRECTORY = "/data/runtimes/local";

/** Ways to lose acknowledged events, and the events that are lost. */
const damages: Readonly<
  Record<string, { harm(disk: SimulatedDisk): void; readonly lost: readonly number[] }>
> = {
  "a damaged event": {
    harm: (disk) =>
      change(disk, `${DIRECTORY}/events/0000000000000001.jsonl`, (bytes) => {
        bytes[2_000] = (bytes[2_000] ?? 0) ^ 1;
        return bytes;
      }),
    lost: [8, 32],
  },
  "an older copy of the log": {
    harm: (disk) =>
      change(disk, `${DIRECTORY}/events/0000000000000026.jsonl`, (bytes) => {
        const text = new TextDecoder().decode(bytes).split("\n");
        return new TextEncoder().encode(`${text.slice(0, -4).join("\n")}\n`);
      }),
    lost: [30, 32],
  },
};

function change(disk: SimulatedDisk, path: string, how: (bytes: Uint8Array) => Uint8Array): void {
  disk.plant.file(path, how(disk.peek(path) ?? new Uint8Array()));
}

async function damaged(harm: (disk: SimulatedDisk) => void): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  await everyEventStore({ root: "/data", fileSystem: disk });
  harm(disk);
  return disk;
}

function salvage(fileSystem: SimulatedDisk): Promise<Awaited<ReturnType<typeof repair>>> {
  return repair(local, { fileSystem, apply: true, salvage: true, now: () => 0 });
}

/** The ranges that the log says were lost. */
async function recorded(fileSystem: SimulatedDisk): Promise<readonly (readonly number[])[]> {
  await using runtime = await Runtime.open({
    store: new FsRuntimeStore({ ...local, create: false }, { fileSystem }),
  });
  const { items } = await runtime.events({ after: 0, limit: 1_000 });
  const events = items.filter((event): event is CustomEvent =>
    event.type === "custom" && (event as CustomEvent).name === "runtime.salvaged"
  );
  return events.map(({ data }) => {
    const { firstLostEventId, lastLostEventId } = data as Record<string, number>;
    return [firstLostEventId ?? 0, lastLostEventId ?? 0];
  });
}

for (const [name, { harm, lost }] of Object.entries(damages)) {
  Deno.test(`repair() of ${name} that is killed at any call records the lost range once`, async () => {
    const made = await damaged(harm);
    let [byOpening, byRepair] = [0, 0];
    for (let n = 1;; n += 5) {
      const disk = made.fork();
      disk.onCall = killAt(n);
      const error = await salvage(disk).catch((reason) => reason);
      if (!(error instanceof Error)) break;
      const opened = await recorded(disk.fork()).catch((reason) => reason);
      if (opened instanceof Error) assert(isRuntimeError(opened), `call ${n}: ${opened.stack}`);
      else {
        byOpening++;
        assertEquals(opened, [lost], `opened behind call ${n}`);
      }
      const next = disk.kill();
      const { verdict } = await verify(local, { fileSystem: next });
      if (verdict === "clean") continue;
      byRepair++;
      const { after } = await salvage(next);
      assertEquals(after?.verdict, "clean", `call ${n}: ${JSON.stringify(after?.findings)}`);
      assertEquals(await recorded(next), [lost], `repaired behind call ${n}`);
      assertEquals(next.stat(`${DIRECTORY}/salvage/pending.json`), undefined);
    }
    assert(byOpening > 10 && byRepair > 10, `${byOpening} by an opening, ${byRepair} by a repair`);
  });

  Deno.test(`repair() of ${name} that a power cut ends records the lost range once`, async () => {
    const made = await damaged(harm);
    let cuts = 0;
    for (let n = 1;; n += 2) {
      const disk = made.fork();
      let count = 0;
      disk.onCall = (call) => isChange(call) && ++count === n ? cutPowerAt(1, "after")(call) : undefined;
      const error = await salvage(disk).catch((reason) => reason);
      if (!(error instanceof Error)) break;
      cuts++;
      const next = disk.crash(chooseRandomly(new Random(n)));
      const { verdict } = await verify(local, { fileSystem: next });
      if (verdict !== "clean") assertEquals((await salvage(next)).after?.verdict, "clean", `change ${n}`);
      assertEquals(await recorded(next), [lost], `change ${n}`);
    }
    assert(cuts > 10, `${cuts} cuts`);
  });
}

Deno.test("verify() reports a repair that was interrupted", async () => {
  const { harm, lost } = damages["a damaged event"] ?? { harm: () => {}, lost: [] };
  const disk = await damaged(harm);
  const identity = `${DIRECTORY}/runtime.json`;
  // The first write of the opening that completes it.
  disk.onCall = ({ operation, path }) =>
    operation === "sync" && path === identity ? { kind: "kill", when: "before" } : undefined;
  await salvage(disk).catch(() => {});
  const fileSystem = disk.kill();
  const { verdict, pendingSalvage, counts } = await verify(local, { fileSystem });
  assertEquals([verdict, pendingSalvage, counts.salvage_unrecorded], ["healable", lost, 1]);
  // The loss was accepted already: to complete it takes no consent.
  const done = await repair(local, { fileSystem, apply: true, now: () => 0 });
  assertEquals([done.lost, done.after?.verdict], [lost, "clean"]);
  assertEquals(await recorded(fileSystem), [lost]);
});

Deno.test("Runtime.open() records what a repair lost, though a power cut tore the opening that did at any byte", async () => {
  const made = await damaged(damages["a damaged event"]?.harm ?? (() => {}));
  const segment = `${DIRECTORY}/events/0000000000000008.jsonl`;
  // Killed when the opening has written its events, before they are synced.
  made.onCall = ({ operation, path }) =>
    path === segment && operation.startsWith("syncData") ? { kind: "kill", when: "before" } : undefined;
  await salvage(made).catch(() => {});
  const torn = made.kill();
  const bytes = torn.peek(segment) ?? new Uint8Array();
  const header = bytes.indexOf(0x0a) + 1;
  assert(bytes.length > header + 400, `${bytes.length} bytes`);
  for (let length = header; length <= bytes.length; length += 7) {
    const disk = torn.fork();
    disk.plant.file(segment, bytes.subarray(0, length));
    assertEquals(await recorded(disk), [[8, 32]], `${length} bytes`);
    assertEquals(disk.stat(`${DIRECTORY}/salvage/pending.json`), undefined);
  }
});

// Workers whose first entries have large content: after kills, power cuts and failing calls there is the worker with
// all of its content, or nothing of it.

import { assert, assertEquals } from "@std/assert";
import type { Runtime, RuntimeErrorCode, Worker } from "../../../mod.ts";
import { verify } from "../../../operate.ts";
import {
  type CallFilter,
  type ErrorCode,
  failAt,
  faultAt,
  isChange,
  isSync,
  loseAll,
  SimulatedDisk,
} from "../../disk/mod.ts";
import { configured, LOCAL_HOME as HOME, open } from "../../kit/opened.ts";
import { codesOf, diagnosticOf, refused } from "../../kit/place.ts";
import { incoming } from "./given.ts";

const intent = { kind: "assistant" } as const;
const contents = ["x", "y"].map((letter) => letter.repeat(262_145));
const commit = { entries: [...contents, "small"].map((content) => ({ role: "tool", content })) };

async function create(runtime: Runtime, workerId = "a"): Promise<Worker> {
  return await runtime.createWorker({ workerId, intent }, { commit });
}

/** Creates the worker; false if that was rejected. */
async function creates(runtime: Runtime): Promise<boolean> {
  return await create(runtime).then(() => true, () => false);
}

/** Contents of a worker's entries; undefined if there is no such worker. */
async function contentsOf(runtime: Runtime, workerId = "a"): Promise<unknown[] | undefined> {
  if (!runtime.workers().items.some(({ record }) => record.workerId === workerId)) return undefined;
  const worker = runtime.worker(workerId);
  const { items } = await worker.transcript();
  return await Promise.all(items.map((entry) => worker.content(entry)));
}

/** Number of blobs in the directory of a worker. */
function blobsOf(disk: SimulatedDisk, workerId = "a"): number {
  const directory = `${HOME}/workers/${workerId}/blobs`;
  return disk.stat(directory) === undefined ? 0 : disk.list(directory).length;
}

const CODES = new Set([
  "unclean_open",
  "projection_rebuilt",
  "temporary_removed",
  "torn_tail_cut",
  "unfinished_segment_removed",
]);

/** Opens what is left, and checks that there is all of the worker or nothing of it; and creates it without content. */
async function check(disk: SimulatedDisk, isPromised: boolean, where: string): Promise<boolean> {
  const runtime = await open(disk);
  const found = await contentsOf(runtime);
  assertEquals(codesOf(runtime).filter((code) => !CODES.has(code)), [], where);
  if (found !== undefined) assertEquals(found, [...contents, "small"], where);
  else {
    assert(!isPromised, `${where}: the worker is missing`);
    assertEquals(disk.list(`${HOME}/workers`), [], where);
    await runtime.createWorker({ workerId: "a", intent });
    assertEquals(blobsOf(disk), 0, where);
    await runtime.worker("a").stop();
    await runtime.worker("a").purge();
    await create(runtime);
    assertEquals(await contentsOf(runtime), [...contents, "small"], where);
  }
  await runtime.close();
  assertEquals(incoming(disk), [], where);
  const { findings } = await verify({ root: "/data", runtimeId: "local" }, { fileSystem: disk });
  assertEquals(findings.filter(({ code }) => code !== "quarantine_kept"), [], where);
  return found !== undefined;
}

const changes: CallFilter = (call) => isChange(call) || isSync(call);

/** Calls other than those that check the place of the store, whose failure ends it. */
const isOfBlobs: CallFilter = ({ path, operation }) =>
  /\/(?:incoming|workers)\b/.test(path) && operation !== "close" && operation !== "identity" &&
  !/\.jsonl?$/.test(path);

for (const durability of ["synced", "written"] as const) {
  Deno.test(`createWorker() keeps the worker with its content or nothing, whenever the power is cut (${durability})`, async () => {
    const disk = configured({ durability });
    await (await open(disk)).close();
    const runtime = await open(disk);
    const moments: { readonly disk: SimulatedDisk; readonly isPromised: boolean }[] = [];
    let isPromised = false;
    disk.onCall = (call) => {
      if (changes(call)) moments.push({ disk: disk.fork(), isPromised });
      return undefined;
    };
    await create(runtime);
    // Only a sync makes the event durable.
    isPromised = durability === "synced";
    await runtime.flush();
    moments.push({ disk: disk.fork(), isPromised });
    disk.onCall = undefined;
    await runtime.close();
    const seen = new Set<number>();
    const counts = { true: 0, false: 0 };
    for (const [index, { disk, isPromised }] of moments.entries()) {
      for (const state of disk.crashStates({ exhaustiveSectors: 1, samples: 1, seed: index + 1, seen })) {
        const where = `moment ${index}, choices ${state.choices.join()}`;
        counts[`${await check(state.disk, isPromised, where)}`]++;
      }
    }
    assert(counts.true > 0 && counts.false > 10, JSON.stringify(counts));
  });
}

for (const when of ["before", "after"] as const) {
  Deno.test(`createWorker() keeps the worker with its content or nothing, whichever call is the last (${when} it)`, async () => {
    const counts = { true: 0, false: 0 };
    for (let call = 1;; call++) {
      const disk = new SimulatedDisk();
      const runtime = await open(disk);
      disk.onCall = faultAt(call, { kind: "kill", when }, "once", changes);
      const isCreated = await creates(runtime);
      const isKilled = !disk.alive;
      await runtime.close().catch(() => {});
      if (!isKilled) break;
      const next = disk.attach();
      counts[`${await check(next.fork(), isCreated, `call ${call}`)}`]++;
      await check(next.crash(loseAll), isCreated, `call ${call}, power cut`);
      // A kill of the opening that removes what is left.
      for (let second = 1; call % 4 === 0 && incoming(next).includes("1.a"); second += 3) {
        const opened = next.fork();
        opened.onCall = faultAt(second, { kind: "kill", when }, "once", changes);
        const reopened = await open(opened).catch(() => undefined);
        const isOver = opened.alive;
        opened.onCall = undefined;
        await reopened?.close().catch(() => {});
        if (isOver) break;
        await check(opened.attach(), isCreated, `call ${call}, then ${second}`);
      }
    }
    assert(counts.true > 0 && counts.false > 10, JSON.stringify(counts));
  });
}

const codes: readonly (readonly [ErrorCode, RuntimeErrorCode])[] = [
  ["ENOSPC", "no_space"],
  ["EACCES", "store_permission"],
  ["EIO", "store_io"],
];
for (const [systemCode, code] of codes) {
  for (const persistence of ["once", "sticky"] as const) {
    Deno.test(`createWorker() throws ${code} whichever call fails ${persistence} with ${systemCode}, and works afterwards`, async () => {
      let failures = 0;
      for (let n = 1;; n++) {
        const disk = new SimulatedDisk();
        const runtime = await open(disk);
        let hasFailed = false;
        const hook = failAt(n, systemCode, persistence, isOfBlobs);
        disk.onCall = (call) => {
          const fault = hook(call);
          hasFailed ||= fault !== undefined;
          return fault;
        };
        const outcome = await create(runtime).then(() => "created", (error) => error.code);
        // Other workers are not affected.
        await runtime.createWorker({ workerId: "b", intent });
        disk.onCall = undefined;
        assertEquals(runtime.health.status, "ok", `call ${n}`);
        if (outcome === "created") {
          await runtime.close();
          await check(disk, true, `call ${n}`);
          if (hasFailed) continue;
          break;
        }
        failures++;
        assertEquals(outcome, code, `call ${n}`);
        await runtime.createWorker({ workerId: "a", intent });
        assertEquals(blobsOf(disk), 0, `call ${n}`);
        await runtime.worker("a").stop();
        await runtime.worker("a").purge();
        await create(runtime);
        assertEquals(await contentsOf(runtime), [...contents, "small"], `call ${n}`);
        await runtime.close();
        const again = await open(disk.crash());
        assertEquals(await contentsOf(again), [...contents, "small"], `call ${n}`);
        assertEquals(codesOf(again).filter((code) => code !== "temporary_removed"), [], `call ${n}`);
        await again.close();
      }
      assert(failures > 10, `${failures} calls failed`);
    });
  }
}

Deno.test("createWorker() whose event cannot be written leaves no blob", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  disk.onCall = failAt(
    1,
    "ENOSPC",
    "once",
    ({ operation, path }) => operation === "write" && path.startsWith(`${HOME}/events`),
  );
  await refused("no_space", () => create(runtime));
  disk.onCall = undefined;
  assertEquals([disk.list(`${HOME}/workers`), incoming(disk)], [[], []]);
  await create(runtime);
  assertEquals(await contentsOf(runtime), [...contents, "small"]);
  await runtime.close();
});

/** A disk as a kill leaves it after the blobs were moved to the worker, before its event was written. */
async function interrupted(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  disk.onCall = ({ operation, path }) =>
    operation === "write" && path.startsWith(`${HOME}/events`) ? { kind: "kill", when: "before" } : undefined;
  assertEquals(await creates(runtime), false);
  await runtime.close().catch(() => {});
  const next = disk.attach();
  assertEquals([blobsOf(next), incoming(next).length], [2, 1]);
  return next;
}

Deno.test("Runtime.open() removes the blobs of a worker that was never created, and says so", async () => {
  const disk = await interrupted();
  const { verdict, findings } = await verify({ root: "/data", runtimeId: "local" }, { fileSystem: disk });
  assertEquals(verdict, "clean");
  const facts = findings.filter(({ code }) => !code.startsWith("projection_")).map((
    { code, file },
  ) => [code, file]);
  assertEquals(facts, [["temporary_left", "incoming/1.a"]]);
  const runtime = await open(disk);
  assertEquals(
    diagnosticOf(runtime, "temporary_removed").message,
    'Removed blobs of worker "a", which was never created',
  );
  assertEquals([disk.list(`${HOME}/workers`), incoming(disk)], [[], []]);
  await runtime.close();
});

Deno.test("blobs of a worker that was never created are those of nobody, also if an opening cannot remove them", async () => {
  const disk = await interrupted();
  disk.onCall = ({ operation, path }) =>
    operation === "remove" && path.includes("/workers/a/") ? { kind: "error", code: "EACCES" } : undefined;
  const runtime = await open(disk);
  assertEquals(codesOf(runtime).includes("projection_failed"), true);
  await refused("store_permission", () => runtime.createWorker({ workerId: "a", intent }));
  await runtime.createWorker({ workerId: "b", intent });
  await runtime.close();
  assertEquals([blobsOf(disk), incoming(disk)], [2, ["1.a"]]);
  const second = await open(disk);
  await refused("store_permission", () => create(second));
  disk.onCall = undefined;
  await second.createWorker({ workerId: "a", intent });
  assertEquals(blobsOf(disk), 0);
  await second.close();
  const third = await open(disk);
  assertEquals(await contentsOf(third), []);
  assertEquals(incoming(disk), []);
  await third.close();
});

Deno.test("blobs of a new worker stay when files of an earlier one with its id could not be removed", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  const worker = await create(runtime);
  await runtime.flush();
  await worker.stop();
  disk.onCall = ({ operation, path }) =>
    operation === "remove" && path.endsWith("transcript.jsonl")
      ? { kind: "error", code: "EBUSY" }
      : undefined;
  await worker.purge();
  assertEquals(codesOf(runtime), ["projection_failed"]);
  await create(runtime);
  disk.onCall = undefined;
  await runtime.flush();
  assertEquals(await contentsOf(runtime), [...contents, "small"]);
  await runtime.close();
  const again = await open(disk);
  assertEquals(await contentsOf(again), [...contents, "small"]);
  await again.close();
});

for (const path of ["workers/a", "workers/a/blobs", "incoming/1.a"]) {
  Deno.test(`createWorker() moves aside a file in the place of ${path}`, async () => {
    const disk = new SimulatedDisk();
    const runtime = await open(disk);
    if (path.includes("blobs")) disk.plant.directory(`${HOME}/workers/a`);
    if (path.startsWith("incoming")) disk.plant.directory(`${HOME}/incoming`);
    disk.plant.file(`${HOME}/${path}`, new Uint8Array(3));
    await create(runtime);
    assertEquals(await contentsOf(runtime), [...contents, "small"]);
    assertEquals(disk.list(`${HOME}/salvage`).length, 1);
    await runtime.close();
  });
}

Deno.test("createWorker() of many workers at once keeps the content of each", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  const ids = Array.from({ length: 20 }, (_, index) => `w${index}`);
  await Promise.all(ids.map((id) => create(runtime, id)));
  assertEquals(incoming(disk), []);
  const again = await open(disk.crash(loseAll));
  for (const id of ids) assertEquals(await contentsOf(again, id), [...contents, "small"]);
  await again.close();
  await runtime.close();
});

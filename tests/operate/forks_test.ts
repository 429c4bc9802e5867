// Operations on stores with forks: verify, backup, export and import, lists of blobs.

import { assert, assertEquals } from "@std/assert";
import type { Runtime } from "../../mod.ts";
import { backup, exportRuntime, importRuntime, verify, workerBlobs } from "../../operate.ts";
import { streamOf, textOf } from "../cli/kit.ts";
import { openRuntime } from "../cli/stores.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { refused } from "../kit/place.ts";
import { large, local, say, small, SOURCE, spilled } from "./blobs.ts";

const source = local("/source");
const target = local("/target");
const intent = { kind: "assistant" } as const;

/** Forks of `a`, whose creation is pruned or not; the origin of one is purged. */
async function fill(runtime: Runtime): Promise<void> {
  const a = await runtime.createWorker({ workerId: "a", intent });
  await say(a, "one", large, small);
  await a.append([{ role: "tool", content: spilled }, { role: "user", content: "x".repeat(3_000) }]);
  await say(a, "four");
  await runtime.forkWorker("a", { workerId: "none", atSeq: 0 });
  await runtime.forkWorker("a", { workerId: "f", atSeq: 3 });
  const g = await runtime.forkWorker("f", { workerId: "g" }, {
    commit: { entries: [{ role: "user", content: "own" }] },
  });
  await say(g, "more", small, new Uint8Array([7]));
  const gone = await runtime.forkWorker("g", { workerId: "gone" });
  await gone.retire();
  await gone.purge();
  await runtime.worker("f").retire();
}

async function whole(disk: SimulatedDisk): Promise<void> {
  const runtime = await openRuntime({ root: "/source", fileSystem: disk });
  await fill(runtime);
  await runtime.close();
}

async function pruned(disk: SimulatedDisk): Promise<void> {
  disk.plant.file(
    `${SOURCE}/config.jsonc`,
    new TextEncoder().encode('{ "limits": { "segmentBytes": 4096 } }'),
  );
  for (let turn = 0; turn < 3; turn++) {
    const runtime = await openRuntime({ root: "/source", fileSystem: disk });
    if (turn === 0) await fill(runtime);
    for (let line = 0; line < 8; line++) await say(runtime.worker("a"), "x".repeat(500));
    if (turn === 2) {
      const { firstEventId } = await runtime.prune();
      assert(firstEventId > runtime.worker("g").state().createdEventId, `${firstEventId}`);
      await say(runtime.worker("g"), "after pruning", small);
      await runtime.forkWorker("g", { workerId: "late" });
    }
    await runtime.close();
  }
}

const makers = { "a whole log": whole, "a pruned log": pruned } as const;

async function diskWith(make: (disk: SimulatedDisk) => Promise<void>): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  await make(disk);
  return disk;
}

/** States, transcripts and contents of all workers. */
async function seen(root: string, fileSystem: SimulatedDisk): Promise<unknown> {
  const runtime = await openRuntime({ root, fileSystem });
  const all: unknown[] = [];
  for (const state of runtime.workers({ limit: 100 }).items) {
    const worker = runtime.worker(state.record.workerId);
    const entries = await Array.fromAsync(worker.entries());
    all.push(state, entries, await Promise.all(entries.map((entry) => worker.content(entry))));
    for (const ref of entries.flatMap(({ blobs = [] }) => blobs)) {
      all.push((await new Response(await worker.blob(ref)).bytes()).length);
    }
    assertEquals(await worker.removeUnreferencedBlobs({ dryRun: true }), []);
  }
  await runtime.close();
  return JSON.parse(JSON.stringify(all));
}

async function verdictOf(location: typeof source, fileSystem: SimulatedDisk): Promise<unknown> {
  const { verdict, findings } = await verify(location, { fileSystem });
  return [verdict, findings.filter(({ code }) => !["quarantine_kept", "projection_missing"].includes(code))];
}

for (const [what, make] of Object.entries(makers)) {
  Deno.test(`an export of forks in ${what} is imported with everything, and exported again as the same stream`, async () => {
    const disk = await diskWith(make);
    assertEquals(await verdictOf(source, disk), ["clean", []]);
    const stream = await textOf(exportRuntime(source, { fileSystem: disk }));
    await importRuntime("/target", streamOf(stream), { fileSystem: disk, dryRun: true });
    await importRuntime("/target", streamOf(stream), { fileSystem: disk });
    assertEquals(await verdictOf(target, disk), ["clean", []]);
    assertEquals(await textOf(exportRuntime(target, { fileSystem: disk })), stream);
    assertEquals(await seen("/target", disk), await seen("/source", disk));
  });

  Deno.test(`an export of forks in ${what} without a blob of a base is rejected`, async () => {
    const disk = await diskWith(make);
    const lines = (await textOf(exportRuntime(source, { fileSystem: disk }))).split("\n").slice(0, -2);
    const blobs = await workerBlobs(source, "f", { fileSystem: disk });
    const ofBase = blobs.filter(({ seq }) => seq === undefined).map(({ sha256 }) => sha256);
    assertEquals(ofBase.length, 2);
    for (const sha256 of ofBase) {
      const kept = lines.filter((line) => !line.startsWith(`{"blob":{"workerId":"f","sha256":"${sha256}"`));
      assert(kept.length < lines.length);
      const stream = kept.map((line) => `${line}\n`).join("");
      await refused(
        "store_corrupt",
        () => importRuntime("/other", streamOf(stream), { fileSystem: disk, dryRun: true }),
      );
    }
  });

  Deno.test(`a backup of forks in ${what} is whole, and keeps blobs of a base that the source has lost`, async () => {
    const disk = await diskWith(make);
    const to = "/copy";
    await backup(source, { to, fileSystem: disk });
    assertEquals(await verdictOf(local("/copy"), disk), ["clean", []]);
    const [index, chunk] = (await workerBlobs(source, "g", { fileSystem: disk })).map(({ sha256 }) => sha256);
    for (const sha256 of [index, chunk]) disk.plant.nothing(`${SOURCE}/workers/g/blobs/${sha256}`);
    const runtime = await openRuntime({ root: "/source", fileSystem: disk });
    await say(runtime.worker("g"), "later");
    await runtime.close();
    await backup(source, { to, fileSystem: disk });
    assertEquals(await verdictOf(local("/copy"), disk), ["clean", []]);
    const [verdict] = await verdictOf(source, disk) as [string];
    assertEquals(verdict, "damaged");
  });
}

Deno.test("an export of one fork is a runtime of its own", async () => {
  const disk = await diskWith(whole);
  const stream = await textOf(exportRuntime(source, { fileSystem: disk, worker: "g" }));
  await importRuntime("/target", streamOf(stream), { fileSystem: disk });
  const runtime = await openRuntime({ root: "/target", fileSystem: disk });
  const entries = await Array.fromAsync(runtime.worker("g").entries(), ({ seq }) => seq);
  assertEquals(entries, [1, 2, 3, 4, 5]);
  assertEquals(runtime.worker("g").state().fork?.workerId, "f");
  await runtime.close();
});

Deno.test("workerBlobs() lists the blobs of a base before those that entries refer to", async () => {
  const disk = await diskWith(whole);
  const blobs = await workerBlobs(source, "f", { fileSystem: disk });
  const facts = blobs.map(({ mediaType, references, seq }) => [mediaType, references, seq]);
  assertEquals(facts, [
    ["application/json", 1, undefined],
    ["application/jsonl", 1, undefined],
    ["application/octet-stream", 1, 1],
    ["application/octet-stream", 1, 1],
    ["application/json", 1, 2],
  ]);
});

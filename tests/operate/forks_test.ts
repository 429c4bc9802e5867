// Operations on stores with forks: verify, backup, export and import, lists of blobs.

import { assert, assertEquals } from "@std/assert";
import { backup, exportRuntime, importRuntime, verify, workerBlobs } from "../../operate.ts";
import { streamOf, textOf } from "../cli/kit.ts";
import { openRuntime } from "../cli/stores.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { refused } from "../kit/place.ts";
import { local, say, SOURCE } from "./blobs.ts";
import { forkStore, prunedForkStore } from "./forks.ts";

const source = local("/source");
const target = local("/target");

const makers = { "a whole log": forkStore, "a pruned log": prunedForkStore } as const;

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
  const disk = await diskWith(forkStore);
  const stream = await textOf(exportRuntime(source, { fileSystem: disk, worker: "g" }));
  await importRuntime("/target", streamOf(stream), { fileSystem: disk });
  const runtime = await openRuntime({ root: "/target", fileSystem: disk });
  const entries = await Array.fromAsync(runtime.worker("g").entries(), ({ seq }) => seq);
  assertEquals(entries, [1, 2, 3, 4, 5]);
  assertEquals(runtime.worker("g").state().fork?.workerId, "f");
  await runtime.close();
});

Deno.test("workerBlobs() lists the blobs of a base before those that entries refer to", async () => {
  const disk = await diskWith(forkStore);
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

// importWorker(): a worker of an export in an existing runtime, also after a kill in the middle.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { MemoryRuntimeStore, Runtime } from "../../mod.ts";
import { exportRuntime, importingLabel, importWorker, verify } from "../../operate.ts";
import { streamOf } from "../cli/kit.ts";
import { openRuntime } from "../cli/stores.ts";
import { killAt, SimulatedDisk } from "../disk/mod.ts";
import { refused } from "../kit/place.ts";
import { exports, facts } from "./importing.ts";

const all = await exports();
const { stream, expected } = all["of one stopped worker"] ?? { stream: "", expected: {} };
const intent = { kind: "assistant" } as const;

async function openMemory(): Promise<Runtime> {
  return await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "target" }) });
}

async function openDisk(fileSystem: SimulatedDisk): Promise<Runtime> {
  return await openRuntime({ root: "/target", fileSystem });
}

for (const [what, { stream, expected }] of Object.entries(all)) {
  // The index of a base, and its entries.
  const unreferenced = what.includes("fork") ? 2 : 0;
  Deno.test(`importWorker() of an export ${what} keeps all facts of the worker, under its own or a new id`, async () => {
    const disk = new SimulatedDisk();
    for (const runtime of [await openMemory(), await openDisk(disk)]) {
      await runtime.createWorker({ workerId: "resident", intent });
      for (const as of [undefined, "another"]) {
        const report = await importWorker(runtime, () => streamOf(stream), { workerId: "w", as });
        const entries = expected.transcriptLength as number;
        assertEquals(report, { workerId: as ?? "w", entries, duplicate: false } as typeof report);
        assertEquals(await facts(runtime.worker(as ?? "w")), expected);
      }
      await runtime.close();
    }
    const runtime = await openDisk(disk);
    assertEquals(await facts(runtime.worker("another")), expected);
    assertEquals((await runtime.worker("w").removeUnreferencedBlobs()).length, unreferenced);
    await runtime.close();
    const { verdict, findings } = await verify({ root: "/target", runtimeId: "local" }, { fileSystem: disk });
    const codes = new Set(findings.map(({ code }) => code));
    assertEquals([verdict, [...codes]], ["clean", unreferenced === 0 ? [] : ["blob_unreferenced"]]);
  });
}

Deno.test("importWorker() keeps the outcome of the last run, and names the source in the last event", async () => {
  const runtime = await openMemory();
  await importWorker(runtime, () => streamOf(stream), { workerId: "w" });
  const { lastRun } = runtime.worker("w").state();
  assertEquals([lastRun?.runId, lastRun?.outcome, lastRun?.reason], ["second", "failed", "no more money"]);
  const [event] = (await runtime.worker("w").events({ limit: 1 })).items;
  assert(event?.type === "worker.committed");
  assertEquals([event.status, event.meta], ["stopped", { importedFrom: "local/w@2" }]);
  await runtime.close();
});

Deno.test("importWorker() changes nothing when it is repeated", async () => {
  const runtime = await openMemory();
  const options = { workerId: "w", as: "x" };
  await importWorker(runtime, () => streamOf(stream), options);
  const { lastEventId } = runtime;
  const report = await importWorker(runtime, () => streamOf(stream), options);
  assertEquals([report.duplicate, report.entries, runtime.lastEventId], [
    true,
    expected.transcriptLength,
    lastEventId,
  ]);
  await runtime.close();
});

Deno.test("importWorker() throws worker_exists if the id is in use, also by an import of another stream", async () => {
  const runtime = await openMemory();
  await runtime.createWorker({ workerId: "w", intent });
  await importWorker(runtime, () => streamOf(stream), { workerId: "w", as: "x" });
  const { lastEventId } = runtime;
  await refused("worker_exists", () => importWorker(runtime, () => streamOf(stream), { workerId: "w" }));
  const other = all["of a runtime"]?.stream ?? "";
  await refused(
    "worker_exists",
    () => importWorker(runtime, () => streamOf(other), { workerId: "w", as: "x" }),
  );
  assertEquals(runtime.lastEventId, lastEventId);
  await runtime.close();
});

Deno.test("importWorker() changes nothing for a stream that is damaged or does not have the worker", async () => {
  const runtime = await openMemory();
  const { lastEventId } = runtime;
  const half = stream.slice(0, stream.length / 2);
  const flipped = stream.replace("between", "Between");
  for (const bad of [half, flipped, "", "{}\n", stream.slice(0, -1)]) {
    await refused("store_corrupt", () => importWorker(runtime, () => streamOf(bad), { workerId: "w" }));
  }
  await refused(
    "worker_not_found",
    () => importWorker(runtime, () => streamOf(stream), { workerId: "nobody" }),
  );
  await refused("invalid_request", () => importWorker(runtime, () => streamOf(stream), { workerId: "" }));
  await refused(
    "invalid_request",
    () => importWorker(runtime, () => streamOf(stream), { workerId: "w", as: "" }),
  );
  assertEquals(runtime.lastEventId, lastEventId);
  await runtime.close();
});

/** Opens the stream a first time as it is, and then one that breaks off. */
function brokenOff(): () => AsyncIterable<Uint8Array> {
  let calls = 0;
  return async function* (): AsyncGenerator<Uint8Array> {
    if (++calls === 1) return yield* streamOf(stream);
    yield* streamOf(stream.slice(0, -1_000));
    throw new Error("broken off");
  };
}

Deno.test("importWorker() marks the worker until it is complete, and continues an import that broke off", async () => {
  const runtime = await openMemory();
  await assertRejects(() => importWorker(runtime, brokenOff(), { workerId: "w" }), Error, "broken off");
  const { labels, displayName, status, data } = runtime.worker("w").state();
  assertEquals([labels, displayName, status, data], [
    { [importingLabel]: "local/w@2" },
    undefined,
    "running",
    {},
  ]);
  const { duplicate } = await importWorker(runtime, () => streamOf(stream), { workerId: "w" });
  assertEquals([duplicate, await facts(runtime.worker("w"))], [false, expected]);
  await runtime.close();
});

Deno.test("importWorker() throws the reason of an aborted signal", async () => {
  const runtime = await openMemory();
  const { lastEventId } = runtime;
  const options = { workerId: "w", signal: AbortSignal.abort("enough") };
  const error = await importWorker(runtime, () => streamOf(stream), options).catch((reason) => reason);
  assertEquals([error, runtime.lastEventId], ["enough", lastEventId]);
  await runtime.close();
});

Deno.test("importWorker() rejects a worker that was changed during its import", async () => {
  const runtime = await openMemory();
  await importWorker(runtime, brokenOff(), { workerId: "w" }).catch(() => {});
  const worker = runtime.worker("w");
  await worker.append([{ role: "user", content: "1" }, { role: "user", content: "2" }]);
  const { message } = await refused(
    "invalid_request",
    () => importWorker(runtime, () => streamOf(stream), { workerId: "w" }),
  );
  assertStringIncludes(message, "2 entries");
  await runtime.close();
});

Deno.test("importWorker() keeps 256 labels", async () => {
  const labels = Object.fromEntries(Array.from({ length: 256 }, (_, index) => [`l${index}`, "x"]));
  const disk = new SimulatedDisk();
  const runtime = await openRuntime({ root: "/source", fileSystem: disk });
  await runtime.createWorker({ workerId: "w", intent, labels });
  await runtime.close();
  const target = await openMemory();
  const from = { root: "/source", runtimeId: "local" };
  await importWorker(target, () => exportRuntime(from, { fileSystem: disk }), { workerId: "w" });
  assertEquals(target.worker("w").state().labels, labels);
  await target.close();
});

Deno.test("importWorker() that is killed at any call of the disk can be repeated, and the worker is marked until then", async () => {
  let [kills, marked, complete] = [0, 0, 0];
  const base = new SimulatedDisk();
  await (await openDisk(base)).close();
  for (let n = 1;; n++) {
    const disk = base.fork();
    const runtime = await openDisk(disk);
    disk.onCall = killAt(n);
    const error = await importWorker(runtime, () => streamOf(stream), { workerId: "w" }).then(
      () => undefined,
      (reason) => reason,
    );
    if (error === undefined) {
      disk.onCall = undefined;
      await runtime.close();
      break;
    }
    kills++;
    const next = disk.kill();
    await runtime.close().catch(() => {});
    const again = await openDisk(next);
    const left = again.allWorkers().next().value;
    const isMarked = left !== undefined && importingLabel in left.labels;
    if (isMarked) marked++;
    else if (left !== undefined) {
      complete++;
      assertEquals(left.status, "stopped", `call ${n}`);
    }
    const { duplicate } = await importWorker(again, () => streamOf(stream), { workerId: "w" });
    assertEquals(duplicate, left !== undefined && !isMarked, `call ${n}`);
    assertEquals(await facts(again.worker("w")), expected, `call ${n}`);
    await again.close();
  }
  assert(kills > 20 && marked > 15, `${kills} kills, ${marked} marked, ${complete} complete`);
});

// Worker handles where several commands on them meet.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { MemoryRuntimeStore, Runtime, RuntimeError, type Worker } from "../../mod.ts";
import { Gate, ScriptedStore } from "./scripted_store.ts";

async function start(): Promise<[Runtime, Worker]> {
  const runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local" }) });
  return [runtime, await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } })];
}

Deno.test("beginRun() resolves also when the worker is cancelled and purged right behind it", async () => {
  const [runtime, worker] = await start();
  await using _ = runtime;
  const [run] = await Promise.all([worker.beginRun({ runId: "r" }), worker.cancel(), worker.purge()]);
  assertEquals(run.runId, "r");
  assert(run.signal.aborted);
});

Deno.test("a handle outlives the purge of its worker and works for the next one of that id", async () => {
  const [runtime, worker] = await start();
  await using _ = runtime;
  await worker.stop();
  await worker.purge();
  await assertRejects(() => worker.updateState({}), RuntimeError);
  await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await worker.updateState({ x: 1 });
  assertEquals(worker.state().data, { x: 1 });
});

Deno.test("createWorker() keeps a label whose name is __proto__, or refuses it", async () => {
  const [runtime] = await start();
  await using _ = runtime;
  const labels = JSON.parse('{"__proto__":"x","a":"y"}');
  try {
    const worker = await runtime.createWorker({ intent: { kind: "assistant" }, labels });
    assertEquals(Object.keys(worker.state().record.labels).toSorted(), ["__proto__", "a"]);
  } catch (error) {
    assert(error instanceof RuntimeError && error.code === "invalid_request");
  }
});

Deno.test("watch() of a worker that is purged gives its last event and ends", async () => {
  const [runtime, worker] = await start();
  await using _ = runtime;
  const types: string[] = [];
  const watching = (async () => {
    for await (const event of worker.watch({ after: 0 })) {
      if (types.push(event.type) === 3) break;
    }
  })();
  await worker.stop();
  await worker.purge();
  await watching;
  assertEquals(types, ["worker.created", "worker.stopped", "worker.purged"]);
});

Deno.test("a closed runtime says runtime_closed, whatever its store came to", async () => {
  const [runtime, worker] = await start();
  await runtime.close();
  for (const work of [() => worker.updateState({}), () => worker.transcript(), () => runtime.flush()]) {
    const error = await assertRejects(async () => await work(), RuntimeError) as RuntimeError;
    assertEquals(error.code, "runtime_closed");
  }
});

Deno.test("state() gives a copy whose parts nobody can change", async () => {
  const [runtime, worker] = await start();
  await using _ = runtime;
  await worker.updateState({ x: { y: [1] } });
  const state = worker.state();
  const { data, record, usage, usageByModel } = state;
  const parts = [data, data.x, (data.x as { y: unknown }).y, record, record.labels, usage, usageByModel];
  assert(parts.every(Object.isFrozen));
  Object.assign(state, { status: "cancelled" });
  assertEquals(worker.state().status, "running");
});

Deno.test("refusals name what was asked for, in words", async () => {
  await using runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local" }) });
  const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  const entry = { role: "user", content: "" } as const;
  const expect = { lastEventId: 1 };
  await worker.beginRun({ runId: "r" });
  const messages = await Promise.all([
    worker.sendInput(entry, { key: " " }),
    worker.append([entry], { expect }),
    worker.cancel({ expect }),
    worker.stop(),
    worker.beginRun(),
    runtime.worker("b").updateState({}),
  ].map((asked) => asked.then(() => "done", ({ message }) => message)));
  assertEquals(messages, [
    "Cannot send input: key: blank",
    "Cannot append to transcript: the last event is 4, not 1 as expected",
    "Cannot cancel worker: the last event is 4, not 1 as expected",
    'Cannot stop worker "a": run "r" is open',
    'Cannot begin run of worker "a": run "r" is open',
    'Cannot find worker "b": the runtime has no such worker',
  ]);
});

for (const again of [false, true]) {
  const what = again ? "another one got its id" : "it was purged";
  Deno.test(`transcript() is worker_not_found if ${what} while the page was read`, async () => {
    const store = new ScriptedStore();
    await using runtime = await Runtime.open({ store });
    const create = (): Promise<Worker> =>
      runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    const worker = await create();
    await worker.append([{ role: "tool", content: "old" }, { role: "tool", content: "old" }]);
    const gate = new Gate();
    store.script.readTranscript = async (_read, page) => {
      await gate.passed;
      return await page();
    };
    const pages = [{ after: 0 }, { before: 2 }, {}].map((options) =>
      assertRejects(() => worker.transcript(options), RuntimeError)
    );
    await worker.stop();
    await worker.purge();
    if (again) await (await create()).append([{ role: "tool", content: "new" }]);
    gate.open();
    for (const error of await Promise.all(pages)) {
      assertEquals((error as RuntimeError).code, "worker_not_found");
    }
    delete store.script.readTranscript;
    if (again) assertEquals((await worker.transcript()).items.map(({ content }) => content), ["new"]);
  });
}

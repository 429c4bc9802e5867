// Runs on a store that fails, and their ends.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Runtime, RuntimeError, type Worker } from "../../mod.ts";
import { ScriptedStore } from "./scripted_store.ts";

const full = new RuntimeError("no_space", "Cannot append: full", {
  operation: "write",
  path: "x",
  systemCode: "ENOSPC",
});

async function start(): Promise<{ store: ScriptedStore; runtime: Runtime; worker: Worker }> {
  const store = new ScriptedStore();
  const runtime = await Runtime.open({ store });
  return {
    store,
    runtime,
    worker: await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } }),
  };
}

Deno.test("a disposed run ends as failed, with a reason, and only once", async () => {
  const { runtime, worker } = await start();
  await using _ = runtime;
  const run = await worker.beginRun();
  assert(run.isOpen);
  await run[Symbol.asyncDispose]();
  await run[Symbol.asyncDispose]();
  const { lastRun, lastEventId } = worker.state();
  assertEquals([lastRun?.outcome, lastRun?.reason], ["failed", "it was left without a finish"]);
  assertEquals([run.isOpen, run.signal.aborted, lastEventId], [false, true, run.eventId + 1]);
});

Deno.test("a disposed run rejects with the error of a store that cannot end it, and may be disposed again", async () => {
  const { store, runtime, worker } = await start();
  await using _ = runtime;
  const run = await worker.beginRun();
  store.script.append = () => Promise.reject(full);
  assertEquals(await assertRejects(() => run[Symbol.asyncDispose]()), full);
  assert(run.isOpen);
  delete store.script.append;
  await run[Symbol.asyncDispose]();
  assertEquals(worker.state().lastRun?.outcome, "failed");
});

const ends: Readonly<Record<string, (runtime: Runtime, worker: Worker) => Promise<unknown>>> = {
  "its worker is stopped": (_, worker) => worker.stop({ cancelRun: true }),
  "its worker is purged": async (_, worker) => {
    await worker.retire({ cancelRun: true });
    await worker.purge();
  },
  "the runtime is retired": (runtime) => runtime.retire(),
  "the runtime is closed": (runtime) => runtime.close(),
};

for (const [what, end] of Object.entries(ends)) {
  Deno.test(`a run is disposed without an error after ${what}, also at the same moment`, async () => {
    for (const isSame of [false, true]) {
      const { runtime, worker } = await start();
      await using _ = runtime;
      const run = await worker.beginRun();
      const ending = end(runtime, worker);
      if (!isSame) await ending;
      await Promise.all([ending, run[Symbol.asyncDispose]()]);
      assert(run.signal.aborted);
    }
  });
}

Deno.test("run() throws the reason if the run is ended elsewhere while its work returns", async () => {
  const { runtime, worker } = await start();
  await using _ = runtime;
  const running = worker.run(() => void worker.stop({ cancelRun: true }));
  const error = await assertRejects(() => running, DOMException, "The run was cancelled");
  assertEquals([error.name, worker.state().lastRun?.outcome], ["AbortError", "cancelled"]);
});

Deno.test("run() repeated with the key of a run that has ended does not call its work", async () => {
  const { runtime, worker } = await start();
  await using _ = runtime;
  assertEquals(await worker.run(() => 1, { key: "k" }), 1);
  const again = () => worker.run(() => assert(false, "the work was called"), { key: "k" });
  await assertRejects(again, DOMException, "The run is over");
});

Deno.test("run() throws the error of its work, not that of a store that cannot end the run", async () => {
  const { store, runtime, worker } = await start();
  await using _ = runtime;
  const error = new Error("the model failed");
  const running = worker.run(() => {
    store.script.append = () => Promise.reject(full);
    throw error;
  });
  assertEquals(await assertRejects(() => running), error);
  delete store.script.append;
  assertEquals(worker.state().lastRun, null);
  await worker.openRun?.finish("failed");
});

Deno.test("run() rejects with the error of a store that cannot end it, though its work is done", async () => {
  const { store, runtime, worker } = await start();
  await using _ = runtime;
  const running = worker.run(() => {
    store.script.append = () => Promise.reject(full);
    return 1;
  });
  assertEquals(await assertRejects(() => running), full);
  delete store.script.append;
  assert(worker.openRun?.isOpen);
});

Deno.test("commit() with finish ends the run with the same event as all other changes", async () => {
  const { store, runtime, worker } = await start();
  await using _ = runtime;
  const run = await worker.beginRun({ runId: "r" });
  const receipt = await run.commit({
    entries: [{ role: "assistant", content: [{ type: "text", text: "done" }] }],
    usage: { model: "m", inputTokens: 3 },
    data: { step: "done" },
    finish: { outcome: "completed", reason: "all done" },
  }, { meta: { by: "me" } });
  assertEquals([receipt.eventId, receipt.firstSeq, receipt.lastSeq], [run.eventId + 1, 1, 1]);
  const { lastRun, data, usage, transcriptLength } = worker.state();
  assertEquals([lastRun?.outcome, lastRun?.reason, data, usage.inputTokens, transcriptLength], [
    "completed",
    "all done",
    { step: "done" },
    3,
    1,
  ]);
  const { json = "" } = store.batches.at(-1)?.[0] ?? {};
  assertEquals(Object.keys(JSON.parse(json)), [
    ...["id", "at", "type", "workerId", "seq", "count", "runId"],
    ...["meta", "run", "data", "usage", "entries"],
  ]);
});

Deno.test("finish() rejects an outcome that a host cannot give, and leaves the run open", async () => {
  const { runtime, worker } = await start();
  await using _ = runtime;
  const run = await worker.beginRun();
  for (const outcome of ["interrupted", "done", "", 7, undefined]) {
    const error = await assertRejects(() => run.finish(outcome as "failed"), RuntimeError);
    assertEquals(error.code, "invalid_request");
  }
  assert(run.isOpen);
});

Deno.test("openRun is the run that this process began, and writes to it", async () => {
  const { runtime, worker } = await start();
  await using _ = runtime;
  assertEquals(worker.openRun, undefined);
  const run = await worker.beginRun();
  const open = runtime.worker("a").openRun;
  assertEquals([open?.runId, open?.eventId, open?.at, open?.signal === run.signal], [
    run.runId,
    run.eventId,
    run.at,
    true,
  ]);
  await open?.finish("completed");
  assertEquals([worker.openRun, run.isOpen], [undefined, false]);
});

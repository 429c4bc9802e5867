// Runs that wait for the end of another one: order, cancellation, and the ends that wake them.

import { assert, assertEquals } from "@std/assert";
import { isRuntimeError, type Run, Runtime, RuntimeError, type Worker } from "../../mod.ts";
import { Gate, ScriptedStore, turns } from "./scripted_store.ts";

interface World {
  readonly store: ScriptedStore;
  readonly runtime: Runtime;
  readonly worker: Worker;
  /** Run ids in the order of their beginning, and the errors of those that did not begin. */
  readonly log: string[];
  /** Waits for a run; it is kept for `finish`. */
  readonly wait: (runId: string, options?: { signal?: AbortSignal; key?: string }) => Promise<void>;
  /** Finishes the open run, and lets the next one begin. */
  readonly finish: () => Promise<void>;
}

async function start(): Promise<World> {
  const store = new ScriptedStore();
  const runtime = await Runtime.open({ store });
  const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  const log: string[] = [];
  const wait: World["wait"] = async (runId, options = {}) => {
    try {
      const run: Run = await worker.beginRun({ runId, wait: true, ...options });
      log.push(run.duplicate ? `${run.runId} again` : run.runId);
    } catch (error) {
      log.push(`${runId}: ${isRuntimeError(error) ? error.code : error}`);
    }
  };
  const finish = async (): Promise<void> => {
    await worker.openRun?.finish("completed");
    await turns();
  };
  await worker.beginRun({ runId: "open" });
  return { store, runtime, worker, log, wait, finish };
}

Deno.test("beginRun() with wait begins the runs in the order of the calls", async () => {
  const { runtime, worker, log, wait, finish } = await start();
  await using _ = runtime;
  for (const runId of ["1", "2", "3", "4"]) void wait(runId);
  await turns();
  assertEquals([log, worker.openRun?.runId], [[], "open"]);
  for (const count of [1, 2, 3, 4]) {
    await finish();
    assertEquals(log, ["1", "2", "3", "4"].slice(0, count));
    assertEquals(worker.openRun?.runId, `${count}`);
  }
});

Deno.test("beginRun() with wait begins at once if no run is open", async () => {
  const { runtime, log, wait, finish } = await start();
  await using _ = runtime;
  await finish();
  await wait("1");
  assertEquals(log, ["1"]);
});

for (const aborted of ["1", "2", "3"]) {
  Deno.test(`beginRun() with wait goes on without caller ${aborted} of 3, whose signal aborts`, async () => {
    const { runtime, log, wait, finish } = await start();
    await using _ = runtime;
    const controller = new AbortController();
    for (const runId of ["1", "2", "3"]) {
      void wait(runId, runId === aborted ? { signal: controller.signal } : {});
    }
    await turns();
    controller.abort("enough");
    await turns();
    assertEquals(log, [`${aborted}: enough`]);
    for (let count = 0; count < 3; count++) await finish();
    assertEquals(log.slice(1), ["1", "2", "3"].filter((runId) => runId !== aborted));
  });
}

Deno.test("beginRun() with wait passes the turn on if the woken caller's signal aborts before it begins", async () => {
  const { store, runtime, worker, log, wait } = await start();
  await using _ = runtime;
  const controller = new AbortController();
  void wait("1", { signal: controller.signal });
  void wait("2");
  await turns();
  const gate = new Gate();
  store.script.append = async (_batch, keep) => {
    await gate.passed;
    const result = await keep();
    // The first caller is woken by this commit, and cancelled before its own.
    queueMicrotask(() => controller.abort("enough"));
    delete store.script.append;
    return result;
  };
  const finishing = worker.openRun?.finish("completed");
  gate.open();
  await finishing;
  await turns();
  assertEquals(log.toSorted(), ["1: enough", "2"]);
});

Deno.test("beginRun() with wait passes the turn on if the woken caller repeats a key", async () => {
  const { runtime, log, wait, finish } = await start();
  await using _ = runtime;
  void wait("1", { key: "k" });
  void wait("1", { key: "k" });
  void wait("2");
  await turns();
  await finish();
  assertEquals(log, ["1", "1 again"]);
  await finish();
  assertEquals(log, ["1", "1 again", "2"]);
});

Deno.test("beginRun() with wait keeps the order of calls that are rejected together with the end of a run", async () => {
  const { store, runtime, worker, log, wait, finish } = await start();
  await using _ = runtime;
  const gate = new Gate();
  store.script.append = async (_batch, keep) => {
    delete store.script.append;
    await gate.passed;
    return await keep();
  };
  // One batch: the calls find a run open, which ends with it.
  for (const runId of ["1", "2", "3"]) void wait(runId);
  const finishing = worker.openRun?.finish("completed");
  await turns();
  const overtaking = worker.beginRun({ runId: "overtaking" });
  gate.open();
  await Promise.all([finishing, overtaking]);
  await turns();
  for (let count = 0; count < 4; count++) await finish();
  assertEquals(log, ["1", "2", "3"]);
});

Deno.test("beginRun() with wait keeps its turn if another run begins before it", async () => {
  const { runtime, worker, log, wait, finish } = await start();
  await using _ = runtime;
  void wait("1");
  void wait("2");
  await turns();
  const [, overtaking] = await Promise.all([
    worker.openRun?.finish("completed"),
    worker.beginRun({ runId: "overtaking" }),
  ]);
  await turns();
  assertEquals([log, worker.openRun?.runId], [[], overtaking.runId]);
  await finish();
  assertEquals(log, ["1"]);
  await finish();
  assertEquals(log, ["1", "2"]);
});

for (const status of ["stop", "retire"] as const) {
  Deno.test(`beginRun() with wait rejects every caller after ${status}()`, async () => {
    const { runtime, worker, log, wait } = await start();
    await using _ = runtime;
    for (const runId of ["1", "2", "3"]) void wait(runId);
    await turns();
    await worker[status]({ cancelRun: true });
    await turns(10);
    assertEquals(log, ["1", "2", "3"].map((runId) => `${runId}: worker_not_running`));
  });
}

Deno.test("beginRun() with wait rejects every caller after a purge", async () => {
  const { runtime, worker, log, wait } = await start();
  await using _ = runtime;
  for (const runId of ["1", "2"]) void wait(runId);
  await turns();
  await Promise.all([worker.stop({ cancelRun: true }), worker.purge()]);
  await turns(10);
  assertEquals(log, ["1: worker_not_found", "2: worker_not_found"]);
});

const lost = new RuntimeError("store_vanished", "Cannot append: replaced", { file: "f", reason: "r" });
const ends: Readonly<Record<string, (world: World) => Promise<unknown>>> = {
  "runtime_retired": ({ runtime }) => runtime.retire(),
  "runtime_closed": ({ runtime }) => runtime.close(),
  "store_vanished": ({ store }) => Promise.resolve(store.host?.lost(lost)),
};

for (const [code, end] of Object.entries(ends)) {
  Deno.test(`beginRun() with wait rejects every caller with ${code}`, async () => {
    const world = await start();
    for (const runId of ["1", "2"]) void world.wait(runId);
    await turns();
    await end(world);
    await turns(10);
    assertEquals(world.log, [`1: ${code}`, `2: ${code}`]);
    await world.runtime.close();
  });
}

Deno.test("beginRun() with wait is woken by the end of a run through its worker, its dispose and its failure", async () => {
  const { runtime, worker, log, wait } = await start();
  await using _ = runtime;
  const ends: (() => Promise<unknown>)[] = [
    async () => await worker.openRun?.cancel({ reason: "no" }),
    async () => await worker.openRun?.[Symbol.asyncDispose](),
    async () => await worker.openRun?.commit({ finish: { outcome: "failed" } }),
  ];
  for (const [index, end] of ends.entries()) {
    void wait(`${index}`);
    await turns();
    assertEquals(log.length, index);
    await end();
    await turns();
  }
  assertEquals(log, ["0", "1", "2"]);
  assert(worker.openRun?.runId === "2");
});

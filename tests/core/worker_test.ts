// Worker handles: concurrent commands, and one life of a worker.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type CommitOptions,
  type Json,
  MemoryRuntimeStore,
  type PutBlobOptions,
  Runtime,
  RuntimeError,
  type Worker,
} from "../../mod.ts";
import { Gate, ScriptedStore } from "./scripted_store.ts";

const intent = { kind: "assistant" } as const;

async function start(): Promise<[Runtime, Worker]> {
  const runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local" }) });
  return [runtime, await runtime.createWorker({ workerId: "a", intent })];
}

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  return (await assertRejects(work, RuntimeError)).code;
}

Deno.test("beginRun() resolves if the worker is retired and purged in the same batch", async () => {
  const [runtime, worker] = await start();
  await using _ = runtime;
  const [run] = await Promise.all([
    worker.beginRun({ runId: "r" }),
    worker.retire({ cancelRun: true }),
    worker.purge(),
  ]);
  assertEquals(run.runId, "r");
  assert(run.signal.aborted);
});

Deno.test("a handle ends with its life of the worker, also if the id is used again", async () => {
  const [runtime, worker] = await start();
  await using _ = runtime;
  await worker.stop();
  const purge = await worker.purge({ key: "p" });
  const next = await runtime.createWorker({ workerId: "a", intent });
  const work: (() => Promise<unknown>)[] = [
    () => worker.sendInput({ role: "user", content: "x" }),
    () => worker.commit({ data: {} }),
    () => worker.commit({ usage: { model: "m" } }),
    () => worker.beginRun(),
    () => worker.beginRun({ wait: true }),
    () => worker.run(() => {}),
    () => worker.stop(),
    () => worker.restart(),
    () => worker.retire(),
    () => worker.purge(),
    () => worker.purge({ key: "other" }),
    () => worker.transcript(),
    () => worker.events(),
    () => worker.putBlob(new Uint8Array(1)),
    () => Array.fromAsync(worker.entries()),
    () => worker.watch().next(),
  ];
  for (const call of work) assertEquals(await codeOf(call), "worker_not_found");
  assertThrows(() => worker.state(), RuntimeError);
  assertEquals(await worker.purge({ key: "p" }), { ...purge, duplicate: true });
  assertEquals([worker.openRun, next.state().lastEventId], [undefined, next.state().createdEventId]);
});

Deno.test("a run of an earlier life writes nothing to the next one, not even with the same ids", async () => {
  const [runtime, worker] = await start();
  await using _ = runtime;
  const run = await worker.beginRun({ runId: "r" });
  await worker.retire({ cancelRun: true });
  assertEquals(await codeOf(() => run.append([{ role: "tool", content: "late" }])), "run_ended");
  await worker.purge();
  const next = await runtime.createWorker({ workerId: "a", intent });
  await next.beginRun({ runId: "r" });
  assertEquals(await codeOf(() => run.append([{ role: "tool", content: "late" }])), "worker_not_found");
  await run[Symbol.asyncDispose]();
  assertEquals([next.state().transcriptLength, next.state().run?.runId], [0, "r"]);
});

Deno.test("createWorker() rejects a label whose name is __proto__", async () => {
  const [runtime, worker] = await start();
  await using _ = runtime;
  const labels = JSON.parse('{"__proto__":"x","a":"y"}');
  assertEquals(await codeOf(() => runtime.createWorker({ intent, labels })), "invalid_request");
  assertEquals(await codeOf(() => worker.commit({ labels })), "invalid_request");
});

Deno.test("createWorker() rejects entries with blobs: the worker has none yet", async () => {
  const [runtime, worker] = await start();
  await using _ = runtime;
  const blob = await worker.putBlob(new Uint8Array(1));
  const commit = { entries: [{ role: "user", content: "", blobs: [blob] }] };
  assertEquals(
    await codeOf(() => runtime.createWorker({ workerId: "b", intent }, { commit })),
    "blob_missing",
  );
  assertEquals(runtime.overview().workers.total, 1);
});

Deno.test("commit() rejects members that only the runtime's methods write", async () => {
  const [runtime, worker] = await start();
  await using _ = runtime;
  const run = await worker.beginRun();
  const own = [{ status: "retired" }, { run: { ended: "exploded" } }, { run: { began: true } }, {
    reason: "x",
  }];
  for (const members of own) {
    const changes = { data: {}, ...members } as { data: Record<string, Json> };
    assertEquals(await codeOf(() => worker.commit(changes)), "invalid_request");
    assertEquals(await codeOf(() => run.commit(changes)), "invalid_request");
    assertEquals(
      await codeOf(() => runtime.createWorker({ intent }, { commit: changes })),
      "invalid_request",
    );
  }
  assertEquals(worker.state().lastEventId, run.eventId);
});

Deno.test("a key of beginRun() stands for the run id that the caller chose", async () => {
  const [runtime, worker] = await start();
  await using _ = runtime;
  const run = await worker.beginRun({ key: "k", runId: "r" });
  const again = await worker.beginRun({ key: "k", runId: "r" });
  assertEquals([again.runId, again.eventId, again.duplicate], ["r", run.eventId, true]);
  assertEquals(await codeOf(() => worker.beginRun({ key: "k", runId: "s" })), "key_reused");
  await run.finish("completed");
  const generated = await worker.beginRun({ key: "l" });
  assertEquals((await worker.beginRun({ key: "l" })).runId, generated.runId);
});

Deno.test("watch() of a worker that is purged yields its last event and ends", async () => {
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
  assertEquals(types, ["worker.created", "worker.committed", "worker.purged"]);
});

Deno.test("a closed runtime throws runtime_closed, whatever happened to its store", async () => {
  const [runtime, worker] = await start();
  await runtime.close();
  for (
    const work of [
      () => worker.commit({ data: {} }),
      () => worker.transcript(),
      () => runtime.flush(),
      () => worker.putBlob(new Uint8Array(1)),
      () => worker.beginRun({ wait: true }),
    ]
  ) {
    assertEquals(await codeOf(async () => await work()), "runtime_closed");
  }
});

Deno.test("state() returns a copy whose parts cannot be changed", async () => {
  const [runtime, worker] = await start();
  await using _ = runtime;
  await worker.commit({ data: { x: { y: [1] } }, labels: { l: "1" } });
  const state = worker.state();
  const { data, record, usage, usageByModel, labels } = state;
  const parts = [data, data.x, (data.x as { y: unknown }).y, record, labels, usage, usageByModel];
  assert(parts.every(Object.isFrozen));
  Object.assign(state, { status: "retired" });
  assertEquals(worker.state().status, "running");
});

Deno.test("errors name the rejected action", async () => {
  await using runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local" }) });
  const worker = await runtime.createWorker({ workerId: "a", intent });
  const entry = { role: "user", content: "" } as const;
  const expect = { lastEventId: 1 };
  const run = await worker.beginRun({ runId: "r" });
  const stopped = await runtime.createWorker({ workerId: "c", intent });
  await stopped.stop();
  const messages = await Promise.all([
    worker.sendInput(entry, { key: " " }),
    worker.sendInput(entry, "key" as CommitOptions),
    worker.putBlob(new Uint8Array(1), "image/png" as PutBlobOptions),
    worker.append([entry], { expect }),
    run.cancel({ expect }),
    worker.retire({ expect }),
    worker.stop(),
    worker.restart(),
    worker.beginRun(),
    worker.commit({}),
    worker.commit({ usage: { model: "" } }),
    Promise.resolve().then(() => runtime.worker("b")),
    stopped.sendInput(entry),
  ].map((work: Promise<unknown>) => work.then(() => "done", ({ message }) => message)));
  assertEquals(messages, [
    "Cannot send input: key: blank",
    "Cannot send input: options: an object is needed",
    "Cannot put blob: options: an object is needed",
    "Cannot append to transcript: the last event is 4, not 1 as expected",
    "Cannot finish run: the last event is 4, not 1 as expected",
    "Cannot retire worker: the last event is 4, not 1 as expected",
    'Cannot stop worker "a": run "r" is open',
    'Cannot restart worker: "a" is running',
    'Cannot begin run of worker "a": run "r" is open',
    "Cannot commit: there is nothing to commit",
    "Cannot commit: model: blank",
    'Cannot find worker "b": the runtime has no such worker',
    'Cannot send input to worker "c": the worker is stopped',
  ]);
});

Deno.test("commit() rejects no changes, undefined ones and meta alone", async () => {
  await using runtime = await Runtime.open({ store: new ScriptedStore() });
  const worker = await runtime.createWorker({ workerId: "a", intent });
  const { lastEventId } = runtime;
  for (
    const [changes, meta] of [[{}, undefined], [{ entries: undefined }, undefined], [{}, {
      by: "me",
    }]] as const
  ) {
    const message = await worker.commit(changes, { meta }).then(() => "done", (error) => error.message);
    assertEquals(message, "Cannot commit: there is nothing to commit");
  }
  assertEquals(runtime.lastEventId, lastEventId);
});

for (const again of [false, true]) {
  const what = again ? "its id was used again" : "it was purged";
  Deno.test(`transcript() throws worker_not_found if ${what} while the page was read`, async () => {
    const store = new ScriptedStore();
    await using runtime = await Runtime.open({ store });
    const worker = await runtime.createWorker({ workerId: "a", intent });
    await worker.append([{ role: "tool", content: "old" }, { role: "tool", content: "old" }]);
    const gate = new Gate();
    store.script.readTranscript = async (_read, page) => {
      await gate.passed;
      return await page();
    };
    const pages = [{ after: 0 }, { before: 2 }, {}].map((options) =>
      codeOf(() => worker.transcript(options))
    );
    await worker.stop();
    await worker.purge();
    const next = again ? await runtime.createWorker({ workerId: "a", intent }) : undefined;
    await next?.append([{ role: "tool", content: "new" }]);
    gate.open();
    assertEquals(await Promise.all(pages), Array(3).fill("worker_not_found"));
    delete store.script.readTranscript;
    if (next !== undefined) {
      assertEquals((await next.transcript()).items.map(({ content }) => content), ["new"]);
    }
  });
}

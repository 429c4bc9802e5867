// Opening and closing a runtime on a store that fails, lags or hangs.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { MemoryStorage } from "../../memory_store.ts";
import { Runtime, RuntimeError, type RuntimeErrorCode } from "../../mod.ts";
import type { PruneEvents } from "../../src/core/store.ts";
import { Gate, type Script, ScriptedStore, turns } from "./scripted_store.ts";

function failure<Code extends "store_poisoned" | "store_vanished">(code: Code): RuntimeError<Code> {
  const details = { file: "events/1.jsonl", reason: "a sync failed" };
  return new RuntimeError(code, "Cannot append: a sync failed", details as never);
}

Deno.test("Runtime.open() closes the store when acquiring it fails", async () => {
  const error = new Error("no");
  const store = new ScriptedStore({ acquire: () => Promise.reject(error) });
  assertEquals(await assertRejects(() => Runtime.open({ store })), error);
  assertEquals(store.closings, 1);
});

Deno.test("Runtime.open() closes the store when an event cannot be folded", async () => {
  const store = new ScriptedStore({
    acquire: pushing('{"id":7,"at":"t","type":"custom"}'),
  });
  const error = await assertRejects(() => Runtime.open({ store }), RuntimeError) as RuntimeError;
  assertEquals([error.code, store.closings], ["store_corrupt", 1]);
});

Deno.test("Runtime.open() closes the store when the opening cannot be written", async () => {
  const error = failure("store_poisoned");
  const store = new ScriptedStore({ append: () => Promise.reject(error) });
  assertEquals(await assertRejects(() => Runtime.open({ store })), error);
  assertEquals(store.closings, 1);
});

Deno.test("Runtime.open() throws its own error if closing the store fails, too", async () => {
  const error = new Error("first");
  const store = new ScriptedStore({
    acquire: () => Promise.reject(error),
    close: () => Promise.reject(new Error("second")),
  });
  assertEquals(await assertRejects(() => Runtime.open({ store })), error);
});

Deno.test("Runtime.open() keeps events of unknown types and reports them", async () => {
  const lines = [
    '{"id":1,"at":"2026-07-31T08:00:00.000Z","type":"runtime.created","runtimeId":"local"}',
    '{"id":2,"at":"2026-07-31T08:00:00.000Z","type":"runtime.moved","to":"x"}',
  ];
  const store = new ScriptedStore({
    acquire: pushing(...lines),
    append: () => Promise.resolve({ snapshotDue: false }),
  });
  await using runtime = await Runtime.open({ store });
  assertEquals(runtime.lastEventId, 3);
  assertEquals(runtime.diagnostics().items.map(({ code }) => code), ["unknown_event"]);
});

Deno.test("Runtime.open() records unrecorded events once, also for a retired runtime", async () => {
  const storage = new MemoryStorage();
  let removals = 0;
  const unrecorded = [{
    name: "runtime.salvaged",
    data: { firstLostEventId: 3 },
    key: "salvage",
    request: "x",
    endsBefore: Infinity,
    recorded: () => Promise.resolve(void removals++),
  }];
  const first = await Runtime.open({ store: new ScriptedStore({}, storage) });
  await first.retire();
  await first.close();
  for (let opening = 1; opening <= 3; opening++) {
    const store = new ScriptedStore({
      acquire: async (host, acquire) => ({ ...await acquire(host), unrecorded }),
    }, storage);
    await using runtime = await Runtime.open({ store });
    const { items } = await runtime.events({ after: 0 });
    const events = items.filter(({ type }) => type === "custom");
    assertEquals(events.map((event) => Reflect.get(event, "data")), [{ firstLostEventId: 3 }]);
    assertEquals(removals, opening, "it may be removed as soon as the event is durable");
  }
});

Deno.test("Runtime.open() records nothing for an operation that has not taken effect", async () => {
  const storage = new MemoryStorage();
  await (await Runtime.open({ store: new ScriptedStore({}, storage) })).close();
  const event = { name: "runtime.salvaged", data: {}, key: "salvage", request: "x", endsBefore: 2 };
  const recorded = () => Promise.reject(new Error("it was not recorded"));
  const store = new ScriptedStore({
    acquire: async (host, acquire) => ({
      ...await acquire(host),
      unrecorded: [{ ...event, recorded }],
    }),
  }, storage);
  await using runtime = await Runtime.open({ store });
  assertEquals((await runtime.events({ after: 0 })).items.filter(({ type }) => type === "custom"), []);
});

Deno.test("overview() has the operator's name of the runtime", async () => {
  await using runtime = await Runtime.open({ store: new ScriptedStore() });
  assertEquals(runtime.overview().displayName, "Scripted");
});

for (const code of ["store_poisoned", "store_vanished"] as const) {
  Deno.test(`${code} is sticky: all later commands fail with it, reads go on`, async () => {
    const error = failure(code);
    const store = new ScriptedStore();
    const runtime = await Runtime.open({ store });
    const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    store.script.append = () => Promise.reject(error);
    assertEquals(await assertRejects(() => runtime.record("n", null)), error);
    delete store.script.append;
    const batches = store.batches.length;
    for (
      const work of [
        () => runtime.record("n", null),
        () => worker.commit({ data: {} }),
        () => runtime.retire(),
      ]
    ) {
      assertEquals(await assertRejects(work), error);
    }
    assertEquals(store.batches.length, batches);
    assertEquals(runtime.health, { status: "failed", error });
    assertEquals((await worker.events()).items.length, 1);
    assertEquals(runtime.diagnostics().items.map((item) => item.code), ["append_failed"]);
    await runtime.close();
    assertEquals([store.batches.length, store.closings], [batches, 1]);
    assertEquals(runtime.health, { status: "closed" });
  });

  Deno.test(`${code} also rejects the commands that wait after it, without another append`, async () => {
    const gate = new Gate();
    const error = failure(code);
    const store = new ScriptedStore();
    await using runtime = await Runtime.open({ store });
    store.script.append = async () => {
      await gate.passed;
      throw error;
    };
    const first = runtime.record("first", null);
    await turns();
    const rest = [runtime.record("second", null), runtime.record("third", null)];
    const batches = store.batches.length;
    gate.open();
    for (const work of [first, ...rest]) assertEquals(await assertRejects(() => work), error);
    assertEquals(store.batches.length, batches);
  });
}

for (const code of ["store_io", "no_space"] as const satisfies readonly RuntimeErrorCode[]) {
  Deno.test(`${code} concerns its own batch alone`, async () => {
    const details = { operation: "write", path: "x", systemCode: "EIO" };
    const store = new ScriptedStore();
    await using runtime = await Runtime.open({ store });
    store.script.append = () => Promise.reject(new RuntimeError(code, "Cannot append: no", details));
    const error = await assertRejects(
      () => runtime.record("n", 1, { key: "k" }),
      RuntimeError,
    ) as RuntimeError;
    assertEquals(error.code, code);
    assertEquals(runtime.health, { status: "ok" });
    delete store.script.append;
    assertEquals((await runtime.record("n", 1, { key: "k" })).duplicate, false);
  });
}

Deno.test("a snapshot is saved when the store asks for it, one at a time", async () => {
  const gate = new Gate();
  const saved: number[] = [];
  const store = new ScriptedStore({
    append: async (_batch, keep) => ({ ...await keep(), snapshotDue: true }),
    saveSnapshot: async ({ through }) => {
      saved.push(through);
      await gate.passed;
    },
  });
  const runtime = await Runtime.open({ store });
  for (let count = 0; count < 5; count++) await runtime.record("n", count);
  assertEquals(saved, [2]);
  gate.open();
  await turns();
  await runtime.record("n", 5);
  assertEquals(saved, [2, 8]);
  await runtime.close();
  assertEquals(saved.at(-1), 9);
});

Deno.test("a snapshot that fails is reported and tried again", async () => {
  let tries = 0;
  const store = new ScriptedStore({
    append: async (_batch, keep) => ({ ...await keep(), snapshotDue: true }),
    saveSnapshot: () => ++tries < 2 ? Promise.reject(new Error("full")) : Promise.resolve(),
  });
  await using runtime = await Runtime.open({ store });
  await turns();
  await runtime.record("n", null);
  assert(tries >= 2);
  assertEquals(runtime.diagnostics().items.map(({ code, message }) => [code, message]), [[
    "checkpoint_failed",
    "full",
  ]]);
});

Deno.test("close() waits for commands in flight and then closes the store, once", async () => {
  const gate = new Gate();
  const store = new ScriptedStore();
  const runtime = await Runtime.open({ store });
  store.script.append = async (_batch, keep) => {
    await gate.passed;
    return await keep();
  };
  const order: string[] = [];
  const work = runtime.record("n", null).then(() => order.push("record"));
  const closing = [runtime.close(), runtime.close()].map((close) => close.then(() => order.push("close")));
  await turns();
  assertEquals([order, store.closings], [[], 0]);
  gate.open();
  await Promise.all([work, ...closing]);
  await runtime[Symbol.asyncDispose]();
  assertEquals([order, store.closings], [["record", "close", "close"], 1]);
});

Deno.test("close() waits for reads that are in flight", async () => {
  const gate = new Gate();
  const store = new ScriptedStore({
    readEvents: async (_read, page) => {
      await gate.passed;
      return await page();
    },
  });
  const runtime = await Runtime.open({ store });
  const reading = runtime.events();
  await turns();
  const closing = runtime.close();
  await turns();
  gate.open();
  await closing;
  assertEquals((await reading).items.length, 2);
});

Deno.test("close() that cannot write its last event reports it, and closes the store", async () => {
  const store = new ScriptedStore();
  const runtime = await Runtime.open({ store });
  store.script.append = () => Promise.reject(new Error("full"));
  await runtime.close();
  assertEquals(runtime.diagnostics().items.map(({ code }) => code), ["close_incomplete"]);
  assertEquals(store.closings, 1);
});

Deno.test("close() that cannot write its last event keeps all acknowledged events", async () => {
  const storage = new MemoryStorage();
  const store = new ScriptedStore({}, storage);
  const runtime = await Runtime.open({ store });
  await runtime.record("n", null);
  store.script.append = () => Promise.reject(new Error("full"));
  await runtime.close();
  await using again = await Runtime.open({ store: new ScriptedStore({}, storage) });
  assertEquals(again.lastEventId, 4);
});

/** An opening that pushes these events. */
function pushing(...texts: string[]): NonNullable<Script["acquire"]> {
  return (host) => Promise.resolve(host.replay(texts) ?? {});
}

Deno.test("Runtime.open() throws a TypeError for a store that was opened before, and does not change it", async () => {
  const store = new ScriptedStore();
  await using runtime = await Runtime.open({ store });
  const error = await assertRejects(() => Runtime.open({ store }), TypeError);
  assertEquals(error.message, "Cannot open store: it was opened before");
  assertEquals(store.closings, 0);
  await runtime.record("n", null);
  await runtime.close();
  await assertRejects(() => Runtime.open({ store }), TypeError);
});

Deno.test("Runtime.open() throws a TypeError without a store", async () => {
  for (const options of [undefined, {}, { store: {} }]) {
    const error = await Runtime.open(options as never).catch((error) => error);
    assert(error instanceof TypeError);
    assertEquals(error.message, "Cannot open runtime: options.store must be a store");
  }
});

Deno.test("prune() removes only the events that it announced, if more became removable meanwhile", async () => {
  const store = new ScriptedStore();
  await using runtime = await Runtime.open({ store });
  const asked: PruneEvents[] = [];
  // Event 1 can be removed at first, and everything once a snapshot was saved.
  let removable = 1;
  store.script.prune = (prune) => {
    asked.push(prune);
    const events = Math.min(prune.through, removable);
    return Promise.resolve({ firstEventId: events + 1, events, bytes: events * 100 });
  };
  store.script.append = async (_batch, keep) => {
    removable = Infinity;
    return await keep();
  };
  const pruned = await runtime.prune();
  const { items: [announced] } = await runtime.events({ limit: 1 });
  assertEquals(announced?.type === "custom" && announced.data, { ...pruned });
  assertEquals(asked, [{ through: 2, dryRun: true }, { through: 1, dryRun: false }]);
});

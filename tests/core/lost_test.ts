// A store that is lost: everything ends with the same error, whatever reports it first.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Runtime, RuntimeError, type Worker } from "../../mod.ts";
import { isFinal } from "../../src/core/group_commit.ts";
import { Gate, listenersOf, ScriptedStore, turns } from "./scripted_store.ts";

const errors = {
  fenced: new RuntimeError("store_fenced", "Cannot append: taken over", { epoch: 7, owner: "host-b" }),
  vanished: new RuntimeError("store_vanished", "Cannot append: replaced", { file: "f", reason: "r" }),
  poisoned: new RuntimeError("store_poisoned", "Cannot append: unsynced", { file: "f", reason: "r" }),
};

interface World {
  readonly store: ScriptedStore;
  readonly runtime: Runtime;
  readonly worker: Worker;
}

async function start(): Promise<World> {
  const store = new ScriptedStore();
  const runtime = await Runtime.open({ store });
  return { store, runtime, worker: await runtime.createWorker({ intent: { kind: "assistant" } }) };
}

/** The ways in which a runtime learns that its store is lost. */
const ways: Readonly<Record<string, (world: World, error: RuntimeError) => Promise<unknown>>> = {
  "the store reports it": ({ store }, error) => Promise.resolve(store.host?.lost(error)),
  "an append is rejected": ({ store, runtime }, error) => {
    store.script.append = () => Promise.reject(error);
    return runtime.record("n", null).catch(() => {});
  },
  "a snapshot fails": async ({ store, runtime }, error) => {
    store.script.append = async (_batch, keep) => ({ ...await keep(), snapshotDue: true });
    store.script.saveSnapshot = () => Promise.reject(error);
    await runtime.record("n", null);
    await turns();
  },
  "a page of events cannot be read": ({ store, runtime }, error) => {
    store.script.readEvents = () => Promise.reject(error);
    return runtime.events().catch(() => {});
  },
  "a transcript cannot be read": async ({ store, worker }, error) => {
    await worker.sendInput({ role: "user", content: "x" });
    store.script.readTranscript = () => Promise.reject(error);
    await worker.transcript().catch(() => {});
  },
  "a prune fails": ({ store, runtime }, error) => {
    store.script.prune = () => Promise.reject(error);
    return runtime.prune().catch(() => {});
  },
  "a flush fails": ({ store, runtime }, error) => {
    store.script.flush = () => Promise.reject(error);
    return runtime.flush().catch(() => {});
  },
};

for (const error of Object.values(errors)) {
  for (const [what, lose] of Object.entries(ways)) {
    Deno.test(`${error.code} ends runs, watches and commands when ${what}`, async () => {
      const world = await start();
      const { store, runtime, worker } = world;
      const run = await worker.beginRun();
      const watches = [runtime.watch({ after: 0 }), worker.watch()];
      // The first has events in hand, the second one waits.
      await watches[0]?.next();
      const waiting = watches[1]?.next();
      waiting?.catch(() => {});
      await lose(world, error);
      const batches = store.batches.length;
      store.script = {};
      assertEquals(runtime.health, { status: "failed", error });
      assertEquals([run.signal.aborted, run.signal.reason], [true, error]);
      const last = await waiting?.catch((reason) => reason);
      // Events that became durable before the loss were delivered, and none after it.
      if (last !== error) assertEquals(await assertRejects(async () => await watches[1]?.next()), error);
      assertEquals(await assertRejects(async () => await watches[0]?.next()), error);
      assertEquals(await assertRejects(() => runtime.watch().next()), error);
      for (
        const work of [
          () => runtime.record("n", null),
          () => worker.sendInput({ role: "user", content: "x" }),
          () => run.finish("completed"),
          () => runtime.flush(),
          () => runtime.prune(),
        ]
      ) assertEquals(await assertRejects(work), error);
      store.script.saveSnapshot = () => Promise.reject(new Error("it must not be called"));
      await runtime.close();
      assertEquals([store.batches.length, store.closings], [batches, 1]);
      assertEquals(runtime.diagnostics().items.map(({ severity, message }) => [severity, message]), [[
        "error",
        error.message,
      ]]);
    });
  }
}

Deno.test("a lost store ends the waiting commands at once; the store settles the one in flight", async () => {
  const { store, runtime, worker } = await start();
  const gate = new Gate();
  store.script.append = async (_batch, keep) => {
    await gate.passed;
    return { ...await keep(), snapshotDue: true };
  };
  store.script.saveSnapshot = () => Promise.reject(new Error("it must not be called"));
  const { signal } = new AbortController();
  const listeners = listenersOf(signal);
  const begun = worker.beginRun();
  await turns();
  const order: string[] = [];
  const waiting = [1, 2, 3].map((n) =>
    runtime.record("n", n, { signal }).catch((error) => order.push(error.code))
  );
  store.host?.lost(errors.fenced);
  await Promise.all(waiting);
  order.push("opened");
  assertEquals(listeners.size, 0);
  gate.open();
  const run = await begun;
  assertEquals(order, ["store_fenced", "store_fenced", "store_fenced", "opened"]);
  assertEquals([run.signal.reason, runtime.lastEventId], [errors.fenced, run.eventId]);
  assertEquals(runtime.diagnostics().items.map(({ code }) => code), ["store_lost"]);
  await runtime.close();
});

Deno.test("flush() writes nothing after a snapshot that lost the store", async () => {
  const { store, runtime } = await start();
  const gate = new Gate();
  store.script.append = async (_batch, keep) => ({ ...await keep(), snapshotDue: true });
  store.script.saveSnapshot = () => gate.passed.then(() => Promise.reject(errors.vanished));
  store.script.flush = () => Promise.reject(new Error("it must not be called"));
  await runtime.record("n", null);
  const flushing = assertRejects(() => runtime.flush());
  gate.open();
  assertEquals(await flushing, errors.vanished);
  await runtime.close();
});

Deno.test("a lost store keeps its first error", async () => {
  const { store, runtime } = await start();
  store.host?.lost(errors.fenced);
  store.host?.lost(errors.poisoned);
  assertEquals(await assertRejects(() => runtime.record("n", null)), errors.fenced);
  assertEquals(runtime.diagnostics().items.length, 1);
  await runtime.close();
});

Deno.test("Runtime.open() rejects with the error of a store that is lost while it is opened", async () => {
  const error = errors.fenced;
  const store = new ScriptedStore({
    acquire: (host, acquire) => {
      host.lost(error);
      return acquire(host);
    },
  });
  assertEquals(await assertRejects(() => Runtime.open({ store })), error);
  assertEquals([store.batches.length, store.closings], [0, 1]);
});

Deno.test("close() of a lost store resolves also if closing the store fails, and reports it", async () => {
  const { store, runtime } = await start();
  store.host?.lost(errors.vanished);
  store.script.close = () => Promise.reject(new Error("gone"));
  await runtime.close();
  assertEquals(runtime.diagnostics().items.map(({ code }) => code), ["store_lost", "close_incomplete"]);
});

Deno.test("close() writes nothing more once it learns that the store is lost", async () => {
  const { store, runtime } = await start();
  let saved = 0;
  store.script.append = async (_batch, keep) => {
    const result = await keep();
    store.host?.lost(errors.fenced);
    return result;
  };
  store.script.saveSnapshot = () => Promise.resolve(void saved++);
  await runtime.close();
  assertEquals([saved, store.closings], [0, 1]);
});

Deno.test("close() waits for a prune and a flush that are under way", async () => {
  for (const work of ["prune", "flush"] as const) {
    const { store, runtime } = await start();
    const gate = new Gate();
    store.script.flush = () => gate.passed;
    store.script.prune = () => gate.passed.then(() => ({ firstEventId: 1, events: 0, bytes: 0 }));
    const working = runtime[work]();
    const closing = runtime.close();
    await turns();
    assertEquals(store.closings, 0);
    gate.open();
    await Promise.all([working, closing]);
    assertEquals(store.closings, 1);
  }
});

Deno.test("isFinal() returns true for the errors after which a store rejects everything", () => {
  for (const error of Object.values(errors)) assert(isFinal(error));
  assert(!isFinal(new RuntimeError("conflict", "Cannot x: y", { expected: 1, actual: 2 })));
});

// Functions of the host that throw, reject or give values of the wrong kind.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { MemoryStorage } from "../../memory_store.ts";
import { isRuntimeError, MemoryRuntimeStore, Runtime, type RuntimeOptions } from "../../mod.ts";
import { Clock } from "../../src/core/clock.ts";
import { ScriptedStore } from "./scripted_store.ts";

const FIRST = Date.parse("0001-01-01T00:00:00.000Z");
const LAST = Date.parse("9999-12-31T23:59:59.999Z");

function broken(): never {
  throw new Error("broken");
}

const clocks: Readonly<Record<string, () => unknown>> = {
  "throws": broken,
  "rejects": () => Promise.reject(new Error("broken")),
  "gives NaN": () => NaN,
  "gives Infinity": () => Infinity,
  "gives text": () => "2026-01-01",
  "gives a bigint": () => 1n,
  "gives a Date": () => new Date(),
  "gives undefined": () => undefined,
  "is before the year 1": () => FIRST - 1,
  "is after the year 9999": () => LAST + 1,
};

const ids: Readonly<Record<string, () => unknown>> = {
  "throws": broken,
  "rejects": () => Promise.reject(new Error("broken")),
  "gives undefined": () => undefined,
  "gives a number": () => 7,
  "gives a blank": () => " ",
  "gives a lone surrogate": () => "\uD800",
  "gives a long text": () => "x".repeat(1_000),
};

type Injected = Pick<RuntimeOptions, "now" | "newId">;

/** A runtime whose `now` and `newId` are replaced while it runs. */
async function start(injected: { now?: unknown; newId?: unknown }): Promise<[Runtime, ScriptedStore]> {
  const store = new ScriptedStore();
  const call = (name: "now" | "newId", otherwise: () => unknown) => (): unknown =>
    ((injected[name] as (() => unknown) | undefined) ?? otherwise)();
  const options = { now: call("now", Date.now), newId: call("newId", () => crypto.randomUUID()) } as Injected;
  return [await Runtime.open({ store, ...options }), store];
}

for (const [what, now] of Object.entries(clocks)) {
  Deno.test(`a clock that ${what} rejects the command, and the next one may succeed`, async () => {
    const injected: { now?: unknown } = {};
    const [runtime, store] = await start(injected);
    injected.now = now;
    const batches = store.batches.length;
    const works = [1, 2, 3].map((n) => runtime.record("n", n));
    for (const work of works) assertEquals(await codeOf(work), "invalid_request");
    assertEquals(await codeOf(runtime.record("n", 4)), "invalid_request");
    assertEquals([store.batches.length, runtime.health], [batches, { status: "ok" }]);
    delete injected.now;
    assertEquals((await runtime.record("n", 5)).eventId, 3);
    injected.now = now;
    await runtime.close();
    assert(runtime.diagnostics().items.some(({ code }) => code === "close_incomplete"));
    assertEquals(store.closings, 1);
  });

  Deno.test(`Runtime.open() writes nothing with a clock that ${what}`, async () => {
    const store = new ScriptedStore();
    assertEquals(await codeOf(Runtime.open({ store, now: now as () => number })), "invalid_request");
    assertEquals([store.batches.length, store.closings], [0, 1]);
  });
}

Deno.test("a clock within the years 1 to 9999 is accepted, and leaves the store readable", async () => {
  const storage = new MemoryStorage();
  for (const ms of [FIRST, -1, 0, 0.5, LAST]) {
    const runtime = await Runtime.open({
      store: new MemoryRuntimeStore({ runtimeId: "local", storage }),
      now: () => ms,
    });
    assertEquals((await runtime.record("n", null)).at, new Date(ms).toISOString());
    await runtime.close();
  }
});

Deno.test("Clock reads the host's clock once for each time", () => {
  let reads = 0;
  const clock = new Clock(() => (reads++, LAST));
  assertEquals([clock.now(), clock.now(), reads], [
    "9999-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59.999Z",
    2,
  ]);
  assertThrows(() => new Clock(broken).now(), Error, "Cannot read clock: now: it threw broken");
});

Deno.test("the clock is not read if every waiting command was aborted", async () => {
  const injected: { now?: unknown } = {};
  const [runtime] = await start(injected);
  injected.now = broken;
  const controller = new AbortController();
  const work = runtime.record("n", null, { signal: controller.signal });
  controller.abort("enough");
  assertEquals(await codeOf(work), "enough");
  await runtime.flush();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(runtime.diagnostics().items, []);
  delete injected.now;
  await runtime.close();
});

for (const [what, newId] of Object.entries(ids)) {
  Deno.test(`a newId that ${what} rejects the command, and the next one may succeed`, async () => {
    const injected: { newId?: unknown } = { newId };
    const [runtime, store] = await start(injected);
    const batches = store.batches.length;
    const spec = { intent: { kind: "assistant" } } as const;
    assertEquals(await codeOf(runtime.createWorker(spec)), "invalid_request");
    const worker = await runtime.createWorker({ ...spec, workerId: "a" });
    assertEquals(await codeOf(worker.beginRun()), "invalid_request");
    assertEquals(store.batches.length, batches + 1);
    delete injected.newId;
    await worker.beginRun();
    await runtime.createWorker(spec);
    await runtime.close();
  });
}

Deno.test("a listener that throws changes no answer", async () => {
  const store = new ScriptedStore();
  const runtime = await Runtime.open({ store, onDiagnostic: broken });
  store.script.append = () => Promise.reject(new Error("full"));
  const error = await assertRejects(() => runtime.record("n", null), Error);
  assertEquals(error.message, "full");
  delete store.script.append;
  await runtime.record("n", null);
  assertEquals(runtime.diagnostics().items.map(({ code }) => code), ["append_failed", "listener_failed"]);
  await runtime.close();
});

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(() => "done", (error) => isRuntimeError(error) ? error.code : error);
}

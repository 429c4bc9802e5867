/**
 * A worker's data and usage.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import type { UsageReport } from "../src/core/usage.ts";
import type { Worker } from "../src/core/worker.ts";
import { type Place, refused, type Register, writesNothing } from "./place.ts";
import { oddJson } from "./samples.ts";

/** Registers the tests. */
export function stateTests(test: Register): void {
  test("updateState() merges, replaces and removes", async (place) => {
    const worker = await start(place);
    await worker.updateState({ a: 1, b: { c: [1, 2], d: "x" }, e: null });
    await worker.updateState({ a: null, b: { c: [3], f: {} }, g: { h: null } });
    const expected = { b: { c: [3], d: "x", f: {} }, g: {} };
    deepEqual(worker.state().data, expected);
    deepEqual((await again(place)).state().data, expected);
  });

  for (const [what, json] of Object.entries(oddJson)) {
    test(`updateState() keeps ${what}`, async (place) => {
      const worker = await start(place);
      await worker.updateState({ kept: JSON.parse(json) });
      equal(JSON.stringify(worker.state().data), `{"kept":${JSON.stringify(JSON.parse(json))}}`);
      equal(JSON.stringify((await again(place)).state().data), JSON.stringify(worker.state().data));
      equal(Reflect.get({}, "polluted"), undefined);
    });
  }

  test("updateState() copies the caller's object", async (place) => {
    const worker = await start(place);
    const patch = { list: [1, 2], deep: { n: 1 } };
    const waiting = worker.updateState(patch);
    patch.list.push(3);
    patch.deep.n = 2;
    await waiting;
    deepEqual(worker.state().data, { list: [1, 2], deep: { n: 1 } });
  });

  test("updateState() beyond the limit is limit_exceeded", async (place) => {
    const worker = await start(place);
    const half = "x".repeat(limits.dataBytesMax / 2);
    await worker.updateState({ a: half });
    const { details } = await refused(worker.updateState({ b: half }), "limit_exceeded");
    equal(details.max, limits.dataBytesMax);
    deepEqual(Object.keys(worker.state().data), ["a"]);
    await worker.updateState({ a: null, b: half });
    deepEqual(Object.keys((await again(place)).state().data), ["b"]);
  });

  test("state() is a copy that does not change", async (place) => {
    const worker = await start(place);
    const before = worker.state();
    await worker.updateState({ a: 1 });
    deepEqual(before.data, {});
    deepEqual(worker.state().data, { a: 1 });
  });

  test("state() contains the last event and its time", async (place) => {
    const worker = await start(place);
    const { eventId, at } = await worker.updateState({ a: 1 });
    const { lastEventId, updatedAt } = worker.state();
    deepEqual([lastEventId, updatedAt], [eventId, at]);
  });

  test("recordUsage() sums by worker, by model and for the runtime", addsUp);
  test("recordUsage() counts a report without amounts as one request", async (place) => {
    const worker = await start(place);
    await worker.recordUsage({ model: "m" });
    deepEqual(Object.values(worker.state().usage), [0, 0, 0, 0, 1, 0, 0]);
  });

  test("recordUsage() accepts models whose names are members of objects", async (place) => {
    const models = ["__proto__", "constructor", "toString", "2", "日本語"];
    const worker = await start(place);
    for (const model of models) await worker.recordUsage({ model, inputTokens: 5 });
    for (const each of [worker, await again(place)]) {
      const { usage, usageByModel } = each.state();
      equal(usage.inputTokens, 25);
      deepEqual(Object.keys(usageByModel).toSorted(), models.toSorted());
      for (const [, totals] of Object.entries(usageByModel)) equal(totals.inputTokens, 5);
    }
  });

  test("recordUsage() saturates at the largest exact integer, reports it once, and blocks nothing", async (place) => {
    const worker = await start(place);
    const most = Number.MAX_SAFE_INTEGER;
    await worker.recordUsage({ model: "m", costMicroUsd: most, inputTokens: 1 });
    await worker.recordUsage({ model: "n", costMicroUsd: most, inputTokens: 2 });
    await worker.recordUsage({ model: "n", costMicroUsd: 1, inputTokens: 3 });
    deepEqual(place.newest.diagnostics().items.map(({ code }) => code), ["usage_bounded"]);
    for (const usage of [worker.state().usage, (await again(place)).state().usage]) {
      deepEqual([usage.costMicroUsd, usage.inputTokens, usage.requests], [most, 6, 3]);
    }
  });

  test("recordUsage() counts models beyond the limit as other, reports it once, and blocks nothing", async (place) => {
    const worker = await start(place);
    const fresh = await place.newest.createWorker({ workerId: "b", intent: { kind: "assistant" } });
    const models = Array.from({ length: limits.modelsMax + 5 }, (_, index) => `m${index}`);
    for (const model of models) await worker.recordUsage({ model });
    await fresh.recordUsage({ model: "new" });
    await worker.recordUsage({ model: "m0" });
    deepEqual(place.newest.diagnostics().items.map(({ code }) => code), ["usage_bounded"]);
    const { usage, usageByModel } = (await again(place)).state();
    equal(usage.requests, models.length + 1);
    deepEqual([usageByModel.m0?.requests, usageByModel.other?.requests], [2, 6]);
    equal(Object.keys(usageByModel).length, limits.modelsMax);
    equal(place.newest.overview().usageByModel.other?.requests, 7);
    // A worker counts its own models separately.
    deepEqual(Object.keys(place.newest.worker("b").state().usageByModel), ["new"]);
  });

  test("record() keeps the host's events, of a worker and of the runtime", async (place) => {
    let runtime = await place.runtime();
    const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    await runtime.record("deploy", { version: [1, 2] });
    await worker.record("tool", null);
    for (let round = 0; round < 2; round++) {
      const { items } = await runtime.events({ after: 3, limit: 2 });
      deepEqual(items.map(({ at: _, ...event }) => event), [
        { id: 4, type: "custom", name: "deploy", data: { version: [1, 2] } },
        { id: 5, type: "custom", workerId: "a", name: "tool", data: null },
      ]);
      runtime = await place.reopen(runtime);
    }
  });

  test("record() rejects an event that is too large", async (place) => {
    const runtime = await place.runtime();
    const data = "x".repeat(limits.dataBytesMax);
    await writesNothing(runtime, () => refused(() => runtime.record("big", data), "invalid_request"));
  });
}

async function start(place: Place): Promise<Worker> {
  const runtime = await place.runtime();
  return await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
}

/** Returns the same worker after a reopen. */
async function again(place: Place): Promise<Worker> {
  return (await place.reopen(place.newest)).worker("a");
}

async function addsUp(place: Place): Promise<void> {
  let runtime = await place.runtime();
  const reports: [string, UsageReport][] = [
    ["a", { model: "m", inputTokens: 10, outputTokens: 1, cachedTokens: 2, reasoningTokens: 3 }],
    ["a", { model: "n", inputTokens: 20, requests: 2, costMicroUsd: 500 }],
    ["b", { model: "m", durationMs: 1_234, requests: 0 }],
  ];
  for (const id of ["a", "b"]) await runtime.createWorker({ workerId: id, intent: { kind: "assistant" } });
  for (const [id, report] of reports) await runtime.worker(id).recordUsage(report);
  await runtime.worker("b").stop();
  await runtime.worker("b").recordUsage({ model: "m", outputTokens: 9 });
  for (let round = 0; round < 2; round++) {
    const values = (totals: object | undefined): number[] => Object.values(totals ?? {});
    const [a, b] = [runtime.worker("a").state(), runtime.worker("b").state()];
    deepEqual(values(a.usage), [30, 1, 2, 3, 3, 500, 0]);
    deepEqual(values(a.usageByModel.m), [10, 1, 2, 3, 1, 0, 0]);
    deepEqual(values(b.usageByModel.m), [0, 9, 0, 0, 1, 0, 1_234]);
    const { usage, usageByModel } = runtime.overview();
    deepEqual(values(usage), [30, 10, 2, 3, 4, 500, 1_234]);
    deepEqual(values(usageByModel.m), [10, 10, 2, 3, 2, 0, 1_234]);
    runtime = await place.reopen(runtime);
  }
}

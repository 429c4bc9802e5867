/**
 * A worker's data and usage.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import { range } from "./dump.ts";
import { each, type Tests, withWorkers } from "./place.ts";
import { oddJson } from "./samples.ts";

/** Tests of a runtime with a worker `a`. */
export const stateTests: Tests = withWorkers(["a"], {
  "commit() of data merges, replaces and removes": async (place) => {
    await place.a.commit({ data: { a: 1, b: { c: [1, 2], d: "x" }, e: null } });
    await place.a.commit({ data: { a: null, b: { c: [3], f: {} }, g: { h: null } } });
    await place.throughout(() => deepEqual(place.a.state().data, { b: { c: [3], d: "x", f: {} }, g: {} }));
  },

  ...each(Object.entries(oddJson), ([what, json]) => ({
    [`commit() of data keeps ${what}`]: async (place) => {
      await place.a.commit({ data: { kept: JSON.parse(json) } });
      const kept = `{"kept":${JSON.stringify(JSON.parse(json))}}`;
      await place.throughout(() => equal(JSON.stringify(place.a.state().data), kept));
      equal(Reflect.get({}, "polluted"), undefined);
    },
  })),

  "commit() of data copies the caller's object": async ({ a }) => {
    const patch = { list: [1, 2], deep: { n: 1 } };
    const waiting = a.commit({ data: patch });
    patch.list.push(3);
    patch.deep.n = 2;
    await waiting;
    deepEqual(a.state().data, { list: [1, 2], deep: { n: 1 } });
  },

  "commit() of data beyond the limit is limit_exceeded": async (place) => {
    const half = "x".repeat(limits.dataBytesMax / 2);
    await place.a.commit({ data: { a: half } });
    const { details } = await place.rejects(place.a.commit({ data: { b: half } }), "limit_exceeded");
    equal(details.max, limits.dataBytesMax);
    deepEqual(Object.keys(place.a.state().data), ["a"]);
    await place.a.commit({ data: { a: null, b: half } });
    await place.reopen();
    deepEqual(Object.keys(place.a.state().data), ["b"]);
  },

  "state() is a copy that does not change": async ({ a }) => {
    const before = a.state();
    await a.commit({ data: { a: 1 } });
    deepEqual([before.data, a.state().data], [{}, { a: 1 }]);
  },

  "state() contains the last event and its time": async ({ a }) => {
    const { eventId, at } = await a.commit({ data: { a: 1 } });
    const { lastEventId, updatedAt } = a.state();
    deepEqual([lastEventId, updatedAt], [eventId, at]);
  },

  "commit() of usage sums by worker, by model and for the runtime": async (place) => {
    const { a } = place;
    const b = await place.create("b");
    await a.commit({
      usage: {
        model: "m",
        inputTokens: 10,
        outputTokens: 1,
        cachedTokens: 2,
        cacheWriteTokens: 4,
        reasoningTokens: 3,
      },
    });
    await a.commit({ usage: { model: "n", inputTokens: 20, requests: 2, costMicroUsd: 500 } });
    await b.commit({ usage: { model: "m", durationMs: 1_234, requests: 0 } });
    await b.stop();
    await b.commit({ usage: { model: "m", outputTokens: 9 } });
    await place.throughout((runtime) => {
      const [ofA, ofB, all] = [place.a.state(), place.b.state(), runtime.overview()];
      const totals = [ofA.usage, ofA.usageByModel.m, ofB.usageByModel.m, all.usage, all.usageByModel.m];
      deepEqual(totals.map((each) => Object.values(each ?? {})), [
        [30, 1, 2, 4, 3, 3, 500, 0],
        [10, 1, 2, 4, 3, 1, 0, 0],
        [0, 9, 0, 0, 0, 1, 0, 1_234],
        [30, 10, 2, 4, 3, 4, 500, 1_234],
        [10, 10, 2, 4, 3, 2, 0, 1_234],
      ]);
    });
  },

  "commit() of usage counts a report without amounts as one request": async ({ a }) => {
    await a.commit({ usage: { model: "m" } });
    deepEqual(Object.values(a.state().usage), [0, 0, 0, 0, 0, 1, 0, 0]);
  },

  "commit() of usage accepts models whose names are members of objects": async (place) => {
    const models = ["__proto__", "constructor", "toString", "2", "日本語"];
    for (const model of models) await place.a.commit({ usage: { model, inputTokens: 5 } });
    await place.throughout(() => {
      const { usage, usageByModel } = place.a.state();
      equal(usage.inputTokens, 25);
      deepEqual(Object.keys(usageByModel).toSorted(), models.toSorted());
      deepEqual(Object.values(usageByModel).map(({ inputTokens }) => inputTokens), [5, 5, 5, 5, 5]);
    });
  },

  "commit() of usage saturates at the largest exact integer, reports it once, and blocks nothing": async (
    place,
  ) => {
    const most = Number.MAX_SAFE_INTEGER;
    await place.a.commit({ usage: { model: "m", costMicroUsd: most, inputTokens: 1 } });
    await place.a.commit({ usage: { model: "n", costMicroUsd: most, inputTokens: 2 } });
    await place.a.commit({ usage: { model: "n", costMicroUsd: 1, inputTokens: 3 } });
    deepEqual(place.runtime.diagnostics().items.map(({ code }) => code), ["usage_bounded"]);
    await place.throughout(() => {
      const { costMicroUsd, inputTokens, requests } = place.a.state().usage;
      deepEqual([costMicroUsd, inputTokens, requests], [most, 6, 3]);
    });
  },

  "commit() of usage counts models beyond the limit as other, reports it once, and blocks nothing": async (
    place,
  ) => {
    const fresh = await place.create("b");
    const models = range(0, limits.modelsMax + 4).map((index) => `m${index}`);
    for (const model of models) await place.a.commit({ usage: { model } });
    await fresh.commit({ usage: { model: "new" } });
    await place.a.commit({ usage: { model: "m0" } });
    deepEqual(place.runtime.diagnostics().items.map(({ code }) => code), ["usage_bounded"]);
    await place.reopen();
    const { usage, usageByModel } = place.a.state();
    equal(usage.requests, models.length + 1);
    deepEqual([usageByModel.m0?.requests, usageByModel.other?.requests], [2, 6]);
    equal(Object.keys(usageByModel).length, limits.modelsMax);
    equal(place.runtime.overview().usageByModel.other?.requests, 7);
    // A worker counts its own models separately.
    deepEqual(Object.keys(place.b.state().usageByModel), ["new"]);
  },

  "record() keeps events of the runtime, commit() those of a worker": async (place) => {
    const events = [{ name: "tool", data: null }, { name: "tool", data: ["\uD800", { x: 1 }] }];
    await place.runtime.record("deploy", { version: [1, 2] });
    await place.a.commit({ events });
    await place.throughout(async (runtime) => {
      const { items } = await runtime.events({ after: 3, limit: 2 });
      deepEqual(items.map(({ at: _, ...event }) => event), [
        { id: 4, type: "custom", name: "deploy", data: { version: [1, 2] } },
        { id: 5, type: "worker.committed", workerId: "a", events },
      ]);
    });
  },

  "record() rejects an event that is too large": async (place) => {
    const data = "x".repeat(limits.dataBytesMax);
    await place.rejects(() => place.runtime.record("big", data), "invalid_request");
  },
});

/**
 * Commits of several changes, JSON content, and writes of runs.
 *
 * @module
 */
import type { WorkerFilter } from "../src/core/reads.ts";
import { deepEqual, equal, ok, rejects } from "./assert.ts";
import { contentsOf, range } from "./dump.ts";
import { each, type Tests, withWorkers } from "./place.ts";
import { isAborted } from "./runtime_runs.ts";

/** Content as it is given, which is kept as `JSON.parse(JSON.stringify(content))`. */
const contents: Readonly<Record<string, unknown>> = {
  "null": null,
  "false": false,
  "a number": -0.5,
  "minus zero": -0,
  "an empty list": [],
  "parts": [{ type: "text", text: "x" }, { type: "tool_use", input: { path: ["a", 1, null] } }],
  "a lone surrogate": "a\uD800b",
  "surrogates in the wrong order": ["\uDC00\uD800"],
  "a lone surrogate in a name": { "\uDFFF": { "\uD83D": 1 } },
  "undefined members": { a: undefined, b: { c: undefined, d: 1 } },
  "a Date": { at: new Date(1_234_567_890_123) },
  "a Date by itself": new Date(0),
  "an object with toJSON": [{ toJSON: (): unknown => ({ kept: true }) }],
  "the member entries": { x: ',"entries":[', entries: [{ role: "user", content: "y" }] },
  "the member __proto__": JSON.parse('{"__proto__":{"x":1}}'),
  "line separators": { "\u2028": ["\u2029"] },
};

const changes = {
  entries: [{ role: "assistant", content: ["x"] }],
  usage: [{ model: "m", inputTokens: 3 }, { model: "n" }],
  data: { n: 1, entries: [',"entries":['] },
  events: [{ name: "e", data: { entries: [] } }],
  displayName: "Name",
  labels: { team: "core" },
};

/** Tests of a runtime with workers `a` and `b`. */
export const commitTests: Tests = withWorkers(["a", "b"], {
  ...each(Object.entries(contents), ([what, content]) => ({
    [`append() keeps ${what} as JSON does`]: async (place) => {
      await place.a.append([{ role: "tool", content: content as string }]);
      await place.a.commit({ data: { content: content as string } });
      const kept = JSON.stringify(content);
      await place.throughout(async () => {
        equal(JSON.stringify((await contentsOf(place.a))[0]), kept);
        if (content !== null) equal(JSON.stringify(place.a.state().data.content), kept);
      });
    },
  })),

  "commit() makes all changes with one event": async (place) => {
    const meta = { actor: "me", trace: ["\u2028"] };
    const receipt = await place.a.commit(changes, { key: "k", meta });
    deepEqual([receipt.eventId, receipt.firstSeq, receipt.lastSeq], [5, 1, 1]);
    await place.throughout(async () => {
      const { data, labels, displayName, usage, usageByModel } = place.a.state();
      deepEqual([{ ...data }, { ...labels }, displayName], [changes.data, changes.labels, "Name"]);
      deepEqual([usage.inputTokens, Object.keys(usageByModel)], [3, ["m", "n"]]);
      deepEqual(await contentsOf(place.a), [["x"]]);
      const { items: [event] } = await place.runtime.events({ after: 4, limit: 1 });
      ok(event?.type === "worker.committed");
      deepEqual([event.meta, event.events, event.entries], [meta, changes.events, changes.entries]);
    });
    await place.a.commit({ displayName: null, labels: { team: null, more: "x" } });
    await place.throughout(() => {
      const { labels, displayName } = place.a.state();
      deepEqual([{ ...labels }, displayName], [{ more: "x" }, undefined]);
    });
  },

  ...each(Object.keys(changes) as (keyof typeof changes)[], (member) => ({
    [`commit() of ${member} alone writes that alone`]: async (place) => {
      await place.a.commit({ [member]: changes[member] });
      const { items: [event] } = await place.a.events({ limit: 1 });
      const members = Object.keys(event ?? {}).filter((name) => name in changes);
      deepEqual(members, [member]);
    },
  })),

  "createWorker() takes meta without a commit": async ({ runtime }) => {
    const meta = { actor: "me" };
    const worker = await runtime.createWorker({ workerId: "c", intent: { kind: "assistant" } }, { meta });
    const [event] = (await worker.events({ after: 0 })).items;
    ok(event?.type === "worker.created");
    deepEqual(event.meta, meta);
  },

  "createWorker() with a commit is one event": async (place) => {
    const { displayName, labels, ...commit } = changes;
    const spec = { workerId: "c", intent: { kind: "assistant" }, displayName, labels } as const;
    const { creation } = await place.runtime.createWorker(spec, { commit });
    equal(place.runtime.lastEventId, creation?.eventId);
    await place.throughout(async (runtime) => {
      const worker = runtime.worker("c");
      deepEqual([{ ...worker.state().data }, worker.state().displayName], [changes.data, displayName]);
      deepEqual(await contentsOf(worker), [["x"]]);
    });
    const first = await place.runtime.ensureWorker({ ...spec, workerId: "d" }, { commit });
    const again = await place.writesNothing(place.runtime.ensureWorker({ ...spec, workerId: "d" }));
    deepEqual([typeof first.creation, again.creation, again.ref], ["object", undefined, first.ref]);
  },

  "writes of a run that has ended are run_ended, also while another one is open": async (place) => {
    const run = await place.a.beginRun({ runId: "r" });
    await run.commit({ ...changes, finish: { outcome: "failed", reason: "why" } });
    equal(place.runtime.lastEventId, run.eventId + 1);
    const { lastRun, transcriptLength } = place.a.state();
    deepEqual([lastRun?.outcome, lastRun?.reason, transcriptLength], ["failed", "why", 1]);
    await place.a.beginRun({ runId: "r" });
    for (
      const work of [
        () => run.append([{ role: "user", content: "late" }]),
        () => run.commit({ usage: { model: "m" } }),
        () => run.finish("completed"),
        () => run.cancel(),
      ]
    ) await place.rejects(work, "run_ended", { workerId: "a", runId: "r" });
  },

  "run() completes, fails or is cancelled": async ({ a }) => {
    equal(await a.run((run) => run.runId, { runId: "r1" }), "r1");
    equal(a.state().lastRun?.outcome, "completed");
    const error = new Error("boom");
    await rejects(a.run(() => Promise.reject(error)), (reason) => reason === error);
    deepEqual([a.state().lastRun?.outcome, a.state().lastRun?.reason], ["failed", "boom"]);
    const controller = new AbortController();
    const work = () => {
      controller.abort(error);
      throw controller.signal.reason;
    };
    await rejects(a.run(work, { signal: controller.signal }), (reason) => reason === error);
    equal(a.state().lastRun?.outcome, "cancelled");
    equal(await a.run(async (run) => (await run.finish("failed", { reason: "own" }), 7)), 7);
    equal(a.state().lastRun?.reason, "own");
  },

  "a run that is disposed of ends as failed, unless it has ended": async ({ a }) => {
    const run = await a.beginRun();
    await run[Symbol.asyncDispose]();
    isAborted(run);
    equal(a.state().lastRun?.outcome, "failed");
    const { lastEventId } = a.state();
    await run[Symbol.asyncDispose]();
    equal(a.state().lastEventId, lastEventId);
  },

  "beginRun() that waits begins in the order of the calls, without those that were aborted": async (
    { a },
  ) => {
    const first = await a.beginRun({ runId: "0" });
    const controller = new AbortController();
    const begun: string[] = [];
    const waiting = range(1, 5).map(async (index) => {
      const signal = index === 3 ? controller.signal : undefined;
      const run = await a.beginRun({ runId: `${index}`, wait: true, signal });
      begun.push(run.runId);
      await run.finish("completed");
    });
    const aborted = rejects(waiting[2] ?? Promise.resolve(), (reason) => reason === "enough");
    await a.sendInput({ role: "user", content: "x" });
    controller.abort("enough");
    await aborted;
    await first.finish("completed");
    await Promise.allSettled(waiting);
    deepEqual(begun, ["1", "2", "4", "5"]);
  },

  "workers() lists by labels and by activity": async (place) => {
    await place.a.commit({ labels: { team: "x", kind: "1" } });
    await place.b.commit({ labels: { team: "x" } });
    await place.create("c");
    await place.a.commit({ data: { n: 1 } });
    await place.throughout((runtime) => {
      const ids = (options: Parameters<typeof runtime.workers>[0]) =>
        runtime.workers(options).items.map(({ record }) => record.workerId);
      deepEqual(ids({ label: { team: "x" } }), ["a", "b"]);
      deepEqual(ids({ label: { team: "x", kind: "1" } }), ["a"]);
      const all = (filter?: WorkerFilter) =>
        [...runtime.allWorkers(filter)].map(({ record }) => record.workerId);
      deepEqual(all(), ["a", "b", "c"]);
      deepEqual([all({ label: { team: "x", kind: "1" } }), all({ status: "stopped" })], [["a"], []]);
      deepEqual(ids({ orderBy: "active" }), ["a", "c", "b"]);
      const { next } = runtime.workers({ orderBy: "active", limit: 1 });
      deepEqual(ids({ orderBy: "active", after: next ?? 0 }), ["c", "b"]);
    });
  },

  "watch() yields events of some workers with some members": async ({ a, b, runtime }) => {
    const watch = runtime.watch({ workers: ["a", "b"], has: ["run", "data"] });
    await a.append([{ role: "user", content: "x" }]);
    const run = await b.beginRun();
    await runtime.record("note", null);
    const { eventId } = await a.commit({ data: { x: 1 } });
    const ids = [(await watch.next()).value?.id, (await watch.next()).value?.id];
    await watch.return();
    deepEqual(ids, [run.eventId, eventId]);
  },

  "prune() deletes what planPrune() reported": async (place) => {
    const plan = await place.writesNothing(place.runtime.planPrune());
    ok(plan.firstEventId >= 1 && plan.events === plan.firstEventId - 1);
    deepEqual(await place.runtime.prune({ through: plan.firstEventId - 1 }), plan);
  },
});

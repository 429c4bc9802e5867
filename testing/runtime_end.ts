/**
 * Ends of workers and runtimes, and purges of ended workers.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import { allEntries, allEvents, contentsOf, range, workerIdsOf } from "./dump.ts";
import { each, prepared, refused, type Tests } from "./place.ts";

const tests: Tests = {
  ...each([["stop", "cancel", "stopped"], ["cancel", "stop", "cancelled"]], ([first, second, status]) => ({
    [`${first}() is final, a later ${second}() is rejected`]: async (place) => {
      await place.a[first]({ reason: "why" });
      await place.throughout(async () => {
        await place.rejects(place.a[second](), "worker_not_running", { workerId: "a", status });
        const state = place.a.state();
        deepEqual([state.status, state.reason], [status, "why"]);
      });
    },
  })),

  "stop() and cancel() concurrently: the first one decided wins": async ({ a }) => {
    const both = await Promise.allSettled([a.cancel(), a.stop()]);
    deepEqual(both.map(({ status }) => status), ["fulfilled", "rejected"]);
    equal(a.state().status, "cancelled");
  },

  "stop() of the runtime stops all running workers": async (place) => {
    await place.a.cancel({ reason: "own" });
    const run = await place.b.beginRun({ runId: "r" });
    const { at } = await place.runtime.stop({ reason: "night" });
    await place.throughout((runtime) => {
      const [a, b] = [place.a.state(), place.b.state()];
      deepEqual([a.status, a.reason], ["cancelled", "own"]);
      deepEqual([b.status, b.reason, b.run], ["stopped", "night", null]);
      const lastRun = { runId: "r", startedAt: run.at, endedAt: at, outcome: "cancelled", reason: "night" };
      deepEqual(b.lastRun, lastRun);
      equal(runtime.overview().status, "stopped");
    });
  },

  "stop() of the runtime keeps data readable": async (place) => {
    await place.runtime.stop();
    await place.throughout(async (runtime) => {
      deepEqual(await contentsOf(place.a), ["one", "two"]);
      equal((await allEvents(place.a)).length, 2);
      equal(runtime.workers().items.length, 2);
    });
  },

  "purge() of a running worker is invalid_request": async (place) => {
    await place.rejects(place.a.purge(), "invalid_request");
    equal((await allEntries(place.a)).length, 2);
  },

  "purge() deletes a worker and keeps its events and its usage": async (place) => {
    await place.a.recordUsage({ model: "m", inputTokens: 5 });
    await place.a.cancel();
    await place.a.purge();
    await place.throughout(async (runtime) => {
      await refused(() => place.a.state(), "worker_not_found");
      await refused(place.a.transcript(), "worker_not_found");
      await place.rejects(place.a.sendInput({ role: "user", content: "x" }), "worker_not_found");
      deepEqual(await workerIdsOf(runtime), ["b"]);
      const { workers, usage } = runtime.overview();
      deepEqual([workers.total, usage.inputTokens], [1, 5]);
      const events = await allEvents(runtime);
      equal(events.filter((event) => "workerId" in event && event.workerId === "a").length, 5);
      equal((await allEntries(place.b)).length, 2);
    });
  },

  "purge() twice is worker_not_found": async (place) => {
    await place.a.stop();
    await place.a.purge();
    await place.rejects(place.a.purge(), "worker_not_found");
  },

  ...each([["", false], [" created immediately", true]], ([when, atOnce]) => ({
    [`purge() frees the id for another worker${when}`]: async (place) => {
      const { a, runtime } = place;
      await a.updateState({ old: true });
      await a.stop();
      const intent = { kind: "task", objective: "new" } as const;
      const purge = a.purge();
      if (!atOnce) await purge;
      const creation = runtime.createWorker({ workerId: "a", intent });
      if (!atOnce) await creation;
      await Promise.all([purge, creation, a.append([{ role: "assistant", content: "new" }])]);
      await place.throughout(async () => {
        deepEqual((await allEntries(place.a)).map(({ seq, content }) => [seq, content]), [[1, "new"]]);
        const { record, data, status } = place.a.state();
        deepEqual([record.intent, data, status], [intent, {}, "running"]);
      });
    },
  })),

  "purge() called repeatedly leaves nothing of the earlier workers": async (place) => {
    for (const round of [1, 2, 3, 4]) {
      await place.a.cancel();
      await place.a.purge();
      await place.create("a");
      const contents = range(1, round).map((count) => `${round}.${count}`);
      for (const content of contents) await place.a.append([{ role: "assistant", content }]);
      if (round % 2 === 0) await place.reopen();
      deepEqual(await contentsOf(place.a), contents);
    }
  },
};

/** Tests of a runtime with workers `a` and `b`, each with two entries. */
export const endTests: Tests = prepared(tests, async (place) => {
  await place.open();
  for (const workerId of ["a", "b"]) {
    const worker = await place.create(workerId);
    await worker.append([{ role: "assistant", content: "one" }, { role: "assistant", content: "two" }]);
  }
  return place;
});

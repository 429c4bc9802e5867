/**
 * Runs: one at a time, with a signal, never considered open after a restart.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { each, type Tests, withWorkers } from "./place.ts";

/** Tests of a runtime with workers `a` and `b`. */
export const runTests: Tests = withWorkers(["a", "b"], {
  "beginRun() marks the worker busy, finish() ends it": async (place) => {
    const { a } = place;
    const run = await a.beginRun({ runId: "r1" });
    equal(run.signal.aborted, false);
    deepEqual(a.state().run, { runId: "r1", startedAt: run.at });
    const { at } = await run.finish("failed", { reason: "no luck" });
    deepEqual([a.state().run, a.state().status], [null, "running"]);
    const lastRun = { runId: "r1", startedAt: run.at, endedAt: at, outcome: "failed", reason: "no luck" };
    await place.throughout(() => deepEqual(place.a.state().lastRun, lastRun));
  },

  "beginRun() generates an id": async ({ a }) => {
    const first = await a.beginRun();
    await first.finish("completed");
    ok((await a.beginRun()).runId !== first.runId);
  },

  "beginRun() while a run is open is worker_busy": async (place) => {
    await place.a.beginRun({ runId: "r1" });
    await place.rejects(place.a.beginRun({ runId: "r2" }), "worker_busy", { workerId: "a", runId: "r1" });
    await place.rejects(place.a.stop(), "worker_busy");
  },

  "beginRun() called concurrently succeeds once": async ({ a }) => {
    const runs = await Promise.allSettled(Array.from({ length: 20 }, () => a.beginRun()));
    equal(runs.filter(({ status }) => status === "fulfilled").length, 1);
  },

  "beginRun() of two workers works concurrently": async ({ a, b, runtime }) => {
    await Promise.all([a.beginRun(), b.beginRun()]);
    equal(runtime.overview().workers.busy, 2);
  },

  ...each(["cancel", "stop"], (end) => ({
    [`${end}() and purge() in one batch end the run, and the next run with its ids has its own signal`]:
      async (
        place,
      ) => {
        const { a } = place;
        const first = await a.beginRun({ runId: "r" });
        const ending = end === "cancel" ? [a.cancel()] : [first.finish("completed"), a.stop()];
        await Promise.all([...ending, a.purge(), place.create("a")]);
        const second = await a.beginRun({ runId: "r" });
        deepEqual([first.signal.aborted, second.signal.aborted], [true, false]);
        // All in one batch, including the run of the next worker.
        const next = [a.cancel(), a.purge(), place.create("a")];
        const [third] = await Promise.all([a.beginRun({ runId: "r" }), ...next]);
        deepEqual([second.signal.aborted, third.signal.aborted], [true, false]);
        await a.cancel();
        equal(third.signal.aborted, true);
      },
  })),

  "beginRun() right before close() has a signal that is aborted": async ({ a, runtime }) => {
    const [run] = await Promise.all([a.beginRun(), runtime.close()]);
    equal(run.signal.aborted, true);
  },

  "finish() twice is worker_not_running": async (place) => {
    const run = await place.a.beginRun({ runId: "r" });
    await run.finish("completed");
    await place.rejects(run.finish("completed"), "worker_not_running");
  },

  "finish() of an earlier run does not affect the open one": async (place) => {
    const first = await place.a.beginRun({ runId: "r1" });
    await first.finish("completed");
    const second = await place.a.beginRun({ runId: "r2" });
    await place.rejects(first.finish("cancelled"), "worker_not_running");
    equal(second.signal.aborted, false);
    equal(place.a.state().run?.runId, "r2");
  },

  "finish() aborts the signal": async ({ a }) => {
    const run = await a.beginRun();
    await run.finish("cancelled");
    isAborted(run);
  },

  "cancel() aborts the signal of the open run and ends it cancelled": async (place) => {
    const { a } = place;
    const [run, other] = [await a.beginRun({ runId: "r" }), await place.b.beginRun()];
    const heard = new Promise((resolve) => run.signal.addEventListener("abort", resolve));
    const { at } = await a.cancel({ reason: "enough" });
    await heard;
    isAborted(run);
    equal(other.signal.aborted, false);
    const { lastRun, status, reason } = a.state();
    deepEqual([status, reason], ["cancelled", "enough"]);
    deepEqual([lastRun?.outcome, lastRun?.endedAt], ["cancelled", at]);
    await place.rejects(run.finish("completed"), "worker_not_running");
  },

  "cancel() right after beginRun() yields a run that has ended": async ({ a }) => {
    const [run] = await Promise.all([a.beginRun(), a.cancel()]);
    isAborted(run);
  },

  "stop() of the runtime aborts the signals of all runs": async ({ a, b, runtime }) => {
    const runs = [await a.beginRun(), await b.beginRun()];
    await runtime.stop();
    runs.forEach(isAborted);
    equal(a.state().lastRun?.outcome, "cancelled");
  },

  "close() aborts the signals of all runs": async ({ a, runtime }) => {
    const run = await a.beginRun();
    await runtime.close();
    isAborted(run);
  },

  ...each(["reopen", "restart"], (how) => ({
    [`a run that was open is interrupted after a ${how}`]: async (place) => {
      const run = await place.a.beginRun({ runId: "r", key: "k" });
      const runtime = await place[how]();
      const { a } = place;
      const { run: open, lastRun, status } = a.state();
      deepEqual([open, status], [null, "running"]);
      deepEqual([lastRun?.runId, lastRun?.outcome, lastRun?.startedAt], ["r", "interrupted", run.at]);
      equal((await a.events({ limit: 1 })).items[0]?.type, "worker.run_interrupted");
      const diagnostic = runtime.diagnostics().items.at(-1);
      deepEqual([diagnostic?.code, diagnostic?.workerId], ["run_interrupted", "a"]);
      const same = await a.beginRun({ runId: "r", key: "k" });
      equal(same.duplicate, true);
      isAborted(same);
      await (await a.beginRun({ runId: "next" })).finish("completed");
      await place.reopen();
      equal(place.a.state().lastRun?.runId, "next");
    },
  })),

  "beginRun() with a key returns the same open run": async (place) => {
    const { a } = place;
    const run = await a.beginRun({ key: "k" });
    const same = await a.beginRun({ key: "k" });
    deepEqual([same.runId, same.eventId, same.duplicate], [run.runId, run.eventId, true]);
    equal(same.signal, run.signal);
    await same.finish("completed");
    const over = await a.beginRun({ key: "k" });
    deepEqual([over.runId, over.duplicate], [run.runId, true]);
    isAborted(over);
    await place.rejects(over.finish("completed"), "worker_not_running");
  },

  "entries and usage contain the run that was open": async (place) => {
    const { a } = place;
    await a.append([{ role: "assistant", content: "before" }]);
    const run = await a.beginRun({ runId: "r" });
    await a.sendInput({ role: "user", content: "within" });
    await a.recordUsage({ model: "m" });
    await run.finish("completed");
    await a.append([{ role: "assistant", content: "after" }]);
    await place.throughout(async () => {
      const { items } = await place.a.transcript();
      deepEqual(items.map(({ content, runId }) => [content, runId]), [
        ["before", undefined],
        ["within", "r"],
        ["after", undefined],
      ]);
      const { items: events } = await place.a.events();
      const runIds = events.flatMap((event) => event.type === "worker.usage_recorded" ? [event.runId] : []);
      deepEqual(runIds, ["r"]);
    });
  },
});

function isAborted({ signal }: { readonly signal: AbortSignal }): void {
  ok(signal.aborted);
  equal(signal.reason.name, "AbortError");
}

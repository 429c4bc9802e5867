/**
 * Runs: at most one at a time, each with its signal and its writes.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { allEvents } from "./dump.ts";
import { each, type Tests, withWorkers } from "./place.ts";

/** Tests of a runtime with workers `a` and `b`. */
export const runTests: Tests = withWorkers(["a", "b"], {
  "beginRun() marks the worker busy, finish() ends it": async (place) => {
    const { a } = place;
    const run = await a.beginRun({ runId: "r1" });
    deepEqual([run.signal.aborted, run.isOpen, run.duplicate], [false, true, false]);
    const open = { runId: "r1", eventId: run.eventId, startedAt: run.at };
    deepEqual(a.state().run, open);
    const { at } = await run.finish("failed", { reason: "no luck" });
    deepEqual([a.state().run, a.state().status, run.isOpen], [null, "running", false]);
    const lastRun = { ...open, endedAt: at, outcome: "failed", reason: "no luck" };
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
    await place.rejects(place.a.run(() => {}), "worker_busy", { workerId: "a", runId: "r1" });
  },

  "finish() with the key of an earlier run's end is key_reused, and ends nothing": async (place) => {
    const first = await place.a.beginRun();
    const ended = await first.finish("completed", {}, { key: "end" });
    deepEqual(await first.finish("completed", {}, { key: "end" }), { ...ended, duplicate: true });
    const second = await place.a.beginRun();
    await place.rejects(second.finish("completed", {}, { key: "end" }), "key_reused");
    equal(second.isOpen, true);
    // A later run may repeat the writes of an earlier one.
    const written = await second.append([{ role: "x", content: "once" }], { key: "k" });
    await second.finish("completed", {}, { key: "end 2" });
    const third = await place.a.beginRun();
    deepEqual(await third.append([{ role: "x", content: "once" }], { key: "k" }), {
      ...written,
      duplicate: true,
    });
  },

  "beginRun() called concurrently succeeds once": async ({ a }) => {
    const runs = await Promise.allSettled(Array.from({ length: 20 }, () => a.beginRun()));
    equal(runs.filter(({ status }) => status === "fulfilled").length, 1);
  },

  "beginRun() of two workers works concurrently": async ({ a, b, runtime }) => {
    await Promise.all([a.beginRun(), b.beginRun()]);
    equal(runtime.overview().workers.busy, 2);
  },

  "beginRun() has an eventId that increases strictly, also across reopenings and lives": async (place) => {
    const ids: number[] = [];
    for (const how of ["reopen", "restart", "again", "purge", "restart"] as const) {
      // The same run id each time: only the event tells the runs apart.
      const run = await place.a.beginRun({ runId: "r" });
      equal(place.a.state().run?.eventId, run.eventId);
      ids.push(run.eventId);
      if (how === "again") await run.finish("completed");
      else if (how === "purge") {
        await place.a.stop({ cancelRun: true });
        await place.a.purge();
        await place.create("a");
      } else await place[how]();
    }
    ok(ids.every((id, index) => index === 0 || id > (ids[index - 1] ?? 0)), `${ids}`);
  },

  ...each(["finish", "stop", "retire"], (end) => ({
    [`${end}() and purge() in one batch end the run, and the next run with its ids has its own signal`]:
      async (place) => {
        const { a } = place;
        const first = await a.beginRun({ runId: "r" });
        const ending = end === "finish"
          ? [first.finish("completed"), a.stop()]
          : [a[end]({ cancelRun: true })];
        await Promise.all([...ending, a.purge(), place.create("a")]);
        const second = await place.a.beginRun({ runId: "r" });
        deepEqual([first.signal.aborted, second.signal.aborted], [true, false]);
        // All in one batch, but for the run of the next worker.
        const next = [place.a.stop({ cancelRun: true }), place.a.purge(), place.create("a")];
        await Promise.all(next);
        const third = await place.a.beginRun({ runId: "r" });
        deepEqual([second.signal.aborted, third.signal.aborted], [true, false]);
        await place.a.retire({ cancelRun: true });
        equal(third.signal.aborted, true);
      },
  })),

  "beginRun() right before close() has a signal that is aborted": async ({ a, runtime }) => {
    const [run] = await Promise.all([a.beginRun(), runtime.close()]);
    equal(run.signal.aborted, true);
  },

  "finish() twice is run_ended": async (place) => {
    const run = await place.a.beginRun({ runId: "r" });
    await run.finish("completed");
    await place.rejects(run.finish("completed"), "run_ended", { workerId: "a", runId: "r" });
  },

  "finish() of an earlier run does not affect the open one": async (place) => {
    const first = await place.a.beginRun({ runId: "r1" });
    await first.finish("completed");
    const second = await place.a.beginRun({ runId: "r2" });
    await place.rejects(first.finish("cancelled"), "run_ended");
    equal(second.signal.aborted, false);
    equal(place.a.state().run?.runId, "r2");
  },

  "finish() aborts the signal": async ({ a }) => {
    const run = await a.beginRun();
    await run.finish("cancelled");
    isAborted(run);
  },

  "cancel() aborts the signal of its run and ends it, and the worker stays running": async (place) => {
    const { a } = place;
    const [run, other] = [await a.beginRun({ runId: "r" }), await place.b.beginRun()];
    const heard = new Promise((resolve) => run.signal.addEventListener("abort", resolve));
    const { at } = await run.cancel({ reason: "enough" });
    await heard;
    isAborted(run);
    equal(other.signal.aborted, false);
    await other.finish("completed");
    const ended = { endedAt: at, outcome: "cancelled", reason: "enough" };
    await place.throughout(() => {
      const { lastRun, status, reason } = place.a.state();
      deepEqual([status, reason], ["running", undefined]);
      deepEqual(lastRun, { runId: "r", eventId: run.eventId, startedAt: run.at, ...ended });
    });
    await place.a.beginRun();
  },

  "stop() right after beginRun() yields a run that has ended": async ({ a }) => {
    const [run] = await Promise.all([a.beginRun(), a.stop({ cancelRun: true })]);
    isAborted(run);
  },

  "retire() of the runtime aborts the signals of all runs": async ({ a, b, runtime }) => {
    const runs = [await a.beginRun(), await b.beginRun()];
    await runtime.retire();
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
      deepEqual([open, status, a.openRun], [null, "running", undefined]);
      deepEqual([lastRun?.runId, lastRun?.outcome, lastRun?.startedAt], ["r", "interrupted", run.at]);
      const { items: [event] } = await a.events({ limit: 1 });
      ok(event?.type === "worker.committed");
      deepEqual([event.runId, event.run], ["r", { ended: "interrupted", reason: lastRun?.reason }]);
      const diagnostic = runtime.diagnostics().items.at(-1);
      deepEqual([diagnostic?.code, diagnostic?.workerId], ["run_interrupted", "a"]);
      const same = await a.beginRun({ runId: "r", key: "k" });
      deepEqual([same.duplicate, same.eventId, same.isOpen], [true, run.eventId, false]);
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
    await place.rejects(over.finish("completed"), "run_ended");
  },

  "openRun is the open run of this process": async ({ a, b }) => {
    equal(a.openRun, undefined);
    const run = await a.beginRun({ runId: "r" });
    const { openRun } = a;
    deepEqual([openRun?.runId, openRun?.eventId, openRun?.at], ["r", run.eventId, run.at]);
    equal(openRun?.signal, run.signal);
    equal(b.openRun, undefined);
    await openRun?.append([{ role: "assistant", content: "through it" }]);
    await openRun?.finish("completed");
    deepEqual([a.openRun, run.isOpen, a.state().lastRun?.outcome], [undefined, false, "completed"]);
    isAborted(run);
  },

  "entries and events belong to the run that wrote them, not to one that was open": async (place) => {
    const { a } = place;
    await a.append([{ role: "assistant", content: "before" }]);
    const run = await a.beginRun({ runId: "r" });
    await a.sendInput({ role: "user", content: "meanwhile" });
    await run.append([{ role: "assistant", content: "within" }]);
    await run.commit({ usage: { model: "m" } });
    await a.commit({ usage: { model: "m" } });
    await run.finish("completed", { entries: [{ role: "assistant", content: "last" }] });
    await a.append([{ role: "assistant", content: "after" }]);
    await place.throughout(async () => {
      const { items } = await place.a.transcript();
      deepEqual(items.map(({ content, runId }) => [content, runId]), [
        ["before", undefined],
        ["meanwhile", undefined],
        ["within", "r"],
        ["last", "r"],
        ["after", undefined],
      ]);
      const events = await allEvents(place.a);
      const usage = events.flatMap((event) => "usage" in event ? [event.runId] : []);
      deepEqual(usage, ["r", undefined]);
      const runs = events.flatMap((event) => "run" in event ? [[event.runId, event.run]] : []);
      deepEqual(runs, [["r", { began: true }], ["r", { ended: "completed" }]]);
    });
  },
});

/** Asserts that the signal of a run has aborted. */
export function isAborted({ signal }: { readonly signal: AbortSignal }): void {
  ok(signal.aborted);
  equal(signal.reason.name, "AbortError");
}

/**
 * Runs: one at a time, with a signal, never considered open after a restart.
 *
 * @module
 */
import { deepEqual, equal, notEqual, ok } from "./assert.ts";
import type { Runtime } from "../src/core/runtime.ts";
import { type Place, refused, type Register, writesNothing } from "./place.ts";

/** Registers the tests. */
export function runTests(test: Register): void {
  test("beginRun() marks the worker busy, finish() ends it", async (place) => {
    const runtime = await start(place);
    const worker = runtime.worker("a");
    const run = await worker.beginRun({ runId: "r1" });
    equal(run.signal.aborted, false);
    deepEqual(worker.state().run, { runId: "r1", startedAt: run.at });
    const { at } = await run.finish("failed", { reason: "no luck" });
    const { run: open, lastRun, status } = worker.state();
    deepEqual([open, status], [null, "running"]);
    const expected = { runId: "r1", startedAt: run.at, endedAt: at, outcome: "failed", reason: "no luck" };
    deepEqual(lastRun, expected);
    deepEqual((await place.reopen(runtime)).worker("a").state().lastRun, expected);
  });

  test("beginRun() generates an id", async (place) => {
    const worker = (await start(place)).worker("a");
    const first = await worker.beginRun();
    await first.finish("completed");
    notEqual((await worker.beginRun()).runId, first.runId);
  });

  test("beginRun() while a run is open is worker_busy", async (place) => {
    const runtime = await start(place);
    const worker = runtime.worker("a");
    await worker.beginRun({ runId: "r1" });
    const work = () => refused(worker.beginRun({ runId: "r2" }), "worker_busy");
    deepEqual((await writesNothing(runtime, work)).details, { workerId: "a", runId: "r1" });
    await writesNothing(runtime, () => refused(worker.stop(), "worker_busy"));
  });

  test("beginRun() called concurrently succeeds once", async (place) => {
    const worker = (await start(place)).worker("a");
    const runs = await Promise.allSettled(Array.from({ length: 20 }, () => worker.beginRun()));
    equal(runs.filter(({ status }) => status === "fulfilled").length, 1);
  });

  test("beginRun() of two workers works concurrently", async (place) => {
    const runtime = await start(place);
    await Promise.all([runtime.worker("a").beginRun(), runtime.worker("b").beginRun()]);
    equal(runtime.overview().workers.busy, 2);
  });

  for (const end of ["cancel", "stop"] as const) {
    test(`${end}() and purge() in one batch end the run, and the next run with its ids has its own signal`, async (place) => {
      const worker = (await start(place)).worker("a");
      const first = await worker.beginRun({ runId: "r" });
      const ending = end === "cancel" ? [worker.cancel()] : [first.finish("completed"), worker.stop()];
      const creation = () => place.newest.createWorker({ workerId: "a", intent: { kind: "assistant" } });
      const [second] = await Promise.all([
        Promise.all([...ending, worker.purge(), creation()]).then(() => worker.beginRun({ runId: "r" })),
      ]);
      deepEqual([first.signal.aborted, second.signal.aborted], [true, false]);
      // All in one batch, including the run of the next worker.
      const [, , , third] = await Promise.all([
        worker.cancel(),
        worker.purge(),
        creation(),
        worker.beginRun({ runId: "r" }),
      ]);
      deepEqual([second.signal.aborted, third.signal.aborted], [true, false]);
      await worker.cancel();
      equal(third.signal.aborted, true);
    });
  }

  test("beginRun() right before close() has a signal that is aborted", async (place) => {
    const runtime = await start(place);
    const [run] = await Promise.all([runtime.worker("a").beginRun(), runtime.close()]);
    equal(run.signal.aborted, true);
  });

  test("finish() twice is worker_not_running", async (place) => {
    const runtime = await start(place);
    const run = await runtime.worker("a").beginRun({ runId: "r" });
    await run.finish("completed");
    await writesNothing(runtime, () => refused(run.finish("completed"), "worker_not_running"));
  });

  test("finish() of an earlier run does not affect the open one", async (place) => {
    const worker = (await start(place)).worker("a");
    const first = await worker.beginRun({ runId: "r1" });
    await first.finish("completed");
    const second = await worker.beginRun({ runId: "r2" });
    await refused(first.finish("cancelled"), "worker_not_running");
    equal(second.signal.aborted, false);
    equal(worker.state().run?.runId, "r2");
  });

  test("finish() aborts the signal", async (place) => {
    const run = await (await start(place)).worker("a").beginRun();
    await run.finish("cancelled");
    aborted(run.signal);
  });

  test("cancel() aborts the signal of the open run and ends it cancelled", async (place) => {
    const runtime = await start(place);
    const worker = runtime.worker("a");
    const [run, other] = [await worker.beginRun({ runId: "r" }), await runtime.worker("b").beginRun()];
    const heard = new Promise((resolve) => run.signal.addEventListener("abort", resolve));
    const { at } = await worker.cancel({ reason: "enough" });
    await heard;
    aborted(run.signal);
    equal(other.signal.aborted, false);
    const { lastRun, status, reason } = worker.state();
    deepEqual([status, reason], ["cancelled", "enough"]);
    deepEqual([lastRun?.outcome, lastRun?.endedAt], ["cancelled", at]);
    await refused(run.finish("completed"), "worker_not_running");
  });

  test("cancel() right after beginRun() yields a run that has ended", async (place) => {
    const worker = (await start(place)).worker("a");
    const [run] = await Promise.all([worker.beginRun(), worker.cancel()]);
    aborted(run.signal);
  });

  test("stop() of the runtime aborts the signals of all runs", async (place) => {
    const runtime = await start(place);
    const runs = [await runtime.worker("a").beginRun(), await runtime.worker("b").beginRun()];
    await runtime.stop();
    for (const { signal } of runs) aborted(signal);
    equal(runtime.worker("a").state().lastRun?.outcome, "cancelled");
  });

  test("close() aborts the signals of all runs", async (place) => {
    const runtime = await start(place);
    const run = await runtime.worker("a").beginRun();
    await runtime.close();
    aborted(run.signal);
  });

  for (const how of ["reopen", "restart"] as const) {
    test(`a run that was open is interrupted after a ${how}`, (place) => interrupted(place, how));
  }

  test("beginRun() with a key returns the same open run", async (place) => {
    const worker = (await start(place)).worker("a");
    const run = await worker.beginRun({ key: "k" });
    const same = await worker.beginRun({ key: "k" });
    deepEqual([same.runId, same.eventId, same.duplicate], [run.runId, run.eventId, true]);
    equal(same.signal, run.signal);
    await same.finish("completed");
    const over = await worker.beginRun({ key: "k" });
    deepEqual([over.runId, over.duplicate], [run.runId, true]);
    aborted(over.signal);
    await refused(over.finish("completed"), "worker_not_running");
  });

  test("entries and usage contain the run that was open", async (place) => {
    let runtime = await start(place);
    const worker = runtime.worker("a");
    await worker.append([{ role: "assistant", content: "before" }]);
    const run = await worker.beginRun({ runId: "r" });
    await worker.sendInput({ role: "user", content: "within" });
    await worker.recordUsage({ model: "m" });
    await run.finish("completed");
    await worker.append([{ role: "assistant", content: "behind" }]);
    for (let round = 0; round < 2; round++) {
      const { items } = await runtime.worker("a").transcript();
      deepEqual(items.map(({ content, runId }) => [content, runId]), [
        ["before", undefined],
        ["within", "r"],
        ["behind", undefined],
      ]);
      const { items: events } = await runtime.worker("a").events();
      deepEqual(events.flatMap((event) => event.type === "worker.usage_recorded" ? [event.runId] : []), [
        "r",
      ]);
      runtime = await place.reopen(runtime);
    }
  });
}

async function start(place: Place): Promise<Runtime> {
  const runtime = await place.runtime();
  for (const workerId of ["a", "b"]) await runtime.createWorker({ workerId, intent: { kind: "assistant" } });
  return runtime;
}

function aborted(signal: AbortSignal): void {
  ok(signal.aborted);
  equal(signal.reason.name, "AbortError");
}

async function interrupted(place: Place, how: "reopen" | "restart"): Promise<void> {
  let runtime = await start(place);
  const run = await runtime.worker("a").beginRun({ runId: "r", key: "k" });
  runtime = await place[how](runtime);
  const worker = runtime.worker("a");
  const { run: open, lastRun, status } = worker.state();
  deepEqual([open, status], [null, "running"]);
  deepEqual([lastRun?.runId, lastRun?.outcome, lastRun?.startedAt], ["r", "interrupted", run.at]);
  const { items: [event] } = await worker.events({ limit: 1 });
  equal(event?.type, "worker.run_interrupted");
  deepEqual(runtime.diagnostics().items.map(({ code, workerId }) => [code, workerId]).at(-1), [
    "run_interrupted",
    "a",
  ]);
  const same = await worker.beginRun({ runId: "r", key: "k" });
  equal(same.duplicate, true);
  aborted(same.signal);
  await (await worker.beginRun({ runId: "next" })).finish("completed");
  await runtime.close();
  equal((await place.runtime()).worker("a").state().lastRun?.runId, "next");
}

/**
 * Ends of workers and runtimes, and purges of ended workers.
 *
 * @module
 */
import { deepEqual, equal, throws } from "./assert.ts";
import { isRuntimeError } from "../src/core/errors.ts";
import type { Runtime } from "../src/core/runtime.ts";
import { allEntries, allEvents } from "./dump.ts";
import { type Place, refused, type Register, writesNothing } from "./place.ts";

/** Registers the tests. */
export function endTests(test: Register): void {
  for (const [first, second] of [["stop", "cancel"], ["cancel", "stop"]] as const) {
    test(`${first}() is final, a later ${second}() is rejected`, async (place) => {
      let runtime = await start(place);
      const status = first === "stop" ? "stopped" : "cancelled";
      await runtime.worker("a")[first]({ reason: "why" });
      for (let round = 0; round < 2; round++) {
        const work = () => refused(runtime.worker("a")[second](), "worker_not_running");
        deepEqual((await writesNothing(runtime, work)).details, { workerId: "a", status });
        const state = runtime.worker("a").state();
        deepEqual([state.status, state.reason], [status, "why"]);
        runtime = await place.reopen(runtime);
      }
    });
  }

  test("stop() and cancel() concurrently: the first one decided wins", async (place) => {
    const runtime = await start(place);
    const worker = runtime.worker("a");
    const both = await Promise.allSettled([worker.cancel(), worker.stop()]);
    deepEqual(both.map(({ status }) => status), ["fulfilled", "rejected"]);
    equal(worker.state().status, "cancelled");
  });

  test("stop() of the runtime stops all running workers", async (place) => {
    let runtime = await start(place);
    await runtime.worker("a").cancel({ reason: "own" });
    const run = await runtime.worker("b").beginRun({ runId: "r" });
    const { at } = await runtime.stop({ reason: "night" });
    for (let round = 0; round < 2; round++) {
      const [a, b] = [runtime.worker("a").state(), runtime.worker("b").state()];
      deepEqual([a.status, a.reason], ["cancelled", "own"]);
      deepEqual([b.status, b.reason, b.run], ["stopped", "night", null]);
      const lastRun = { runId: "r", startedAt: run.at, endedAt: at, outcome: "cancelled", reason: "night" };
      deepEqual(b.lastRun, lastRun);
      equal(runtime.overview().status, "stopped");
      runtime = await place.reopen(runtime);
    }
  });

  test("stop() of the runtime keeps data readable", async (place) => {
    let runtime = await start(place);
    await runtime.stop();
    for (let round = 0; round < 2; round++) {
      deepEqual((await allEntries(runtime.worker("a"))).map(({ content }) => content), ["one", "two"]);
      equal((await allEvents(runtime.worker("a"))).length, 2);
      equal(runtime.workers().items.length, 2);
      runtime = await place.reopen(runtime);
    }
  });

  test("purge() of a running worker is invalid_request", async (place) => {
    const runtime = await start(place);
    await writesNothing(runtime, () => refused(runtime.worker("a").purge(), "invalid_request"));
    equal((await allEntries(runtime.worker("a"))).length, 2);
  });

  test("purge() deletes a worker and keeps its events and its usage", purges);
  test("purge() twice is worker_not_found", async (place) => {
    const runtime = await start(place);
    await runtime.worker("a").stop();
    await runtime.worker("a").purge();
    await writesNothing(runtime, () => refused(runtime.worker("a").purge(), "worker_not_found"));
  });

  test("purge() frees the id for another worker", (place) => createsAnew(place, "in turns"));
  test("purge() frees the id for another worker created immediately", (place) =>
    createsAnew(place, "at once"));
  test("purge() called repeatedly leaves nothing of the earlier workers", async (place) => {
    let runtime = await start(place);
    for (let round = 1; round <= 4; round++) {
      await runtime.worker("a").cancel();
      await runtime.worker("a").purge();
      const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
      for (let count = 0; count < round; count++) {
        await worker.append([{ role: "assistant", content: `${round}.${count}` }]);
      }
      if (round % 2 === 0) runtime = await place.reopen(runtime);
      const expected = Array.from({ length: round }, (_, count) => `${round}.${count}`);
      deepEqual((await allEntries(runtime.worker("a"))).map(({ content }) => content), expected);
    }
  });
}

async function start(place: Place): Promise<Runtime> {
  const runtime = await place.runtime();
  for (const workerId of ["a", "b"]) {
    const worker = await runtime.createWorker({ workerId, intent: { kind: "assistant" } });
    await worker.append([{ role: "assistant", content: "one" }, { role: "assistant", content: "two" }]);
  }
  return runtime;
}

async function purges(place: Place): Promise<void> {
  let runtime = await start(place);
  await runtime.worker("a").recordUsage({ model: "m", inputTokens: 5 });
  await runtime.worker("a").cancel();
  await runtime.worker("a").purge();
  for (const how of ["reopen", "restart", "reopen"] as const) {
    throws(
      () => runtime.worker("a").state(),
      (error) => isRuntimeError(error) && error.code === "worker_not_found",
    );
    await refused(runtime.worker("a").transcript(), "worker_not_found");
    await refused(runtime.worker("a").sendInput({ role: "user", content: "x" }), "worker_not_found");
    deepEqual(runtime.workers().items.map(({ record }) => record.workerId), ["b"]);
    equal(runtime.overview().workers.total, 1);
    equal(runtime.overview().usage.inputTokens, 5);
    equal(
      (await allEvents(runtime)).filter((event) => "workerId" in event && event.workerId === "a").length,
      5,
    );
    equal((await allEntries(runtime.worker("b"))).length, 2);
    runtime = await place[how](runtime);
  }
}

async function createsAnew(place: Place, how: "in turns" | "at once"): Promise<void> {
  let runtime = await start(place);
  await runtime.worker("a").updateState({ old: true });
  await runtime.worker("a").stop();
  const works = [
    () => runtime.worker("a").purge(),
    () => runtime.createWorker({ workerId: "a", intent: { kind: "task", objective: "new" } }),
    () => runtime.worker("a").append([{ role: "assistant", content: "new" }]),
  ];
  if (how === "at once") await Promise.all(works.map((work) => work()));
  else for (const work of works) await work();
  for (let round = 0; round < 2; round++) {
    const worker = runtime.worker("a");
    deepEqual((await allEntries(worker)).map(({ seq, content }) => [seq, content]), [[1, "new"]]);
    deepEqual(worker.state().record.intent, { kind: "task", objective: "new" });
    deepEqual([worker.state().data, worker.state().status], [{}, "running"]);
    runtime = await place.reopen(runtime);
  }
}

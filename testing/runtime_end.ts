/**
 * Stops, restarts and retirements of workers, the retirement of the runtime, and purges.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import { allEntries, allEvents, contentsOf, range, workerIdsOf } from "./dump.ts";
import { each, type Place, prepared, refused, type Tests } from "./place.ts";

const tests: Tests = {
  "stop() is undone by restart()": async (place) => {
    await place.a.stop({ reason: "night" });
    await place.throughout(async () => {
      deepEqual([place.a.state().status, place.a.state().reason], ["stopped", "night"]);
      await place.rejects(place.a.stop(), "worker_not_running", { workerId: "a", status: "stopped" });
      await refusesWork(place, "stopped");
    });
    const { at } = await place.a.restart();
    await place.throughout(() => {
      const { status, reason, updatedAt } = place.a.state();
      deepEqual([status, reason, updatedAt], ["running", undefined, at]);
    });
    await place.a.append([{ role: "assistant", content: "three" }]);
    deepEqual(await contentsOf(place.a), ["one", "two", "three"]);
    await place.rejects(place.a.restart(), "invalid_request");
  },

  ...each([false, true], (isStopped) => ({
    [`retire() of a ${isStopped ? "stopped" : "running"} worker is final`]: async (place) => {
      if (isStopped) await place.a.stop({ reason: "before" });
      await place.a.retire({ reason: "why" });
      await place.throughout(async () => {
        const { a } = place;
        for (const work of [a.stop(), a.restart(), a.retire(), a.retire({ cancelRun: true })]) {
          await place.rejects(work, "worker_not_running", { workerId: "a", status: "retired" });
        }
        await refusesWork(place, "retired");
        deepEqual([a.state().status, a.state().reason], ["retired", "why"]);
        deepEqual(await contentsOf(a), ["one", "two"]);
      });
    },
  })),

  "stop() and retire() called concurrently: each is decided in order": async ({ a }) => {
    const both = await Promise.allSettled([a.retire(), a.stop()]);
    deepEqual(both.map(({ status }) => status), ["fulfilled", "rejected"]);
    equal(a.state().status, "retired");
  },

  ...each(["stop", "retire"], (end) => ({
    [`${end}() while a run is open is worker_busy, unless it cancels the run with the same event`]: async (
      place,
    ) => {
      const run = await place.a.beginRun({ runId: "r" });
      await place.rejects(place.a[end](), "worker_busy", { workerId: "a", runId: "r" });
      await place.rejects(place.a[end]({ cancelRun: false }), "worker_busy");
      equal(run.signal.aborted, false);
      const { eventId, at } = await place.a[end]({ reason: "enough", cancelRun: true });
      equal(place.runtime.lastEventId, eventId);
      equal(run.signal.aborted, true);
      const status = end === "stop" ? "stopped" : "retired";
      const { runId, eventId: runEventId, at: startedAt } = run;
      await place.throughout(async () => {
        const state = place.a.state();
        deepEqual([state.status, state.reason, state.run], [status, "enough", null]);
        const ended = { endedAt: at, outcome: "cancelled", reason: "enough" };
        deepEqual(state.lastRun, { runId, eventId: runEventId, startedAt, ...ended });
        const { items: [event] } = await place.a.events({ after: eventId - 1, limit: 1 });
        const written = { type: "worker.committed", workerId: "a", runId, status, reason: "enough" };
        deepEqual(event, { id: eventId, at, ...written, run: { ended: "cancelled", reason: "enough" } });
      });
    },

    [`${end}() that may cancel a run works without one`]: async ({ a }) => {
      const { eventId } = await a[end]({ cancelRun: true });
      deepEqual([a.state().lastEventId, a.state().lastRun], [eventId, null]);
    },
  })),

  ...each(["stop", "retire"], (end) => ({
    [`${end}() commits further changes of a running worker with the same event`]: async (place) => {
      const { a } = place;
      await a.beginRun({ runId: "r" });
      const entries = [{ role: "assistant", content: "good bye" }];
      const commit = { labels: { ended: "yes" }, data: { n: 1 }, entries };
      const { eventId } = await a[end]({ reason: "why", cancelRun: true, commit });
      await place.throughout(async () => {
        const { lastEventId, reason, labels, data, lastRun } = place.a.state();
        deepEqual([lastEventId, reason, labels, data], [eventId, "why", { ended: "yes" }, { n: 1 }]);
        deepEqual([lastRun?.runId, lastRun?.outcome], ["r", "cancelled"]);
        deepEqual((await contentsOf(place.a)).at(-1), "good bye");
      });
    },
  })),

  "retire() of a stopped worker commits nothing else": async (place) => {
    await place.a.stop();
    const late = place.a.retire({ commit: { labels: { late: "yes" } } });
    await place.rejects(late, "worker_not_running", { workerId: "a", status: "stopped" });
    equal(place.a.state().status, "stopped");
    await place.a.retire({ commit: { usage: { model: "m", inputTokens: 1 } } });
    deepEqual([place.a.state().status, place.a.state().usage.inputTokens], ["retired", 1]);
  },

  "usage of a stopped and of a retired worker is still recorded": async (place) => {
    const late = async (): Promise<void> => {
      await place.a.commit({ usage: { model: "m", inputTokens: 5 } }, { meta: { actor: "billing" } });
      for (
        const more of [{ data: {} }, { entries: [{ role: "user", content: "x" }] }, { labels: { a: "b" } }]
      ) {
        const work = place.a.commit({ usage: { model: "m" }, ...more });
        await place.rejects(work, "worker_not_running");
      }
    };
    await place.a.stop();
    await late();
    await place.a.retire();
    await late();
    await place.throughout((runtime) => {
      deepEqual([place.a.state().usage.inputTokens, runtime.overview().usage.inputTokens], [10, 10]);
    });
  },

  "reasons are truncated to their bound, at a whole character": async (place) => {
    await place.a.stop({ reason: `x${"字".repeat(limits.textBytesMax)}` });
    await place.b.stop({ reason: "a\uD800b" });
    const runtime = await place.reopen();
    const kept = place.a.state().reason ?? "";
    ok(kept.startsWith("x字") && kept.endsWith("字") && kept.isWellFormed());
    equal(new TextEncoder().encode(kept).length, 65_536);
    equal(place.b.state().reason, "a\uFFFDb");
    await place.a.restart({ reason: " \n" });
    equal(place.a.state().reason, undefined);
    await runtime.retire({ reason: "y".repeat(limits.textBytesMax + 1) });
    equal(place.b.state().reason, "y".repeat(limits.textBytesMax));
  },

  "retire() of the runtime retires all workers and cancels their runs": async (place) => {
    await place.a.stop({ reason: "own" });
    const run = await place.b.beginRun({ runId: "r" });
    const { at } = await place.runtime.retire({ reason: "night" });
    await place.throughout((runtime) => {
      const [a, b] = [place.a.state(), place.b.state()];
      deepEqual([a.status, a.reason, a.lastRun], ["retired", "night", null]);
      deepEqual([b.status, b.reason, b.run], ["retired", "night", null]);
      const ended = { endedAt: at, outcome: "cancelled", reason: "night" };
      deepEqual(b.lastRun, { runId: "r", eventId: run.eventId, startedAt: run.at, ...ended });
      equal(runtime.overview().status, "retired");
    });
  },

  "retire() of the runtime keeps data readable": async (place) => {
    await place.runtime.retire();
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
    const { a } = place;
    await a.commit({ usage: { model: "m", inputTokens: 5 } });
    await a.retire();
    await a.purge();
    await isGone(place, a);
    await place.throughout(async (runtime) => {
      await refused(() => place.a, "worker_not_found");
      deepEqual(await workerIdsOf(runtime), ["b"]);
      const { workers, usage } = runtime.overview();
      deepEqual([workers.total, usage.inputTokens], [1, 5]);
      const events = await allEvents(runtime);
      equal(events.filter((event) => "workerId" in event && event.workerId === "a").length, 5);
      equal((await allEntries(place.b)).length, 2);
    });
  },

  "purge() twice is worker_not_found": async (place) => {
    const { a } = place;
    await a.stop();
    await a.purge();
    await place.rejects(a.purge(), "worker_not_found");
  },

  ...each([["", false], [" created immediately", true]], ([when, atOnce]) => ({
    [`purge() frees the id for another worker${when}`]: async (place) => {
      const { a, runtime } = place;
      await a.commit({ data: { old: true }, labels: { old: "yes" }, displayName: "old" });
      await a.stop();
      const intent = { kind: "task", objective: "new" } as const;
      const commit = { entries: [{ role: "assistant", content: "new" }] };
      const purge = a.purge();
      if (!atOnce) await purge;
      await Promise.all([purge, runtime.createWorker({ workerId: "a", intent }, { commit })]);
      await place.throughout(async () => {
        deepEqual((await allEntries(place.a)).map(({ seq, content }) => [seq, content]), [[1, "new"]]);
        const { record, data, labels, displayName, status } = place.a.state();
        deepEqual([record.intent, data, labels, displayName, status], [intent, {}, {}, undefined, "running"]);
      });
    },
  })),

  "a handle is bound to one life of its worker": async (place) => {
    const old = place.a;
    const run = await old.beginRun();
    const kept = await old.append([{ role: "assistant", content: "kept" }], { key: "k" });
    await run.finish("completed");
    await old.stop();
    await old.purge();
    await isGone(place, old);
    const next = await place.create("a");
    await isGone(place, old);
    // Keys of one life mean nothing in the next.
    await place.rejects(
      old.append([{ role: "assistant", content: "kept" }], { key: "k" }),
      "worker_not_found",
    );
    for (const work of [() => run.finish("failed"), () => run.append([{ role: "user", content: "x" }])]) {
      await place.rejects(work, "worker_not_found", { workerId: "a" });
    }
    deepEqual([run.isOpen, old.openRun], [false, undefined]);
    const anew = await next.append([{ role: "assistant", content: "kept" }], { key: "k" });
    deepEqual([anew.firstSeq, anew.duplicate, kept.firstSeq], [1, false, 3]);
    const open = await next.beginRun();
    deepEqual([next.openRun?.eventId, old.openRun], [open.eventId, undefined]);
    // A repetition of its creation is a handle of the life that it created.
    await place.throughout(() => equal(place.a.state().createdEventId, next.creation?.eventId));
  },

  "createWorker() repeated with its key after a purge is a handle of the purged life": async (place) => {
    const create = () =>
      place.runtime.createWorker({ workerId: "c", intent: { kind: "assistant" } }, { key: "k" });
    const first = await create();
    await first.stop();
    await first.purge();
    await place.create("c");
    const again = await place.writesNothing(create);
    deepEqual(again.creation, { ...first.creation, duplicate: true });
    await isGone(place, again);
  },

  "purge() called repeatedly leaves nothing of the earlier workers": async (place) => {
    for (const round of [1, 2, 3, 4]) {
      await place.a.retire();
      await place.a.purge();
      await place.create("a");
      const contents = range(1, round).map((count) => `${round}.${count}`);
      for (const content of contents) await place.a.append([{ role: "assistant", content }]);
      if (round % 2 === 0) await place.reopen();
      deepEqual(await contentsOf(place.a), contents);
    }
  },
};

/** Asserts that a worker of this status accepts neither changes nor runs. */
async function refusesWork(place: Place, status: string): Promise<void> {
  const { a } = place;
  const all = [
    () => a.sendInput({ role: "user", content: "x" }),
    () => a.commit({ data: { x: 1 } }),
    () => a.commit({ events: [{ name: "x", data: 1 }] }),
    () => a.commit({ displayName: "x" }),
    () => a.beginRun(),
    () => a.beginRun({ wait: true }),
    () => a.run(() => 1),
  ];
  for (const work of all) await place.rejects(work, "worker_not_running", { workerId: "a", status });
}

/** Asserts that nothing is left for a handle. */
async function isGone(place: Place, a: Place["a"]): Promise<void> {
  const entry = { role: "user", content: "x" };
  const blob = { sha256: "0".repeat(64), bytes: 1, mediaType: "x" };
  const all: readonly (() => unknown)[] = [
    () => a.state(),
    () => a.transcript(),
    () => a.entries().next(),
    () => a.events(),
    () => a.watch().next(),
    () => a.sendInput(entry),
    () => a.append([entry]),
    () => a.commit({ usage: { model: "m" } }),
    () => a.beginRun(),
    () => a.beginRun({ wait: true }),
    () => a.run(() => 1),
    () => a.stop(),
    () => a.restart(),
    () => a.retire(),
    () => a.purge(),
    () => a.putBlob(new Uint8Array(3)),
    () => a.blob(blob),
    () => a.content({ contentBlob: blob }),
    () => a.removeUnreferencedBlobs(),
  ];
  for (const work of all) await place.rejects(work, "worker_not_found", { workerId: a.workerId });
}

/** Tests of a runtime with workers `a` and `b`, each with two entries. */
export const endTests: Tests = prepared(tests, async (place) => {
  await place.open();
  for (const workerId of ["a", "b"]) {
    const worker = await place.create(workerId);
    await worker.append([{ role: "assistant", content: "one" }, { role: "assistant", content: "two" }]);
  }
  return place;
});

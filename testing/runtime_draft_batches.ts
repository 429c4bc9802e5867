/**
 * Drafts that are committed together: joined while they wait, in the order of the
 * calls, and until their run ends.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import { allEvents, contentsOf, range } from "./dump.ts";
import { each, refused, type Tests, withWorkers } from "./place.ts";

/** Tests of a runtime with workers `a` and `b`. */
export const draftBatchTests: Tests = withWorkers(["a", "b"], {
  "drafts that are committed together become few events, in order": async (place) => {
    const { a } = place;
    const run = await a.beginRun();
    const given = range(0, 999).map((index) => run.commit({ draft: `${index} ` }));
    const receipts = await Promise.all(given);
    const ids = receipts.map(({ eventId }) => eventId);
    deepEqual(ids, ids.toSorted((one, other) => one - other));
    ok(new Set(ids).size < 10, `${new Set(ids).size} events`);
    const text = range(0, 999).map((index) => `${index} `).join("");
    deepEqual([(await a.draft())?.text, a.state().run?.draft?.bytes], [text, text.length]);
    // Every receipt names the event that has the text.
    const events = (await allEvents(a)).flatMap((event) => "draft" in event ? [event] : []);
    equal(events.map(({ draft }) => draft).join(""), text);
    for (const [index, id] of ids.entries()) {
      const event = events.find((event) => event.id === id);
      ok(event?.draft?.includes(`${index} `), `event ${id} has ${index}`);
    }
    await place.restart();
    equal((await place.a.draft())?.text, text);
  },

  "drafts and other commands keep the order of the calls": async (place) => {
    const { a, runtime } = place;
    const run = await a.beginRun();
    const large = "x".repeat(limits.contentInlineBytesMax);
    await Promise.all([
      run.commit({ draft: "1" }),
      run.commit({ draft: "2" }),
      run.append([{ role: "assistant", content: "of the run" }]),
      run.commit({ draft: "3" }),
      a.sendInput({ role: "user", content: "of the worker" }),
      run.commit({ draft: "4" }),
      runtime.record("of the runtime", null),
      run.commit({ draft: "5" }),
      run.commit({ draft: "6" }),
      run.append([{ role: "tool", content: large }]),
      run.commit({ draft: "7" }),
      run.commit({ draft: "8", data: { step: 1 } }),
      run.commit({ draft: "9", entries: [{ role: "tool", content: "with it" }] }),
      run.commit({ draft: "9" }),
      run.commit({ draft: null }),
      run.commit({ draft: "10" }),
      run.finish("completed"),
    ]);
    const seen = (await allEvents(runtime)).flatMap((event) => {
      if (event.type === "custom") return [event.name];
      if (event.type !== "worker.committed") return [];
      if (event.draft !== undefined) return [event.draft];
      const [entry] = event.entries ?? [];
      return entry === undefined ? [event.run?.ended] : [entry.content ?? "large"];
    });
    deepEqual(seen.slice(1), [
      ...["12", "of the run", "3", "of the worker", "4", "of the runtime", "56", "large"],
      ...["7", "8", "9", "9", null, "10", "completed"],
    ]);
    deepEqual(await contentsOf(a), ["of the run", "of the worker", large, "with it"]);
  },

  "drafts of two workers are joined apart": async ({ a, b }) => {
    const [ofA, ofB] = [await a.beginRun(), await b.beginRun()];
    const given = range(0, 9).flatMap((index) => [
      ofA.commit({ draft: `${index}` }),
      ofB.commit({ draft: `-${index}` }),
    ]);
    const receipts = await Promise.all(given);
    equal(new Set(receipts.map(({ eventId }) => eventId)).size, 2);
    deepEqual([(await a.draft())?.text, (await b.draft())?.text], ["0123456789", "-0-1-2-3-4-5-6-7-8-9"]);
  },

  "drafts with a key, an expectation, meta or a signal are events of their own": async ({ a }) => {
    const run = await a.beginRun();
    const signal = new AbortController().signal;
    const receipts = await Promise.all([
      run.commit({ draft: "a" }),
      run.commit({ draft: "b" }, { key: "k" }),
      run.commit({ draft: "c" }),
      run.commit({ draft: "d" }, { meta: { actor: "m" } }),
      run.commit({ draft: "e" }),
      run.commit({ draft: "f" }, { signal }),
      run.commit({ draft: "g" }),
      run.commit({ draft: "h" }, { expect: { lastEventId: run.eventId + 7 } }),
      run.commit({ draft: "i" }),
    ]);
    deepEqual(receipts.map(({ eventId }) => eventId - run.eventId), range(1, 9));
    equal((await a.draft())?.text, "abcdefghi");
    const again = await run.commit({ draft: "b" }, { key: "k" });
    deepEqual([again.eventId, again.duplicate], [run.eventId + 2, true]);
    equal((await a.draft())?.text, "abcdefghi");
  },

  "a draft whose signal aborts is left out, and those around it stay": async ({ a }) => {
    const run = await a.beginRun();
    const controller = new AbortController();
    const given = [
      run.commit({ draft: "a" }),
      run.commit({ draft: "x" }, { signal: controller.signal }),
      run.commit({ draft: "b" }),
    ];
    controller.abort(new Error("enough"));
    const outcomes = await Promise.allSettled(given);
    deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
    equal((await a.draft())?.text, "ab");
  },

  "drafts of a run that has ended are run_ended, each of those that were joined": async (place) => {
    const run = await place.a.beginRun({ runId: "r" });
    await run.finish("completed");
    const given = range(1, 5).map(() => run.commit({ draft: "late" }));
    for (const work of given) await place.rejects(work, "run_ended", { workerId: "a", runId: "r" });
    const next = await place.a.beginRun({ runId: "r" });
    // Both in the queue at once: the run id is the same, the run is not.
    const [late, own] = await Promise.allSettled([
      run.commit({ draft: "late" }),
      next.commit({ draft: "own" }),
    ]);
    deepEqual([late.status, own.status], ["rejected", "fulfilled"]);
    equal((await place.a.draft())?.text, "own");
  },

  "drafts, the end of their run and the beginning of the next one in the same turn": async ({ a }) => {
    const run = await a.beginRun();
    const [first, , ended, next] = await Promise.all([
      run.commit({ draft: "a" }),
      run.commit({ draft: "b" }),
      run.finish("completed"),
      a.beginRun({ draft: "of the next " }),
      refused(run.commit({ draft: "late" }), "run_ended"),
      refused(run.commit({ draft: "later" }), "run_ended"),
    ]);
    deepEqual([ended.eventId, next.eventId], [first.eventId + 1, first.eventId + 2]);
    await Promise.all([next.commit({ draft: "one" }), a.openRun?.commit({ draft: "." })]);
    equal((await a.draft())?.text, "of the next one.");
  },

  ...each([["stop", "run_ended"], ["purge", "worker_not_found"]], ([end, code]) => ({
    [`drafts after ${end}() in the same turn are ${code}, those before it are not`]: async ({ a }) => {
      const run = await a.beginRun();
      const outcomes = await Promise.allSettled([
        run.commit({ draft: "a" }),
        run.commit({ draft: "b" }),
        a.stop({ cancelRun: true }),
        end === "purge" ? a.purge() : a.commit({ usage: { model: "m" } }),
        run.commit({ draft: "c" }),
        run.commit({ draft: "d" }),
      ]);
      const codes = outcomes.map((outcome) => outcome.status === "rejected" ? outcome.reason.code : "");
      deepEqual(codes, ["", "", "", "", code, code]);
    },
  })),

  ...each(["close", "release"], (how) => ({
    [`${how}() settles the drafts that wait, and keeps those that it acknowledged`]: async (place) => {
      const run = await place.a.beginRun();
      await run.commit({ draft: "first " });
      const given = Promise.allSettled(range(0, 9).map((index) => run.commit({ draft: `${index}` })));
      await place.runtime[how]();
      await refused(run.commit({ draft: "late" }), "runtime_closed");
      const outcomes = await given;
      const statuses = new Set(outcomes.map(({ status }) => status));
      if (how === "close") deepEqual([...statuses], ["fulfilled"]);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") equal(outcome.reason.code, "runtime_closed");
      }
      await place.open();
      const kept = outcomes.map(({ status }, index) => status === "fulfilled" ? index : "").join("");
      equal((await place.a.draft())?.text, `first ${kept}`);
    },
  })),
});

/**
 * Drafts: partial answers of runs, kept in events and read back from them.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import type { Run } from "../src/core/run.ts";
import { limits } from "../src/core/limits.ts";
import { contentsOf, range } from "./dump.ts";
import { each, type Place, type Tests, withWorkers } from "./place.ts";
import { oddTexts } from "./samples.ts";

/** Tests of a runtime with workers `a` and `b`. */
export const draftTests: Tests = withWorkers(["a", "b"], {
  "commit() of a draft appends to it, and state says where it begins": async (place) => {
    const { a } = place;
    const run = await a.beginRun({ runId: "r" });
    equal(await a.draft(), null);
    const { eventId } = await run.commit({ draft: "Hello, " });
    deepEqual(a.state().run?.draft, { eventId, bytes: 7 });
    await run.commit({ draft: "wörld", data: { step: 1 }, entries: [{ role: "tool", content: "x" }] });
    deepEqual(a.state().run?.draft, { eventId, bytes: 13 });
    const { runtime: { lastEventId } } = place;
    deepEqual(await a.draft(), { runId: "r", runEventId: run.eventId, text: "Hello, wörld", lastEventId });
    deepEqual([a.state().data, await contentsOf(a)], [{ step: 1 }, ["x"]]);
  },

  "commit() of null drops the draft, and the next text begins another": async ({ a, runtime }) => {
    const run = await a.beginRun();
    await run.commit({ draft: "one" });
    await run.commit({ draft: null, entries: [{ role: "assistant", content: "one" }] });
    deepEqual([a.state().run?.draft, await a.draft()], [undefined, null]);
    const { eventId } = await run.commit({ draft: "two" });
    deepEqual(a.state().run?.draft, { eventId, bytes: 3 });
    equal((await a.draft())?.text, "two");
    await run.commit({ draft: null });
    await run.commit({ draft: null });
    equal(runtime.lastEventId, eventId + 2);
  },

  ...each(["completed", "failed", "cancelled"], (outcome) => ({
    [`finish() as ${outcome} drops the draft, also one that its event adds to`]: async (place) => {
      for (const draft of [undefined, " and more"]) {
        const run = await place.a.beginRun();
        await run.commit({ draft: "partial" });
        await run.commit({ draft, finish: { outcome } });
        const { lastRun } = place.a.state();
        deepEqual([lastRun?.outcome, lastRun?.draft], [outcome, undefined]);
        await place.throughout(async () => equal(await place.a.draft(), null));
      }
    },
  })),

  ...each(["stop", "retire"], (end) => ({
    [`${end}() that cancels the run drops its draft`]: async (place) => {
      const run = await place.a.beginRun();
      const [first, last] = await Promise.all([
        run.commit({ draft: "partial" }),
        place.a[end]({ cancelRun: true }),
      ]);
      equal(last.eventId, first.eventId + 1);
      equal(place.a.state().lastRun?.draft, undefined);
      await place.throughout(async () => equal(await place.a.draft(), null));
    },

    [`${end}() drops the draft of an interrupted run`]: async (place) => {
      await interrupted(place, "partial");
      ok(place.a.state().lastRun?.draft !== undefined);
      await place.a[end]();
      await place.throughout(async () => {
        deepEqual([place.a.state().lastRun?.draft, await place.a.draft()], [undefined, null]);
      });
    },
  })),

  "rewind() drops the draft of an interrupted run, and compact() keeps it": async (place) => {
    const { lastSeq } = await place.a.sendInput({ role: "user", content: "question" });
    await interrupted(place, "partial");
    await place.a.compact({ through: lastSeq, summary: { role: "user", content: "summary" } });
    await place.throughout(async () => equal((await place.a.draft())?.text, "partial"));
    await place.a.rewind({ toSeq: lastSeq + 1 });
    await place.throughout(async () => {
      deepEqual([place.a.state().lastRun?.draft, await place.a.draft()], [undefined, null]);
    });
  },

  "retire() of the runtime drops all drafts": async (place) => {
    await interrupted(place, "partial");
    await (await place.b.beginRun()).commit({ draft: "open" });
    await place.runtime.retire();
    await place.throughout(async () => {
      for (const worker of [place.a, place.b]) {
        deepEqual([worker.state().lastRun?.draft, await worker.draft()], [undefined, null]);
      }
    });
  },

  ...each(["reopen", "restart"], (how) => ({
    [`a run that was interrupted by a ${how} keeps its draft until the next run begins`]: async (place) => {
      const run = await place.a.beginRun({ runId: "r" });
      const { eventId } = await run.commit({ draft: "I was about " });
      await run.commit({ draft: "to say" });
      await place[how]();
      await place.a.sendInput({ role: "user", content: "go on" });
      await place.throughout(async (runtime) => {
        const { run: open, lastRun } = place.a.state();
        deepEqual([open, lastRun?.outcome, lastRun?.draft], [null, "interrupted", { eventId, bytes: 18 }]);
        const { lastEventId } = runtime;
        const draft = { runId: "r", runEventId: run.eventId, text: "I was about to say", lastEventId };
        deepEqual(await place.a.draft(), draft);
      });
      const next = await place.a.beginRun();
      deepEqual([place.a.state().lastRun?.draft, await place.a.draft()], [undefined, null]);
      await next.commit({ draft: "other" });
      equal((await place.a.draft())?.text, "other");
    },

    [`beginRun() can begin with a draft, which survives a ${how}`]: async (place) => {
      await interrupted(place, "the first half");
      const { text: draft } = await place.a.draft() ?? {};
      const run = await place.a.beginRun({ draft });
      deepEqual(place.a.state().run?.draft, { eventId: run.eventId, bytes: 14 });
      equal((await place.a.draft())?.text, "the first half");
      await place[how]();
      equal((await place.a.draft())?.text, "the first half");
      await place.a.run(async (run) => {
        await run.commit({ draft: " and the second" });
        equal((await place.a.draft())?.text, "the first half and the second");
      }, { draft });
      equal(await place.a.draft(), null);
    },
  })),

  "beginRun() with a key stands for its draft, too": async (place) => {
    const run = await place.a.beginRun({ key: "k", draft: "x" });
    equal((await place.a.beginRun({ key: "k", draft: "x" })).eventId, run.eventId);
    await place.rejects(place.a.beginRun({ key: "k", draft: "y" }), "key_reused");
  },

  "a draft is kept unit by unit": async (place) => {
    for (const [what, text] of Object.entries(oddTexts)) {
      const run = await place.a.beginRun();
      const { bytes } = await givenBy(run, text, text.length > 100 ? text.length : 1);
      equal((await place.a.draft())?.text, text, what);
      await place.reopen();
      deepEqual([(await place.a.draft())?.text, place.a.state().lastRun?.draft?.bytes], [text, bytes], what);
    }
  },

  "an empty text begins a draft": async (place) => {
    const run = await place.a.beginRun();
    const { eventId } = await run.commit({ draft: "" });
    await place.restart();
    deepEqual(place.a.state().lastRun?.draft, { eventId, bytes: 0 });
    equal((await place.a.draft())?.text, "");
  },

  "a draft of 1 MiB is kept, a longer one is limit_exceeded, and so is a longer text": async (place) => {
    const max = limits.draftBytesMax;
    const exceeded = (actual: number) => ({ limit: "draft bytes", max, actual });
    const run = await place.a.beginRun();
    await place.rejects(run.commit({ draft: "x".repeat(max + 1) }), "limit_exceeded", exceeded(max + 1));
    await place.rejects(run.commit({ draft: "字".repeat(max / 3 + 1) }), "limit_exceeded");
    const half = "🦊".repeat(max / 8);
    await run.commit({ draft: half });
    await place.rejects(run.commit({ draft: `${half}x` }), "limit_exceeded", exceeded(max + 1));
    await run.commit({ draft: half });
    for (const more of ["x", "字"]) {
      const work = () => run.commit({ draft: more });
      await place.rejects(work, "limit_exceeded", exceeded(max + new TextEncoder().encode(more).length));
    }
    await run.commit({ draft: "" });
    await place.restart();
    equal((await place.a.draft())?.text, half + half);
    const next = await place.a.beginRun({ draft: "\u0001".repeat(max) });
    await place.rejects(next.commit({ draft: "x" }), "limit_exceeded");
    await next.commit({ draft: null });
    await next.commit({ draft: "x" });
    equal((await place.a.draft())?.text, "x");
    await place.rejects(place.b.beginRun({ draft: "x".repeat(max + 1) }), "limit_exceeded");
  },

  "long texts that are committed together are not joined beyond the limit": async ({ a }) => {
    const run = await a.beginRun();
    const text = "x".repeat(limits.draftBytesMax * 0.3);
    const outcomes = await Promise.allSettled(range(1, 4).map(() => run.commit({ draft: text })));
    deepEqual(outcomes.map(({ status }) => status), [...Array(3).fill("fulfilled"), "rejected"]);
    equal((await a.draft())?.text, text.repeat(3));
  },

  "a draft of another type, or of no run, is invalid_request": async (place) => {
    const run = await place.a.beginRun();
    for (const draft of [7, {}, ["x"], true]) {
      await place.rejects(run.commit({ draft: draft as unknown as string }), "invalid_request");
      await place.rejects(place.b.beginRun({ draft: draft as unknown as string }), "invalid_request");
    }
    for (const draft of ["x", null]) {
      await place.rejects(place.a.commit({ draft } as object), "invalid_request");
      const commit = { draft } as object;
      const created = place.runtime.createWorker({ intent: { kind: "assistant" } }, { commit });
      await place.rejects(created, "invalid_request");
    }
  },

  "a draft is read across the events of others, over many pages": async (place) => {
    const run = await place.a.beginRun();
    const other = { role: "tool", content: "", metadata: { m: "x".repeat(60_000) } };
    let text = "";
    for (const index of range(0, 29)) {
      const draft = `${index} ${"字".repeat(9_000)} `;
      text += draft;
      await run.commit({ draft });
      if (index % 3 === 0) await place.a.append([other]);
      await Promise.all(range(0, 9).map(() => place.b.append([other])));
    }
    equal((await place.a.draft())?.text, text);
    await place.reopen();
    equal((await place.a.draft())?.text, text);
  },

  "watch() yields drafts as events": async ({ a }) => {
    const run = await a.beginRun();
    const events = a.watch({ has: ["draft"] });
    for (const draft of ["one", "two", null]) {
      const next = events.next();
      await run.commit({ draft });
      await run.commit({ data: { draft } });
      const { value } = await next;
      ok(value?.type === "worker.committed");
      deepEqual([value.draft, value.runId], [draft, run.runId]);
    }
    await events.return();
  },

  "draft() and watch() after it yield every text once": async ({ a }) => {
    const run = await a.beginRun();
    await run.commit({ draft: "before " });
    const draft = await a.draft();
    ok(draft !== null);
    await run.commit({ draft: "after" });
    const { value } = await a.watch({ after: draft.lastEventId, has: ["draft"] }).next();
    ok(value?.type === "worker.committed");
    equal(draft.text + value.draft, "before after");
  },

  "prune() keeps the events of a draft until it is dropped": async (place) => {
    const write = async (): Promise<void> => {
      for (const how of ["restart", "reopen", "restart", "reopen"] as const) {
        await place.b.append([{ role: "tool", content: "x".repeat(5_000) }]);
        await place[how]();
      }
    };
    await write();
    await interrupted(place, "partial", " answer");
    const first = place.a.state().lastRun?.draft?.eventId ?? 0;
    await write();
    const plan = await place.runtime.planPrune();
    ok(plan.firstEventId <= first, `${plan.firstEventId} is after the draft's ${first}`);
    deepEqual(await place.runtime.prune(), plan);
    await place.throughout(async () => equal((await place.a.draft())?.text, "partial answer"));
    await (await place.a.beginRun()).finish("completed");
    await write();
    const pruned = await place.runtime.prune();
    ok(pruned.firstEventId >= plan.firstEventId);
    await place.throughout(async () => equal(await place.a.draft(), null));
  },
});

/** Leaves an interrupted run of worker `a` with a draft. */
async function interrupted(place: Place, ...texts: readonly string[]): Promise<void> {
  const run = await place.a.beginRun();
  for (const draft of texts) await run.commit({ draft });
  await place.restart();
}

/** Commits a text in parts of so many units, one event each. Returns the bytes of the parts. */
async function givenBy(run: Run, text: string, units: number): Promise<{ readonly bytes: number }> {
  let bytes = 0;
  for (let at = 0; at <= text.length; at += units) {
    const draft = text.slice(at, at + units);
    bytes += new TextEncoder().encode(draft).length;
    await run.commit({ draft });
  }
  return { bytes };
}

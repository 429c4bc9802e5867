/**
 * Drafts as they are read: across many events, by watches, and from a log that is pruned.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { range } from "./dump.ts";
import { type Tests, withWorkers } from "./place.ts";
import { interrupted } from "./runtime_drafts.ts";

/** Tests of a runtime with workers `a` and `b`. */
export const draftReadTests: Tests = withWorkers(["a", "b"], {
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

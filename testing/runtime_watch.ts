/**
 * Watching: catches up, stays live, ends quietly.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import type { RuntimeEvent } from "../src/core/event_types.ts";
import { range } from "./dump.ts";
import { each, refused, type Tests, withWorkers } from "./place.ts";
import { bulk } from "./samples.ts";

/** Tests of a runtime with workers `a` and `b`, events 3 and 4. */
export const watchTests: Tests = withWorkers(["a", "b"], {
  "watch() catches up from a cursor": async ({ runtime }) => {
    deepEqual(await take(runtime.watch({ after: 0 }), 4), [1, 2, 3, 4]);
    deepEqual(await take(runtime.watch({ after: 2 }), 2), [3, 4]);
  },

  "watch() stays live, and begins at the newest event by default": async ({ runtime }) => {
    const live = take(runtime.watch(), 3);
    const both = take(runtime.watch({ after: 2 }), 5);
    for (let count = 0; count < 3; count++) await runtime.record("note", count);
    deepEqual(await live, [5, 6, 7]);
    deepEqual(await both, [3, 4, 5, 6, 7]);
  },

  "watch() yields every event once, in order, while many are written": async ({ runtime }) => {
    const watches = [0, 3, 4].map((after) => take(runtime.watch({ after }), 1_004 - after));
    for (let batch = 0; batch < 10; batch++) {
      await Promise.all(range(0, 99).map((index) => runtime.record("note", index)));
    }
    deepEqual(await Promise.all(watches), [range(1, 1_004), range(4, 1_004), range(5, 1_004)]);
  },

  "watch() supports a slow reader": async ({ runtime }) => {
    const events = runtime.watch({ after: 4 });
    await Promise.all(range(0, 599).map((index) => runtime.record("note", index)));
    for (const id of range(5, 604)) {
      equal((await events.next()).value?.id, id);
      if (id % 100 === 0) await runtime.flush();
    }
    await events.return();
  },

  "watch() of a worker yields its events only": async ({ a, b }) => {
    const watching = take(a.watch({ after: 0 }), 3);
    for (const worker of [b, a, b, a]) await worker.commit({ events: [{ name: "note", data: null }] });
    deepEqual(await watching, [3, 6, 8]);
  },

  "watch() of a missing worker is worker_not_found": async ({ runtime }) => {
    await refused(runtime.watch({ workers: ["nobody"] }).next(), "worker_not_found");
  },

  ...each([["waits", undefined], ["catches up", 0]], ([when, after]) => ({
    [`watch() ends quietly when its signal aborts while it ${when}`]: async ({ runtime }) => {
      const controller = new AbortController();
      const events = runtime.watch({ after, signal: controller.signal });
      const next = events.next();
      controller.abort(new Error("enough"));
      await next;
      deepEqual(await events.next(), done);
    },

    [`watch() ends quietly when the runtime closes while it ${when}`]: async ({ runtime }) => {
      const events = runtime.watch({ after });
      const next = events.next();
      await runtime.close();
      await next;
      deepEqual(await events.next(), done);
    },
  })),

  "watch() with an aborted signal yields nothing": async ({ runtime }) => {
    deepEqual(await runtime.watch({ after: 0, signal: AbortSignal.abort() }).next(), done);
  },

  "watch() of many ends when the runtime closes": async ({ a, b, runtime }) => {
    const watches = [runtime, a, b, runtime].map((source) => take(source.watch()));
    await runtime.record("note", null);
    await runtime.close();
    // The workers were created by the events 3 and 4.
    for (const ids of await Promise.all(watches)) ok(ids.every((id) => id > 4));
  },

  "watch() continues from a cursor after a reopen": async (place) => {
    deepEqual(await take(place.runtime.watch({ after: 0 }), 3), [1, 2, 3]);
    for (const how of ["reopen", "restart"] as const) {
      await place.runtime.record("note", how);
      await place[how]();
    }
    deepEqual(await take(place.runtime.watch({ after: 3 }), 6), [4, 5, 6, 7, 8, 9]);
  },

  "watch() yields no event before it is in the state": async ({ a, runtime }) => {
    const watching = (async () => {
      for await (const event of runtime.watch()) {
        ok(event.id <= runtime.lastEventId);
        if (event.id === 54) return;
      }
    })();
    for (let count = 0; count < 50; count++) await a.append([{ role: "assistant", content: `${count}` }]);
    await watching;
  },

  ...each([false, true], (again) => ({
    [`watch() of a worker ends with its purge${again ? ", also if its id is used again" : ""}`]: async (
      place,
    ) => {
      const { a } = place;
      // One that waits, one that catches up, one that begins after the last event, one with a slow reader.
      const ids = [a.watch(), a.watch({ after: 0 }), a.watch({ after: 99 })].map((events) => take(events));
      const late = a.watch({ after: 0 });
      await Promise.all([a.stop(), a.purge()]);
      if (again) {
        const later = await place.create("a");
        for (let count = 0; count < 120; count++) await later.commit({ data: { count } });
      }
      deepEqual(await Promise.all(ids), [[5, 6], [3, 5, 6], []]);
      deepEqual(await take(late), [3, 5, 6]);
      await refused(a.watch({ after: 0 }).next(), "worker_not_found");
      if (!again) return;
      const next = take(place.a.watch({ after: 3 }));
      await Promise.all([place.a.stop(), place.a.purge()]);
      // The id's events are those of both workers.
      deepEqual(await next, range(5, 129));
    },
  })),

  "watch() settles return() immediately while next() waits": async ({ a, runtime }) => {
    for (const source of [runtime, a]) {
      for (const options of [{}, { after: 0 }]) {
        const events = source.watch(options);
        const nexts = range(1, 5).map(() => events.next());
        deepEqual(await events.return(), done);
        deepEqual(await Promise.all(nexts), [done, done, done, done, done]);
      }
    }
  },

  "watch() yields every event once and in order across pages bounded by bytes": async ({ a, b, runtime }) => {
    const watches = [runtime.watch(), runtime.watch({ after: 2 }), a.watch(), a.watch({ after: 2 })];
    const live = take(runtime.watch(), 8);
    for (const index of range(0, 9)) {
      await (index === 3 ? b : a).append(bulk(`${index}`, "字"));
    }
    // No further wake-ups follow: the remaining events must be found without one.
    const all = range(5, 14);
    const ofA = all.filter((id) => id !== 8);
    deepEqual(await live, all.slice(0, 8));
    const expected = [all, [3, 4, ...all], ofA, [3, ...ofA]];
    deepEqual(
      await Promise.all(watches.map((events, index) => take(events, expected[index]?.length))),
      expected,
    );
  },

  "watch() that is left early leaves no listener": async ({ runtime }) => {
    for await (const _ of runtime.watch({ after: 0 })) break;
    const events = runtime.watch({ after: 0 });
    equal((await events.next()).done, false);
    equal((await events.return()).done, true);
  },
});

const done = { done: true, value: undefined } as const;

/** Returns the ids of the first events that a watch yields, or of all until it ends by itself; then leaves it. */
async function take(events: AsyncIterable<RuntimeEvent>, count = Infinity): Promise<number[]> {
  const ids: number[] = [];
  for await (const { id } of events) {
    if (ids.push(id) === count) break;
  }
  return ids;
}

/**
 * Idempotency keys.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import type { Receipt } from "../src/core/receipts.ts";
import type { EntryInput } from "../src/core/entries.ts";
import { range } from "./dump.ts";
import { each, refused, type Tests, withWorkers } from "./place.ts";

const hello: EntryInput = { role: "user", content: "hello" };
const key = "k";

/** Tests of a runtime with workers `a` and `b`. */
export const keyTests: Tests = withWorkers(["a", "b"], {
  "sendInput() with a key returns the same sequences again": async (place) => {
    const first = await place.a.sendInput({ ...hello, metadata: { a: 1, b: [2] } }, { key });
    await place.a.sendInput(hello);
    await place.reopen();
    const same = { metadata: { b: [2], a: 1 }, name: undefined, ...hello };
    deepEqual(await place.a.sendInput(same, { key }), { ...first, duplicate: true });
    equal(place.a.state().transcriptLength, 2);
  },

  ...each(["at once", "later", "after a reopen"], (how) => ({
    [`a key with other content is key_reused, ${how}`]: async (place) => {
      const first = place.a.sendInput(hello, { key });
      if (how !== "at once") await first;
      if (how === "after a reopen") await place.reopen();
      const second = refused(place.a.sendInput({ ...hello, content: "other" }, { key }), "key_reused");
      const [{ eventId }, { details }] = await Promise.all([first, second]);
      deepEqual(details, { key, eventId });
      equal(place.a.state().transcriptLength, 1);
    },
  })),

  "a key with another command is key_reused": async (place) => {
    const { a } = place;
    const { eventId } = await a.sendInput(hello, { key });
    const others = [
      a.append([hello, hello], { key }),
      a.commit({ entries: [hello], data: {} }, { key }),
      a.stop({ key }),
      a.retire({ key }),
      a.commit({ events: [{ name: "hello", data: null }] }, { key }),
      a.beginRun({ key }),
    ];
    await Promise.all(others.map((work) => place.rejects(work, "key_reused", { key, eventId })));
  },

  "sendInput() and append() are commit(): the same entries are the same content": async ({ a }) => {
    const first = await a.sendInput(hello, { key });
    const again = [await a.append([hello], { key }), await a.commit({ entries: [hello] }, { key })];
    deepEqual(again, [1, 2].map(() => ({ ...first, duplicate: true })));
  },

  "a key of one worker is free for another, and for the runtime": async ({ a, b, runtime }) => {
    const receipts = [
      await a.commit({ events: [{ name: "note", data: 1 }] }, { key }),
      await b.commit({ events: [{ name: "note", data: 2 }] }, { key }),
      await runtime.record("note", 3, { key }),
    ];
    deepEqual(receipts.map(({ duplicate }) => duplicate), [false, false, false]);
  },

  "createWorker() with a key returns the same worker": async (place) => {
    const create = (objective: string) =>
      place.runtime.createWorker({ intent: { kind: "task", objective } }, { key });
    const first = await create("x");
    await place.throughout(async () => {
      const again = await place.writesNothing(() => create("x"));
      deepEqual([again.ref, again.creation], [first.ref, { ...first.creation, duplicate: true }]);
    });
    await place.rejects(create("y"), "key_reused");
  },

  "a key is looked up before any other check": async (place) => {
    const first = await place.a.sendInput(hello, { key });
    await place.a.stop();
    await place.runtime.retire();
    await place.throughout(async () => {
      const again = await place.a.sendInput(hello, { key, expect: { lastEventId: 0 } });
      deepEqual(again, { ...first, duplicate: true });
    });
  },

  "a key of a rejected command is unused": async ({ a }) => {
    await refused(a.sendInput(hello, { key, expect: { lastEventId: 0 } }), "conflict");
    equal((await a.sendInput({ ...hello, content: "other" }, { key })).duplicate, false);
  },

  "a key is part of its event": async (place) => {
    await place.a.sendInput(hello, { key: "slack:\u2028 1" });
    await place.reopen();
    const { items: [event] } = await place.a.events({ limit: 1 });
    equal(event?.type === "worker.committed" && event.key, "slack:\u2028 1");
  },

  "the last 1,024 keys of a worker are kept, older ones are evicted": async (place) => {
    const note = (index: number): Promise<Receipt> =>
      place.a.commit({ events: [{ name: "note", data: index }] }, { key: `k${index}` });
    const { keysKept } = limits;
    await Promise.all(range(0, 499).map(note));
    await place.reopen();
    await Promise.all(range(500, keysKept + 9).map(note));
    await place.restart();
    const kept = await place.writesNothing(() => Promise.all(range(10, keysKept + 9).map(note)));
    equal(kept.every(({ duplicate }) => duplicate), true);
    // The two new keys evict the two oldest.
    for (const index of [9, 0, 10, 11]) equal((await note(index)).duplicate, false);
  },

  "purge() with the same key takes effect once, also after its id is used again": async (place) => {
    const { a, b } = place;
    // The same key for another worker is another key.
    await b.stop();
    await b.purge({ key });
    await a.stop();
    const first = await a.purge({ key });
    for (const again of [false, true]) {
      deepEqual(await place.writesNothing(a.purge({ key })), { ...first, duplicate: true });
      for (const other of [a.purge(), a.purge({ key: "other" }), a.stop({ key })]) {
        await place.rejects(other, "worker_not_found");
      }
      if (!again) await place.create("a");
    }
    deepEqual([place.a.state().status, (await place.a.stop({ key })).duplicate], ["running", false]);
    // Each life has its own purge.
    equal((await place.a.purge({ key: "other" })).duplicate, false);
    deepEqual(await place.writesNothing(a.purge({ key })), { ...first, duplicate: true });
  },

  "keys of purges are bounded; the oldest are evicted": async (place) => {
    const last = limits.keysKept + 1;
    const workers = await Promise.all(range(0, last).map((index) => place.create(`w${index}`)));
    await Promise.all(workers.flatMap((worker) => [worker.stop(), worker.purge({ key })]));
    for (const worker of workers.slice(0, 2)) await place.rejects(worker.purge({ key }), "worker_not_found");
    for (const worker of workers.slice(2, 4)) equal((await worker.purge({ key })).duplicate, true);
    equal((await workers.at(-1)?.purge({ key }))?.duplicate, true);
  },

  "purge() deletes the keys of a worker": async (place) => {
    await place.a.sendInput(hello, { key });
    await place.a.stop();
    await place.a.purge();
    await place.create("a");
    await place.reopen();
    equal((await place.a.commit({ data: { x: 1 } }, { key })).duplicate, false);
  },
});

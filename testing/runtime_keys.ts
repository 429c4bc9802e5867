/**
 * Idempotency keys.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import type { Receipt } from "../src/core/receipts.ts";
import type { WorkerInput } from "../src/core/worker.ts";
import { range } from "./dump.ts";
import { each, refused, type Tests, withWorkers } from "./place.ts";

const hello: WorkerInput = { role: "user", content: "hello" };
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
      a.append([hello], { key }),
      a.updateState({}, { key }),
      a.stop({ key }),
      a.record("hello", null, { key }),
      a.beginRun({ key }),
    ];
    await Promise.all(others.map((work) => place.rejects(work, "key_reused", { key, eventId })));
  },

  "a key of one worker is free for another, and for the runtime": async ({ a, b, runtime }) => {
    const receipts = [
      await a.record("note", 1, { key }),
      await b.record("note", 2, { key }),
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
    await place.a.cancel();
    await place.runtime.stop();
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
    equal((await place.a.events({ limit: 1 })).items[0]?.key, "slack:\u2028 1");
  },

  "the last 1,024 keys of a worker are kept, older ones are evicted": async (place) => {
    const note = (index: number): Promise<Receipt> => place.a.record("note", index, { key: `k${index}` });
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

  ...each([["stop", "cancel"], ["cancel", "stop"], ["purge", "stop"]], ([end, other]) => ({
    [`${end}() with the same key takes effect once, even after its worker is purged and its id reused`]:
      async (
        place,
      ) => {
        // The same key for another worker is another key.
        await place.b.stop({ key });
        if (end === "purge") await place.a.stop();
        const first = await place.a[end]({ key });
        if (end !== "purge") await place.a.purge();
        const isKnown = async (): Promise<void> => {
          const again = await place.writesNothing(() => place.a[end]({ key }));
          deepEqual(again, { ...first, duplicate: true });
          await place.rejects(place.a[other]({ key }), "key_reused", { key, eventId: first.eventId });
          await place.rejects(place.runtime.worker("c").stop({ key }), "worker_not_found");
        };
        await place.throughout(isKnown);
        await place.create("a");
        await place.throughout(isKnown);
        equal(place.a.state().status, "running");
        equal((await place.a.record("n", null, { key })).duplicate, false);
      },
  })),

  "keys of commands that ended workers are bounded; the oldest are evicted": async (place) => {
    const last = limits.keysKept + 1;
    await Promise.all(
      range(0, last).map(async (index) => {
        const worker = await place.create(`w${index}`);
        await Promise.all([worker.stop(), worker.purge({ key })]);
      }),
    );
    const runtime = await place.reopen();
    for (const id of ["w0", "w1"]) await place.rejects(runtime.worker(id).purge({ key }), "worker_not_found");
    for (const id of ["w2", `w${last}`]) equal((await runtime.worker(id).purge({ key })).duplicate, true);
  },

  "purge() deletes the keys of a worker": async (place) => {
    await place.a.sendInput(hello, { key });
    await place.a.stop();
    await place.a.purge();
    await place.create("a");
    await place.reopen();
    equal((await place.a.updateState({ x: 1 }, { key })).duplicate, false);
  },
});

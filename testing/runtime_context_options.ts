/**
 * Commands that change the context, and those that expect a version of it: their
 * expectations, keys and arguments.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import { each, type Tests, withWorkers } from "./place.ts";
import { take } from "./runtime_context.ts";

/** Tests of a runtime with a worker `a`. */
export const contextOptionTests: Tests = withWorkers(["a"], {
  "a command that expects the version of the context is a conflict once that has changed": async (place) => {
    const { a } = place;
    const say = (contextVersion: number, lastEventId?: number) =>
      a.sendInput({ role: "user", content: "x" }, { expect: { contextVersion, lastEventId } });
    const { version } = await a.context();
    equal(version, a.state().createdEventId);
    await say(version);
    // Neither entries nor anything else change it.
    await a.commit({ data: { x: 1 } });
    await say(version);
    await say(version, a.state().lastEventId);
    const { lastEventId } = a.state();
    await place.rejects(say(version, lastEventId - 1), "conflict", {
      expected: lastEventId - 1,
      actual: lastEventId,
    });
    const summary = { role: "summary", content: "x" };
    const { eventId } = await a.compact({ through: 1, summary }, { expect: { contextVersion: version } });
    await place.rejects(say(version), "conflict", { expected: version, actual: eventId });
    const again = () => a.compact({ through: 2, summary }, { expect: { contextVersion: version } });
    await place.rejects(again, "conflict", { expected: version, actual: eventId });
    await say(eventId);
    const rewound = await a.rewind({ toSeq: 3 }, { expect: { contextVersion: eventId } });
    await place.throughout(async (runtime) => {
      await place.rejects(
        place.a.rewind({ toSeq: 3 }, { expect: { contextVersion: eventId } }),
        "conflict",
        { expected: eventId, actual: rewound.eventId },
      );
      equal((await runtime.worker("a").context()).version, rewound.eventId);
    });
  },

  ...each([
    { contextVersion: -1 },
    { contextVersion: 0.5 },
    { contextVersion: "1" },
    { contextVersion: 3, version: 3 },
    {},
    null,
  ], (expect) => ({
    [`a command rejects the expectation ${JSON.stringify(expect)}`]: (place) =>
      place.rejects(place.a.rewind({ toSeq: 0 }, { expect: expect as never }), "invalid_request"),
  })),

  "a command of the runtime cannot expect a version of a context": async (place) => {
    const expect = { contextVersion: place.a.state().createdEventId };
    await place.rejects(place.runtime.record("note", null, { expect }), "invalid_request");
    await place.rejects(place.runtime.retire({ expect }), "invalid_request");
    const spec = { workerId: "b", intent: { kind: "assistant" } } as const;
    await place.rejects(place.runtime.createWorker(spec, { expect }), "invalid_request");
  },

  "compact() and rewind() with a key are repeated with the same content alone": async (place) => {
    await take(place.a, [5]);
    const summary = { role: "summary", content: "x".repeat(300_000) };
    const compact = (through: number, content = summary) =>
      place.a.compact({ through, summary: content }, { key: "c" });
    const rewind = (toSeq: number) => place.a.rewind({ toSeq }, { key: "r" });
    const [compacted, rewound] = [await compact(3), await rewind(4)];
    await take(place.a, [1]);
    await place.throughout(async () => {
      deepEqual(await place.writesNothing(compact(3)), { ...compacted, duplicate: true });
      deepEqual(await place.writesNothing(rewind(4)), { ...rewound, duplicate: true });
      await place.rejects(compact(2), "key_reused", { key: "c", eventId: compacted.eventId });
      await place.rejects(compact(3, { ...summary, content: "y" }), "key_reused");
      await place.rejects(place.a.append([summary], { key: "c" }), "key_reused");
      await place.rejects(rewind(5), "key_reused", { key: "r", eventId: rewound.eventId });
      deepEqual((await place.a.context()).entries.map(({ seq }) => seq), [6, 4, 7]);
    });
  },

  ...each([
    [{}, {}],
    [null, null],
    [{ through: -1, summary: { role: "x", content: "x" } }, { toSeq: -1 }],
    [{ through: 0.5, summary: { role: "x", content: "x" } }, { toSeq: 0.5 }],
    [{ through: "1", summary: { role: "x", content: "x" } }, { toSeq: "1" }],
    [{ through: 1 }, { toSeq: 1, through: 1 }],
    [{ through: 1, summary: null }, { toSeq: null }],
    [{ through: 1, summary: { role: "x" } }, { seq: 1 }],
    [{ through: 1, summary: { role: "x", content: "x" }, keep: 1 }, 1],
  ], ([compaction, rewind]) => ({
    [
      `compact() of ${JSON.stringify(compaction)} and rewind() of ${
        JSON.stringify(rewind)
      } are invalid_request`
    ]: async (place) => {
      await take(place.a, [2]);
      await place.rejects(place.a.compact(compaction as never), "invalid_request");
      await place.rejects(place.a.rewind(rewind as never), "invalid_request");
    },
  })),

  "commit() takes no change of the context": async (place) => {
    await take(place.a, [2]);
    const context = { rewound: 1 };
    await place.rejects(place.a.commit({ context } as never), "invalid_request");
  },
});

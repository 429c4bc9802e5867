/**
 * Content is stored unchanged.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import type { EntryInput } from "../src/core/entries.ts";
import { limits } from "../src/core/limits.ts";
import { allEntries, contentsOf, range } from "./dump.ts";
import { each, type Place, type Tests, withWorkers } from "./place.ts";
import { bulk, oddContents, oddJson } from "./samples.ts";

/** Tests of a runtime with a worker `a`. */
export const contentTests: Tests = withWorkers(["a"], {
  ...each(Object.entries(oddContents), ([what, content]) => ({
    [`sendInput() keeps ${what} unchanged`]: async (place) => {
      await place.a.sendInput({ role: "user", content });
      await areKept(place, [{ role: "user", content }]);
    },
  })),

  ...each(Object.entries(oddJson), ([what, json]) => ({
    [`append() keeps ${what} as metadata`]: (place) =>
      keeps(place, [{ role: "tool", content: "x", metadata: { m: JSON.parse(json) } }]),
  })),

  "append() keeps every role, name, id, time and metadata": (place) =>
    keeps(place, [
      { role: "user", content: "1", name: "アリス" },
      { role: "開発者 \u2028", content: "1", id: "msg_\u2029 1", at: "1999-12-31T23:59:59.999Z" },
      { role: "x".repeat(limits.nameBytesMax), content: "2", id: "x".repeat(limits.nameBytesMax) },
      { role: "system", content: "2", metadata: {} },
      { role: "assistant", content: "3", metadata: { a: { b: [1, "x", null, true] } } },
      { role: "tool", content: "4", name: 'search "x"\n', metadata: { ms: 12.5 } },
    ]),

  "append() keeps the maximum number of entries": (place) =>
    keeps(place, range(1, limits.entriesMax).map((index) => ({ role: "tool", content: `${index}` }))),

  "append() keeps many large entries of one call": async (place) => {
    const contents = range(0, 11).map((index) => `${index}${"字".repeat(300_000)}`);
    await Promise.all(contents.map((content) => place.a.append([{ role: "assistant", content }])));
    await place.reopen();
    deepEqual(await contentsOf(place.a), contents);
  },

  "append() beyond the size of an event is limit_exceeded": async (place) => {
    const entries = bulk("x", "字", limits.entriesMax);
    await place.rejects(place.a.append(entries), "limit_exceeded");
    await place.a.append(entries.slice(0, 128));
    equal(place.a.state().transcriptLength, 128);
  },

  "append() records sequence, time, run and event of each entry": async ({ a }) => {
    const one = await a.sendInput({ role: "user", content: "1" });
    const two = await a.append([{ role: "assistant", content: "2" }, { role: "tool", content: "3" }]);
    deepEqual([one.firstSeq, one.lastSeq, two.firstSeq, two.lastSeq], [1, 1, 2, 3]);
    deepEqual(await allEntries(a), [
      { seq: 1, at: one.at, eventId: one.eventId, role: "user", content: "1" },
      { seq: 2, at: two.at, eventId: two.eventId, role: "assistant", content: "2" },
      { seq: 3, at: two.at, eventId: two.eventId, role: "tool", content: "3" },
    ]);
  },

  "append() copies the caller's objects": async ({ a }) => {
    const entry = { role: "assistant" as const, content: "mine", metadata: { list: [1] } };
    const entries = [entry];
    const waiting = a.append(entries);
    entry.content = "changed";
    entry.metadata.list.push(2);
    entries.push(entry);
    await waiting;
    const kept = (await allEntries(a)).map(({ content, metadata }) => [content, metadata]);
    deepEqual(kept, [["mine", { list: [1] }]]);
  },
});

async function keeps(place: Place, entries: readonly EntryInput[]): Promise<void> {
  await place.a.append(entries);
  await areKept(place, entries);
}

/** Asserts that the transcript of `a` consists of these entries. */
async function areKept(place: Place, entries: readonly EntryInput[]): Promise<void> {
  await place.throughout(async () => {
    const kept = await allEntries(place.a);
    deepEqual(kept.map(({ seq }) => seq), range(1, entries.length));
    const contents = await contentsOf(place.a);
    for (const [index, entry] of kept.entries()) {
      const { seq: _, eventId: _id, contentBlob: _blob, ...members } = entry;
      const expected = entries[index];
      // Without a time of its own, an entry has that of its event.
      deepEqual({ ...members, content: contents[index] }, { at: entry.at, ...expected });
      // Members keep their order, too.
      equal(JSON.stringify(contents[index]), JSON.stringify(expected?.content));
      equal(JSON.stringify(members.metadata), JSON.stringify(expected?.metadata));
    }
  });
}

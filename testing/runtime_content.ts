/**
 * Content is stored unchanged.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import type { EntryInput } from "../src/core/commands.ts";
import { limits } from "../src/core/limits.ts";
import { allEntries } from "./dump.ts";
import { type Place, refused, type Register, writesNothing } from "./place.ts";
import { oddContents, oddJson } from "./samples.ts";

/** Registers the tests. */
export function contentTests(test: Register): void {
  for (const [what, content] of Object.entries(oddContents)) {
    test(`sendInput() keeps ${what} unchanged`, (place) => keeps(place, [{ role: "user", content }]));
  }
  for (const [what, json] of Object.entries(oddJson)) {
    test(`append() keeps ${what} as metadata`, async (place) => {
      await keeps(place, [{ role: "tool", content: "x", metadata: { m: JSON.parse(json) } }]);
    });
  }

  test("append() keeps every role, name and metadata", (place) =>
    keeps(place, [
      { role: "user", content: "1", name: "アリス" },
      { role: "system", content: "2", metadata: {} },
      { role: "assistant", content: "3", metadata: { a: { b: [1, "x", null, true] } } },
      { role: "tool", content: "4", name: 'search "x"\n', metadata: { ms: 12.5 } },
    ]));

  test("append() keeps the maximum number of entries", (place) =>
    keeps(
      place,
      Array.from({ length: limits.entriesMax }, (_, index) => ({ role: "tool", content: `${index}` })),
    ));

  test("append() keeps many large entries of one call", async (place) => {
    let runtime = await place.runtime();
    const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    const contents = Array.from({ length: 12 }, (_, index) => `${index}${"字".repeat(300_000)}`);
    await Promise.all(contents.map((content) => worker.append([{ role: "assistant", content }])));
    runtime = await place.reopen(runtime);
    const entries = await allEntries(runtime.worker("a"));
    deepEqual(entries.map(({ content }) => content.length), contents.map(({ length }) => length));
    deepEqual(entries.map(({ content }) => content.slice(0, 9)), contents.map((text) => text.slice(0, 9)));
  });

  test("append() beyond the size of an event is limit_exceeded", async (place) => {
    const runtime = await place.runtime();
    const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    const entry = { role: "assistant", content: "x".repeat(limits.contentBytesMax) } as const;
    const entries = Array.from({ length: 9 }, () => entry);
    await writesNothing(runtime, () => refused(worker.append(entries), "limit_exceeded"));
    await worker.append(entries.slice(0, 7));
    equal(worker.state().transcriptLength, 7);
  });

  test("append() records sequence, time, run and event of each entry", async (place) => {
    const runtime = await place.runtime();
    const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    const one = await worker.sendInput({ role: "user", content: "1" });
    const two = await worker.append([{ role: "assistant", content: "2" }, { role: "tool", content: "3" }]);
    deepEqual([one.firstSeq, one.lastSeq, two.firstSeq, two.lastSeq], [1, 1, 2, 3]);
    deepEqual((await worker.transcript()).items, [
      { seq: 1, at: one.at, eventId: one.eventId, role: "user", content: "1" },
      { seq: 2, at: two.at, eventId: two.eventId, role: "assistant", content: "2" },
      { seq: 3, at: two.at, eventId: two.eventId, role: "tool", content: "3" },
    ]);
  });

  test("append() copies the caller's objects", async (place) => {
    const runtime = await place.runtime();
    const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    const entry = { role: "assistant" as const, content: "mine", metadata: { list: [1] } };
    const entries = [entry];
    const waiting = worker.append(entries);
    entry.content = "changed";
    entry.metadata.list.push(2);
    entries.push(entry);
    await waiting;
    const { items } = await worker.transcript();
    deepEqual(items.map(({ content, metadata }) => [content, metadata]), [["mine", { list: [1] }]]);
  });
}

async function keeps(place: Place, entries: readonly EntryInput[]): Promise<void> {
  let runtime = await place.runtime();
  const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  const [first] = entries;
  if (entries.length === 1 && first?.role === "user") {
    await worker.sendInput({ role: "user", content: first.content });
  } else await worker.append(entries);
  for (const how of ["reopen", "restart", "reopen"] as const) {
    const kept = await allEntries(runtime.worker("a"));
    equal(kept.length, entries.length);
    for (const [index, { seq, at: _at, eventId: _id, ...entry }] of kept.entries()) {
      equal(seq, index + 1);
      equal(entry.content, entries[index]?.content);
      equal(JSON.stringify(entry.metadata), JSON.stringify(entries[index]?.metadata));
      deepEqual({ ...entry, metadata: 0 }, { ...entries[index], metadata: 0 });
    }
    runtime = await place[how](runtime);
  }
}

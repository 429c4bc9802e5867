// Pages over a small fake store: cursors, filters, bounds.

import { assertEquals, assertThrows } from "@std/assert";
import { RuntimeError } from "../../src/core/errors.ts";
import { scanEvents } from "../../src/core/event_scan.ts";
import { limits } from "../../src/core/limits.ts";
import { type PageOptions, pageRange, readEventPage, readTranscriptPage } from "../../src/core/reading.ts";
import type { ReadEvents, ReadRange, RuntimeStore, StoredEvents } from "../../src/core/store.ts";
import { workerRecord } from "../../src/core/records.ts";
import { a, AT } from "./given.ts";

/** Events `first` to `last`; those that `ofA` selects are of worker a. Pages hold at most `most`. */
class FakeLog {
  readonly reads: ReadEvents[] = [];
  readonly #first: number;
  readonly #last: number;
  readonly #most: number;
  readonly #ofA: (id: number) => boolean;

  constructor(first: number, last: number, most = 1_000, ofA: (id: number) => boolean = () => false) {
    this.#first = first;
    this.#last = last;
    this.#most = most;
    this.#ofA = ofA;
  }

  readEvents(read: ReadEvents): Promise<StoredEvents> {
    this.reads.push(read);
    const last = Math.min(read.to, this.#last);
    const texts = ({ from, to, keep }: ReadRange): string[] => {
      const ids = Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
      return (keep === "first" ? ids.slice(0, this.#most) : ids.slice(-this.#most)).map((id) =>
        this.#text(id)
      );
    };
    const range = { ...read, from: Math.max(read.from, this.#first), to: last };
    return Promise.resolve({ ...scanEvents(range, texts), firstEventId: this.#first });
  }

  #text(id: number): string {
    const workerId = this.#ofA(id) ? a : "b";
    return JSON.stringify({ id, at: AT, type: "worker.committed", workerId, data: { x: "x".repeat(1_000) } });
  }
}

async function read(log: FakeLog, last: number, options: PageOptions, ofA = false): Promise<unknown> {
  const range = pageRange(options, last, "read");
  const page = await readEventPage(log as unknown as RuntimeStore, last, range, ofA ? a : undefined);
  const ids = page.items.map(({ id }) => id);
  return [ids[0], ids.at(-1), ids.length, page.previous, page.next];
}

Deno.test("pageRange() gives the newest, those after or those before", () => {
  const { pageItemsDefault } = limits;
  assertEquals(pageRange({}, 90, "x"), { from: 41, to: 90, keep: "last", limit: pageItemsDefault });
  assertEquals(pageRange({}, 0, "x"), { from: 1, to: 0, keep: "last", limit: pageItemsDefault });
  assertEquals(pageRange({ before: 99, limit: 3 }, 30, "x"), { from: 28, to: 30, keep: "last", limit: 3 });
  assertEquals(pageRange({ before: 7, after: undefined }, 30, "x"), {
    from: 1,
    to: 6,
    keep: "last",
    limit: 50,
  });
  for (const before of [0, 1]) {
    assertEquals(pageRange({ before, limit: 3 }, 30, "x"), { from: 1, to: 0, keep: "last", limit: 3 });
  }
  const options = { after: 7, before: undefined, limit: 1_000 };
  assertEquals(pageRange(options, 30, "x"), { from: 8, to: 30, keep: "first", limit: 1_000 });
  assertEquals(pageRange({ after: 7, limit: 4 }, 30, "x"), { from: 8, to: 11, keep: "first", limit: 4 });
  assertEquals(pageRange({ after: 99, limit: 4 }, 30, "x"), { from: 100, to: 30, keep: "first", limit: 4 });
});

for (
  const options of [{ limit: 0 }, { limit: 1_001 }, { limit: NaN }, { after: -1 }, { before: 0.5 }, {
    after: 1,
    before: 2,
  }, { after: Infinity }]
) {
  Deno.test(`pageRange() rejects ${Deno.inspect(options)}`, () => {
    assertEquals(
      (assertThrows(() => pageRange(options, 30, "x"), RuntimeError) as RuntimeError).code,
      "invalid_request",
    );
  });
}

const pages: readonly [PageOptions, unknown][] = [
  [{ after: 0, limit: 10 }, [1, 10, 10, null, 10]],
  [{ after: 10, limit: 10 }, [11, 20, 10, 11, 20]],
  [{ after: 25, limit: 10 }, [26, 30, 5, 26, null]],
  [{ after: 30 }, [undefined, undefined, 0, 31, null]],
  [{ limit: 10 }, [21, 30, 10, 21, null]],
  [{ before: 21, limit: 10 }, [11, 20, 10, 11, 20]],
  [{ before: 6, limit: 10 }, [1, 5, 5, null, 5]],
  [{ before: 1 }, [undefined, undefined, 0, null, 0]],
  [{ before: 0 }, [undefined, undefined, 0, null, 0]],
];

for (const [options, expected] of pages) {
  Deno.test(`readEventPage() gives the page ${JSON.stringify(options)} of 30 events`, async () => {
    assertEquals(await read(new FakeLog(1, 30), 30, options), expected);
  });
}

Deno.test("readEventPage() returns the short page of a store, and where to go on", async () => {
  assertEquals(await read(new FakeLog(1, 30, 4), 30, { after: 0, limit: 10 }), [1, 4, 4, null, 4]);
  assertEquals(await read(new FakeLog(1, 30, 4), 30, { limit: 10 }), [27, 30, 4, 27, null]);
  assertEquals(await read(new FakeLog(1, 30, 4), 30, { after: 25, limit: 10 }), [26, 29, 4, 26, 29]);
  assertEquals(await read(new FakeLog(1, 30, 4), 30, { before: 6, limit: 10 }), [2, 5, 4, 2, 5]);
});

Deno.test("readEventPage() ends a page by its bytes, and says where to go on", async () => {
  const count = 9_000;
  const log = new FakeLog(1, count, 100);
  const bytesOf = (length: number): number => length * 1_000;
  let after: number | null | undefined = 0;
  let seen = 0;
  while (typeof after === "number") {
    const [first, , length = 0, , next] = await read(log, count, { after, limit: 1_000 }) as number[];
    assertEquals(first, seen + 1);
    assertEquals(bytesOf(length) < 2 * limits.pageBytesMax, true);
    seen += length;
    after = next;
  }
  assertEquals(seen, count);
});

Deno.test("readEventPage() of a pruned log has no previous page before its first event", async () => {
  assertEquals(await read(new FakeLog(11, 30), 30, { before: 15, limit: 10 }), [11, 14, 4, null, 14]);
  assertEquals(await read(new FakeLog(11, 30), 30, { after: 10, limit: 10 }), [11, 20, 10, null, 20]);
});

Deno.test("readEventPage() shows no event that is not in the state yet", async () => {
  assertEquals(await read(new FakeLog(1, 32), 30, { after: 25, limit: 10 }), [26, 30, 5, 26, null]);
  assertEquals(await read(new FakeLog(1, 32), 30, { after: 30 }), [undefined, undefined, 0, 31, null]);
});

Deno.test("readEventPage() of a worker gathers its events from as many pages as it takes", async () => {
  const log = new FakeLog(1, 100, 7, (id) => id % 10 === 5);
  assertEquals(await read(log, 100, { after: 0, limit: 3 }, true), [5, 25, 3, null, 25]);
  assertEquals(await read(log, 100, { after: 25, limit: 50 }, true), [35, 95, 7, 26, null]);
  assertEquals(await read(log, 100, { limit: 3 }, true), [75, 95, 3, 75, null]);
  assertEquals(await read(log, 100, { before: 75, limit: 50 }, true), [5, 65, 7, null, 74]);
  assertEquals(log.reads.map(({ from, to, limit }) => [from, to, limit]), [
    [1, 100, 3],
    [26, 100, 50],
    [1, 100, 3],
    [1, 74, 50],
  ]);
});

Deno.test("readEventPage() of a worker truncates the page of a store that ignores the limit", async () => {
  const log = new FakeLog(1, 100, 7, (id) => id % 10 === 5);
  const lax = { readEvents: (read: ReadEvents) => log.readEvents({ ...read, limit: undefined }) };
  const page = async (options: PageOptions) =>
    await readEventPage(lax as unknown as RuntimeStore, 100, pageRange(options, 100, "read"), a);
  const forward = await page({ after: 0, limit: 3 });
  assertEquals([forward.items.map(({ id }) => id), forward.next], [[5, 15, 25], 25]);
  const backward = await page({ limit: 3 });
  assertEquals([backward.items.map(({ id }) => id), backward.previous], [[75, 85, 95], 75]);
});

Deno.test("readEventPage() of a worker stops after so many bytes, and says where to go on", async () => {
  const count = 20_000;
  const log = new FakeLog(1, count, 1_000, (id) => id === 1 || id === count);
  const [, , length, , next] = await read(log, count, { after: 1, limit: 5 }, true) as number[];
  assertEquals(length, 0);
  assertEquals(next !== undefined && next > 1_000 && next < count, true);
  let after: number | null | undefined = 1;
  const seen: unknown[] = [];
  while (typeof after === "number") {
    const [first, , found, , more] = await read(log, count, { after, limit: 5 }, true) as number[];
    if (found === 1) seen.push(first);
    after = more;
  }
  assertEquals(seen, [count]);
});

/** A transcript of events with these numbers of entries; the store gives at most `most` events. */
function transcript(counts: number[], most = 100): RuntimeStore {
  let seq = 1;
  const events = counts.map((count, index) => {
    const entries = Array.from({ length: count }, (_, n) => ({ role: "tool", content: `${seq + n}` }));
    seq += count;
    return {
      id: index + 1,
      at: AT,
      type: "worker.committed",
      workerId: a,
      seq: seq - count,
      count,
      entries,
    };
  });
  const overlapping = (from: number, to: number): string[] =>
    events.filter((event) => event.seq <= to && event.seq + event.count > from).map((event) =>
      JSON.stringify(event)
    );
  const readTranscript = ({ from, to, keep }: ReadRange): Promise<string[]> =>
    Promise.resolve(
      keep === "last" ? overlapping(from, to).slice(-most) : overlapping(from, to).slice(0, most),
    );
  return { readTranscript } as unknown as RuntimeStore;
}

/** Worker `a` with so many entries. */
function lengthOf(transcriptLength: number): Parameters<typeof readTranscriptPage>[1] {
  return { record: { workerId: a }, transcriptLength };
}

const entryPages: readonly [PageOptions, number, number[], number | null, number | null][] = [
  [{ after: 0, limit: 2 }, 100, [1, 2], null, 2],
  [{ after: 2, limit: 3 }, 100, [3, 4, 5], 3, 5],
  [{ after: 5 }, 100, [6, 7], 6, null],
  [{ after: 7 }, 100, [], 8, null],
  [{ limit: 2 }, 100, [6, 7], 6, null],
  [{ before: 6, limit: 3 }, 100, [3, 4, 5], 3, 5],
  [{ before: 2 }, 100, [1], null, 1],
  [{ before: 1 }, 100, [], null, 0],
  [{ before: 0 }, 100, [], null, 0],
  [{ after: 0 }, 1, [1, 2, 3], null, 3],
  [{}, 1, [7], 7, null],
];

for (const [options, most, seqs, previous, next] of entryPages) {
  const name = `${JSON.stringify(options)}${most === 1 ? " short" : ""}`;
  Deno.test(`readTranscriptPage() gives the page ${name} of entries 1 2 3 | 4 | 5 6 | 7`, async () => {
    const store = transcript([3, 1, 2, 1], most);
    const page = await readTranscriptPage(store, lengthOf(7), pageRange(options, 7, "read"));
    assertEquals(page.items.map(({ seq, content }) => [seq, content]), seqs.map((seq) => [seq, `${seq}`]));
    assertEquals([page.previous, page.next, page.length], [previous, next, 7]);
  });
}

Deno.test("readTranscriptPage() shows no entry that is not in the state yet", async () => {
  const page = await readTranscriptPage(
    transcript([3, 1, 2, 1]),
    lengthOf(5),
    pageRange({ after: 3, limit: 9 }, 5, "read"),
  );
  assertEquals(page.items.map(({ seq }) => seq), [4, 5]);
  assertEquals(page.next, null);
});

Deno.test("readTranscriptPage() returns the entries' own members, and the time of the commit unless they have one", async () => {
  const blob = { sha256: "0f".repeat(32), bytes: 1, mediaType: "application/json" };
  const own = "2020-01-01T00:00:00.000Z";
  const entries = [
    { role: "user", content: ["\ud800", null] },
    { role: "tool", name: "n", id: "i", at: own, metadata: { m: 1 }, blobs: [blob], contentBlob: blob },
  ];
  const base = { id: 9, at: AT, workerId: a, seq: 1, count: 2 };
  const pages = [
    { ...base, type: "worker.committed", runId: "r", entries },
    { ...base, type: "worker.created", record: workerRecord({ intent: { kind: "assistant" } }, a), entries },
  ].map(({ id, at, type, workerId, seq, count, ...rest }) =>
    JSON.stringify({ id, at, type, workerId, seq, count, ...rest })
  ).map(async (text) => {
    const store = { readTranscript: () => Promise.resolve([text]) } as unknown as RuntimeStore;
    return (await readTranscriptPage(store, lengthOf(2), pageRange({ after: 0 }, 2, "read"))).items;
  });
  const [committed, created] = await Promise.all(pages);
  const expected = [{ seq: 1, at: AT, eventId: 9, ...entries[0] }, { seq: 2, eventId: 9, ...entries[1] }];
  assertEquals<unknown>(created, expected);
  assertEquals<unknown>(committed, expected.map((entry) => ({ ...entry, runId: "r" })));
});

Deno.test("readTranscriptPage() ends a page within an event by its bytes, from either end", async () => {
  const entries = Array.from(
    { length: 40 },
    (_, index) => ({ role: "tool", content: `${index}${"x".repeat(200_000)}` }),
  );
  const text = JSON.stringify({
    id: 9,
    at: AT,
    type: "worker.committed",
    workerId: a,
    seq: 1,
    count: 40,
    entries,
  });
  const store = { readTranscript: () => Promise.resolve([text]) } as unknown as RuntimeStore;
  const fits = Math.floor(limits.pageBytesMax / 200_100);
  const forward = await readTranscriptPage(store, lengthOf(40), pageRange({ after: 0 }, 40, "read"));
  assertEquals([forward.items.length, forward.items[0]?.seq, forward.next, forward.previous], [
    fits,
    1,
    fits,
    null,
  ]);
  const backward = await readTranscriptPage(store, lengthOf(40), pageRange({}, 40, "read"));
  assertEquals([backward.items.length, backward.items.at(-1)?.seq, backward.previous], [fits, 40, 41 - fits]);
});

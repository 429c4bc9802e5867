/**
 * Pages of events and transcripts, from both ends, with their cursors.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import type { Page, PageOptions } from "../src/core/reading.ts";
import type { Runtime } from "../src/core/runtime.ts";
import { byteLength } from "../src/core/text.ts";
import { type Place, refused, type Register } from "./place.ts";

interface Source {
  readonly name: string;
  /** Reads the numbers on a page. */
  read(runtime: Runtime, options?: PageOptions): Promise<Page<number>>;
  /** All existing numbers. */
  readonly all: readonly number[];
}

/** Events 4 to 33 are of the workers a and b in turns; a has 45 entries. */
const sources: readonly Source[] = [
  {
    name: "Runtime.events",
    read: async (runtime, options) => numbers(await runtime.events(options), ({ id }) => id),
    all: Array.from({ length: 34 }, (_, index) => index + 1),
  },
  {
    name: "Worker.events",
    read: async (runtime, options) => numbers(await runtime.worker("a").events(options), ({ id }) => id),
    all: [3, ...Array.from({ length: 15 }, (_, index) => 2 * index + 5)],
  },
  {
    name: "Worker.transcript",
    read: async (runtime, options) =>
      numbers(await runtime.worker("a").transcript(options), ({ seq }) => seq),
    all: Array.from({ length: 45 }, (_, index) => index + 1),
  },
];

/** Registers the tests. */
export function pageTests(test: Register): void {
  for (const source of sources) {
    const { name, all } = source;
    const last = all.at(-1) ?? 0;
    test(`${name}() returns the newest items in time order`, async (place) => {
      const { items, next } = await source.read(await start(place), { limit: 5 });
      deepEqual([items, next], [all.slice(-5), null]);
    });

    test(`${name}() pages forward through everything`, (place) => walks(place, source, "after"));
    test(`${name}() pages backward through everything`, (place) => walks(place, source, "before"));
    test(`${name}() reverses direction at any page`, async (place) => {
      const runtime = await start(place);
      const middle = await source.read(runtime, { after: all[9] ?? 0, limit: 4 });
      deepEqual(middle.items, all.slice(10, 14));
      const back = await source.read(runtime, { before: middle.previous ?? 0, limit: 4 });
      deepEqual(back.items, all.slice(6, 10));
      const forth = await source.read(runtime, { after: back.next ?? 0, limit: 4 });
      deepEqual(forth.items, middle.items);
    });

    test(`${name}() beyond either end returns no items, and cursors that lead back`, async (place) => {
      const runtime = await start(place);
      for (const options of [{ before: 0 }, { before: 1 }, { after: 99 }, { after: last }]) {
        const { items, next, previous } = await source.read(runtime, options);
        deepEqual(items, [], JSON.stringify(options));
        for (const [cursor, side] of [[next, "after"], [previous, "before"]] as const) {
          if (cursor !== null) {
            deepEqual(typeof (await source.read(runtime, { [side]: cursor })).items, "object");
          }
        }
      }
      deepEqual((await source.read(runtime, { before: 999, limit: 1 })).items, [last]);
    });

    test(`${name}() rejects invalid page options with invalid_request`, async (place) => {
      const runtime = await start(place);
      const wrong: unknown[] = [
        { limit: 0 },
        { limit: limits.pageItemsMax + 1 },
        { limit: 1.5 },
        { limit: "5" },
        { after: -1 },
        { before: NaN },
        { after: "3" },
        { after: 1, before: 3 },
      ];
      for (const options of wrong) {
        await refused(() => source.read(runtime, options as PageOptions), "invalid_request");
      }
    });
  }

  test("transcript() returns full pages of the default size", async (place) => {
    const page = await (await start(place)).worker("b").transcript();
    deepEqual([page.items.length, page.next, page.length], [45, null, 45]);
  });

  test("transcript() of an empty transcript returns no entries and no cursors", async (place) => {
    const runtime = await place.runtime();
    const worker = await runtime.createWorker({ intent: { kind: "assistant" } });
    for (const options of [{}, { after: 0 }, { after: 5 }, { before: 1 }, { before: 9 }]) {
      deepEqual(await worker.transcript(options), { items: [], next: null, previous: null, length: 0 });
    }
  });

  test("transcript() returns a short page of large entries, and the rest after it", async (place) => {
    let runtime = await place.runtime();
    const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    const content = "x".repeat(limits.contentBytesMax);
    for (let count = 0; count < 9; count++) await worker.sendInput({ role: "user", content });
    for (let round = 0; round < 2; round++) {
      const first = await runtime.worker("a").transcript({ after: 0 });
      ok(first.items.length < 9 && first.items.length > 0);
      equal(first.next, first.items.length);
      const newest = await runtime.worker("a").transcript();
      ok(newest.items.length < 9);
      equal(newest.items.at(-1)?.seq, 9);
      equal(newest.previous, 10 - newest.items.length);
      runtime = await place.reopen(runtime);
    }
  });

  test("pages are bounded by bytes, or hold a single larger item", bounded);

  test("events() returns the first and the last event id", async (place) => {
    const runtime = await start(place);
    const { firstEventId, lastEventId } = await runtime.events({ limit: 1 });
    deepEqual([firstEventId, lastEventId], [1, runtime.lastEventId]);
  });
}

function numbers<Item>(page: Page<Item>, of: (item: Item) => number): Page<number> {
  return { items: page.items.map(of), next: page.next, previous: page.previous };
}

async function start(place: Place): Promise<Runtime> {
  const runtime = await place.runtime();
  for (const workerId of ["a", "b"]) await runtime.createWorker({ workerId, intent: { kind: "assistant" } });
  for (let count = 0; count < 15; count++) {
    for (const id of ["a", "b"]) {
      const entries = Array.from({ length: count % 5 + 1 }, (_, n) => ({ content: `${id} ${count}.${n}` }));
      await runtime.worker(id).append(entries.map((entry) => ({ role: "assistant", ...entry })));
    }
  }
  return runtime;
}

/** Creates events of 1 to 7 entries, of 1 MB and small, of two workers, to reach every bound. */
async function bounded(place: Place): Promise<void> {
  const runtime = await place.runtime();
  for (const workerId of ["a", "b"]) await runtime.createWorker({ workerId, intent: { kind: "assistant" } });
  const contents = ["字".repeat(349_000), "x".repeat(1_000_000), "small"];
  for (const [index, count] of [1, 1, 1, 7, 2, 1, 1].entries()) {
    const entry = { role: "tool", content: contents[index % 3] ?? "" } as const;
    await runtime.worker(index % 4 === 2 ? "b" : "a").append(Array.from({ length: count }, () => entry));
  }
  const worker = runtime.worker("a");
  const numbers = (length: number): number[] => Array.from({ length }, (_, index) => index + 1);
  for (const side of ["after", "before"] as const) {
    await isBounded(side, (options) => runtime.events(options), numbers(11));
    await isBounded(side, (options) => worker.events(options), [3, 5, 6, 8, 9, 10]);
    await isBounded(side, (options) => worker.transcript(options), numbers(12));
  }
}

async function isBounded(
  side: "after" | "before",
  read: (options: PageOptions) => Promise<Page<{ readonly id?: number; readonly seq?: number }>>,
  all: readonly number[],
): Promise<void> {
  let seen: number[] = [];
  for (let cursor: number | null = side === "after" ? 0 : 1_000; cursor !== null;) {
    const { items, next, previous } = await read({ [side]: cursor, limit: 100 });
    const ids = items.map(({ id, seq }) => id ?? seq ?? 0);
    seen = side === "after" ? [...seen, ...ids] : [...ids, ...seen];
    const bytes = items.reduce((sum, item) => sum + byteLength(JSON.stringify(item)), 0);
    ok(bytes <= limits.pageBytesMax || ids.length === 1, `a page of ${ids.length} items has ${bytes} bytes`);
    cursor = side === "after" ? next : previous;
  }
  deepEqual(seen, all);
}

async function walks(place: Place, source: Source, side: "after" | "before"): Promise<void> {
  let runtime = await start(place);
  for (const limit of [1, 4, 44, 1_000]) {
    let seen: number[] = [];
    let cursor: number | null = side === "after" ? 0 : 1_000;
    while (cursor !== null) {
      const page: Page<number> = await source.read(runtime, { [side]: cursor, limit });
      seen = side === "after" ? [...seen, ...page.items] : [...page.items, ...seen];
      cursor = side === "after" ? page.next : page.previous;
    }
    deepEqual(seen.filter((number) => number <= (source.all.at(-1) ?? 0)), source.all);
    if (limit === 4) runtime = await place.reopen(runtime);
  }
}

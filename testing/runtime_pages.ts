/**
 * Pages of events and transcripts, from both ends, with their cursors.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import type { PageOptions } from "../src/core/reading.ts";
import { byteLength } from "../src/core/text.ts";
import { inPages, range } from "./dump.ts";
import { each, type Place, prepared, type Tests, withWorkers } from "./place.ts";
import { bulk } from "./samples.ts";

/** An item of a page: an event, or an entry of a transcript. */
interface Item {
  /** Id of an event, or what the host calls an entry. */
  readonly id?: number | string;
  readonly seq?: number;
}

/** A page of items. */
interface ItemPage {
  readonly items: readonly Item[];
  readonly next: number | null;
  readonly previous: number | null;
}

/** Reads a page. */
type Read = (place: Place, options?: PageOptions) => Promise<ItemPage>;

/** Sources, and the numbers of all their items: events 4 to 33 are of a and b in turns; a has 45 entries. */
const sources: readonly (readonly [name: string, read: Read, all: readonly number[]])[] = [
  ["Runtime.events", ({ runtime }, options) => runtime.events(options), range(1, 34)],
  ["Worker.events", ({ a }, options) => a.events(options), [
    3,
    ...range(0, 14).map((index) => 2 * index + 5),
  ]],
  ["Worker.transcript", ({ a }, options) => a.transcript(options), range(1, 45)],
];

const tests: Tests = {
  ...each(sources, ([name, readItems, all]) => {
    const last = all.at(-1) ?? 0;
    /** Reads the numbers on a page. */
    const read = async (place: Place, options?: PageOptions) => {
      const page = await readItems(place, options);
      return { ...page, items: numbersOf(page.items) };
    };
    return {
      [`${name}() returns the newest items in time order`]: async (place) => {
        const { items, next } = await read(place, { limit: 5 });
        deepEqual([items, next], [all.slice(-5), null]);
      },

      ...each([["forward", "after"], ["backward", "before"]], ([direction, side]) => ({
        [`${name}() pages ${direction} through everything`]: async (place) => {
          for (const limit of [1, 4, 44, 1_000]) {
            const seen = await inPages((options) => read(place, options), limit, side);
            // A reopening adds events.
            deepEqual(seen.filter((number) => number <= last), all);
            if (limit === 4) await place.reopen();
          }
        },
      })),

      [`${name}() reverses direction at any page`]: async (place) => {
        const middle = await read(place, { after: all[9], limit: 4 });
        deepEqual(middle.items, all.slice(10, 14));
        const back = await read(place, { before: middle.previous ?? 0, limit: 4 });
        deepEqual(back.items, all.slice(6, 10));
        const forth = await read(place, { after: back.next ?? 0, limit: 4 });
        deepEqual(forth.items, middle.items);
      },

      [`${name}() beyond either end returns no items, and cursors that lead back`]: async (place) => {
        for (const options of [{ before: 0 }, { before: 1 }, { after: 99 }, { after: last }]) {
          const { items, next, previous } = await read(place, options);
          deepEqual(items, [], JSON.stringify(options));
          if (next !== null) await read(place, { after: next });
          if (previous !== null) await read(place, { before: previous });
        }
        deepEqual((await read(place, { before: 999, limit: 1 })).items, [last]);
      },

      [`${name}() rejects invalid page options with invalid_request`]: async (place) => {
        for (const options of wrongOptions) {
          await place.rejects(() => read(place, options as PageOptions), "invalid_request");
        }
      },
    };
  }),

  "transcript() returns full pages of the default size": async ({ b }) => {
    const page = await b.transcript();
    deepEqual([page.items.length, page.next, page.length], [45, null, 45]);
  },

  "events() returns the first and the last event id": async ({ runtime }) => {
    const { firstEventId, lastEventId } = await runtime.events({ limit: 1 });
    deepEqual([firstEventId, lastEventId], [1, runtime.lastEventId]);
  },
};

const wrongOptions: readonly unknown[] = [
  { limit: 0 },
  { limit: limits.pageItemsMax + 1 },
  { limit: 1.5 },
  { limit: "5" },
  { after: -1 },
  { before: NaN },
  { after: "3" },
  { after: 1, before: 3 },
];

const boundTests: Tests = {
  "transcript() of an empty transcript returns no entries and no cursors": async ({ a }) => {
    for (const options of [{}, { after: 0 }, { after: 5 }, { before: 1 }, { before: 9 }]) {
      deepEqual(await a.transcript(options), { items: [], next: null, previous: null, length: 0 });
    }
  },

  "transcript() returns a short page of large entries, and the rest after it": async (place) => {
    const content = "x".repeat(limits.contentInlineBytesMax - 2);
    for (let count = 0; count < 40; count++) await place.a.sendInput({ role: "user", content });
    await place.throughout(async () => {
      const first = await place.a.transcript({ after: 0 });
      ok(first.items.length < 20 && first.items.length > 0);
      equal(first.next, first.items.length);
      const newest = await place.a.transcript();
      ok(newest.items.length < 20);
      equal(newest.items.at(-1)?.seq, 40);
      equal(newest.previous, 41 - newest.items.length);
    });
  },

  "transcript() returns a full page of entries whose content is kept as blobs": async (place) => {
    const content = "x".repeat(limits.contentInlineBytesMax);
    for (let count = 0; count < 50; count++) await place.a.sendInput({ role: "user", content });
    await place.throughout(async () => {
      const { items, next } = await place.a.transcript({ after: 0, limit: 50 });
      deepEqual([items.length, next], [50, null]);
    });
  },

  // Events of 1 to 7 MB and small ones, of two workers, reach every bound.
  "pages are bounded by bytes, or hold a single larger item": async (place) => {
    for (const [index, count] of [16, 16, 1, 112, 32, 16, 1].entries()) {
      const worker = index % 4 === 2 ? place.b : place.a;
      await worker.append(bulk(`${index}`, index % 2 === 0 ? "字" : "x", count));
    }
    const numbers = [range(1, 11), [3, 5, 6, 8, 9, 10], range(1, 192)];
    for (const [index, [, read]] of sources.entries()) {
      for (const side of ["after", "before"] as const) {
        const items = await inPages((options) => read(place, options), 100, side, isBounded);
        deepEqual(numbersOf(items), numbers[index]);
      }
    }
  },
};

/** Tests of a runtime with workers `a` and `b`. */
export const pageTests: Tests = withWorkers(["a", "b"], {
  ...prepared(tests, async (place) => {
    for (const count of range(0, 14)) {
      for (const worker of [place.a, place.b]) {
        const contents = range(0, count % 5).map((number) => `${worker.workerId} ${count}.${number}`);
        await worker.append(contents.map((content) => ({ role: "assistant", content })));
      }
    }
    return place;
  }),
  ...boundTests,
});

function numbersOf(items: readonly Item[]): number[] {
  return items.map(({ id, seq }) => typeof id === "number" ? id : seq ?? 0);
}

/** Asserts that the items of a page do not exceed the bound of its bytes. */
function isBounded(items: readonly Item[]): void {
  const bytes = items.reduce((sum, item) => sum + byteLength(JSON.stringify(item)), 0);
  ok(
    bytes <= limits.pageBytesMax || items.length === 1,
    `a page of ${items.length} items has ${bytes} bytes`,
  );
}

/**
 * Pages of events at the seam: from either end, bounded in items and bytes.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import type { ReadEvents } from "../src/core/store.ts";
import { byteLength } from "../src/core/text.ts";
import type { Place, Register } from "./place.ts";
import { custom, said, Seam } from "./seam.ts";

/** Registers the tests. */
export function seamEventTests(test: Register): void {
  test("readEvents() of an empty store gives none, and one past the last as the first", async (place) => {
    const { store } = await Seam.open(place);
    for (const read of [{ limit: 5 }, { after: 0, limit: 5 }, { before: 3, limit: 5 }]) {
      deepEqual(await store.readEvents(read), { events: [], firstEventId: 1 });
    }
  });

  for (const [what, read, first, last] of ranges) {
    test(`readEvents() gives ${what}`, (place) => gives(place, read, first, last, false));
    test(`readEvents() gives ${what}, after a reopen`, (place) => gives(place, read, first, last, true));
  }

  for (const [what, character] of [["one byte", "x"], ["three bytes", "字"]] as const) {
    test(`readEvents() ends a page by its bytes, forward, characters of ${what}`, async (place) => {
      const seam = await bigEvents(place, character);
      for (let after = 3; after < seam.last;) {
        const { events } = await seam.store.readEvents({ after, limit: 100 });
        isPage(events, seam.texts.slice(after, after + events.length), events.slice(0, -1));
        after += events.length;
      }
    });

    test(`readEvents() ends a page by its bytes, backward, characters of ${what}`, async (place) => {
      const seam = await bigEvents(place, character);
      for (let before = seam.last + 1; before > 4;) {
        const { events } = await seam.store.readEvents({ before, limit: 100 });
        isPage(events, seam.texts.slice(before - 1 - events.length, before - 1), events.slice(1));
        before -= events.length;
      }
    });
  }

  test("readEvents() gives an event that is larger than a page", async (place) => {
    const seam = await Seam.start(place, "a");
    await seam.append(said("a", "\u0001".repeat(limits.contentBytesMax)));
    await seam.append(custom("small"));
    deepEqual((await seam.store.readEvents({ after: 3, limit: 9 })).events, [seam.texts[3]]);
    deepEqual((await seam.store.readEvents({ before: 5, limit: 1 })).events, [seam.texts[3]]);
  });

  test("readEvents() sees an event as soon as its append resolved", async (place) => {
    const seam = await Seam.start(place);
    for (let count = 1; count <= 20; count++) {
      await seam.append(custom(`note ${count}`));
      deepEqual((await seam.store.readEvents({ limit: 1 })).events, seam.texts.slice(-1));
    }
  });

  test("readEvents() answers many readers at once", async (place) => {
    const seam = await Seam.start(place);
    await seam.append(...Array.from({ length: 50 }, (_, index) => custom(`note ${index}`)));
    const pages = await Promise.all(
      Array.from({ length: 52 }, (_, after) => seam.store.readEvents({ after, limit: 1 })),
    );
    deepEqual(pages.flatMap((page) => page.events), seam.texts);
  });
}

/** What to read of events 1 to 30, and the first and last that the page holds. */
const ranges: readonly (readonly [string, ReadEvents, number, number])[] = [
  ["the oldest", { after: 0, limit: 7 }, 1, 7],
  ["those after an event", { after: 10, limit: 7 }, 11, 17],
  ["fewer at the end", { after: 27, limit: 7 }, 28, 30],
  ["none after the last", { after: 30, limit: 7 }, 31, 30],
  ["none after one to come", { after: 99, limit: 7 }, 31, 30],
  ["the newest", { limit: 7 }, 24, 30],
  ["all, newest first asked", { limit: 1_000 }, 1, 30],
  ["those before an event", { before: 20, limit: 7 }, 13, 19],
  ["fewer at the beginning", { before: 4, limit: 7 }, 1, 3],
  ["none before the first", { before: 1, limit: 7 }, 1, 0],
  ["none before zero", { before: 0, limit: 7 }, 1, 0],
  ["the newest before one to come", { before: 99, limit: 7 }, 24, 30],
  ["a single one", { after: 14, limit: 1 }, 15, 15],
];

async function gives(
  place: Place,
  read: ReadEvents,
  first: number,
  last: number,
  reopened: boolean,
): Promise<void> {
  const seam = await Seam.start(place);
  await seam.append(...Array.from({ length: 28 }, (_, index) => custom(`note ${index}`)));
  const { store } = reopened ? await seam.reopen(place) : seam;
  const { events, firstEventId } = await store.readEvents(read);
  equal(firstEventId, 1);
  // A page may be short, where it is far from the cursor, but holds one if there is one.
  const page = seam.texts.slice(first - 1, last);
  equal(events.length > 0, page.length > 0);
  deepEqual(
    events,
    read.after === undefined ? page.slice(-events.length || page.length) : page.slice(0, events.length),
  );
}

async function bigEvents(place: Place, character: string): Promise<Seam> {
  const seam = await Seam.start(place, "a");
  const content = character.repeat(Math.floor(900_000 / byteLength(character)));
  for (let count = 0; count < 10; count++) await seam.append(said("a", `${count}${content}`));
  return seam;
}

/** Asserts that a page holds at least one text, and that it was not full before the last one came in. */
function isPage(page: readonly string[], texts: readonly string[], before: readonly string[]): void {
  equal(page.length > 0, true);
  deepEqual(page, texts);
  const bytes = before.reduce((sum, text) => sum + byteLength(text), 0);
  ok(bytes < limits.pageBytesMax, `a page of ${bytes} bytes took one more event`);
}

/**
 * Pages of events: from either end, bounded in bytes, of all or of one worker.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import { parseWorkerId } from "../src/core/ids.ts";
import type { ReadEvents, ReadRange, RuntimeStore } from "../src/core/store.ts";
import { byteLength } from "../src/core/text.ts";
import type { Place, Register } from "./place.ts";
import { created, custom, said, Seam } from "./seam.ts";

const a = parseWorkerId("a");

/** Registers the tests. */
export function seamEventTests(test: Register): void {
  test("readEvents() of an empty store returns no events, and one past the last as the first", async (place) => {
    const { store } = await Seam.open(place);
    for (const keep of ["first", "last"] as const) {
      for (const to of [0, 5]) {
        const { events, firstEventId } = await store.readEvents({ from: 1, to, keep });
        deepEqual([events, firstEventId], [[], 1]);
      }
    }
  });

  for (const [what, read, first, last] of ranges) {
    test(`readEvents() returns ${what}`, (place) => gives(place, read, first, last, false));
    test(`readEvents() returns ${what}, after a reopen`, (place) => gives(place, read, first, last, true));
  }

  for (const [what, character] of [["one byte", "x"], ["three bytes", "字"]] as const) {
    test(`readEvents() ends a page by its bytes, forward, characters of ${what}`, async (place) => {
      const seam = await bigEvents(place, character);
      for (let from = 4; from <= seam.last;) {
        const { events, scanned } = await seam.store.readEvents({ from, to: seam.last, keep: "first" });
        isPage(events, seam.texts.slice(from - 1, scanned), events.slice(0, -1));
        from = scanned + 1;
      }
    });

    test(`readEvents() ends a page by its bytes, backward, characters of ${what}`, async (place) => {
      const seam = await bigEvents(place, character);
      for (let to = seam.last; to >= 4;) {
        const { events, scanned } = await seam.store.readEvents({ from: 1, to, keep: "last" });
        isPage(events, seam.texts.slice(scanned - 1, to), events.slice(1));
        to = scanned - 1;
      }
    });
  }

  test("readEvents() returns an event that is larger than a page", async (place) => {
    const seam = await Seam.start(place, "a");
    await seam.append(said("a", "\u0001".repeat(limits.contentBytesMax)));
    await seam.append(custom("small"));
    deepEqual((await seam.store.readEvents({ from: 4, to: 5, keep: "first" })).events, [seam.texts[3]]);
    deepEqual((await seam.store.readEvents({ from: 4, to: 4, keep: "last" })).events, [seam.texts[3]]);
  });

  test("readEvents() returns an event as soon as its append has resolved", async (place) => {
    const seam = await Seam.start(place);
    for (let count = 1; count <= 20; count++) {
      await seam.append(custom(`note ${count}`));
      const range = { from: seam.last, to: seam.last, keep: "last" } as const;
      deepEqual((await seam.store.readEvents(range)).events, seam.texts.slice(-1));
    }
  });

  for (const keep of ["first", "last"] as const) {
    test(`readEvents() of a worker includes earlier workers with its id, keeping the ${keep}`, async (place) => {
      const seam = await shared(place);
      for (const limit of [undefined, 1, 7, 1_000]) {
        const read = { from: 1, to: seam.last, keep, workerId: a, limit };
        deepEqual(await inPages(seam.store, read), ofA(seam.texts));
        const part = { ...read, from: 12, to: seam.last - 12 };
        deepEqual(await inPages(seam.store, part), ofA(seam.texts.slice(11, -12)));
      }
      const nobody = { from: 1, to: seam.last, keep, workerId: parseWorkerId("nobody") };
      deepEqual(await inPages(seam.store, nobody), []);
    });
  }

  test("readEvents() of a worker ends a page by its bytes", async (place) => {
    const seam = await bigEvents(place, "x");
    const read = { from: 1, to: seam.last, keep: "first", workerId: a } as const;
    const { events } = await seam.store.readEvents(read);
    isPage(events, ofA(seam.texts).slice(0, events.length), events.slice(0, -1));
    deepEqual(await inPages(seam.store, read), ofA(seam.texts));
    deepEqual(await inPages(seam.store, { ...read, keep: "last" }), ofA(seam.texts));
  });

  test("readEvents() supports concurrent readers", async (place) => {
    const seam = await Seam.start(place);
    await seam.append(...Array.from({ length: 50 }, (_, index) => custom(`note ${index}`)));
    const pages = await Promise.all(
      Array.from(
        { length: 52 },
        (_, index) => seam.store.readEvents({ from: index + 1, to: index + 1, keep: "first" }),
      ),
    );
    deepEqual(pages.flatMap((page) => page.events), seam.texts);
  });
}

/** Ranges of events 1 to 30, and the first and last event of the page. */
const ranges: readonly (readonly [string, ReadRange, number, number])[] = [
  ["the oldest", { from: 1, to: 7, keep: "first" }, 1, 7],
  ["a range", { from: 11, to: 17, keep: "first" }, 11, 17],
  ["fewer at the end", { from: 28, to: 34, keep: "first" }, 28, 30],
  ["none after the last", { from: 31, to: 37, keep: "first" }, 31, 30],
  ["none of a range that is empty", { from: 100, to: 30, keep: "first" }, 31, 30],
  ["the newest", { from: 24, to: 30, keep: "last" }, 24, 30],
  ["all, keeping the newest", { from: 1, to: 30, keep: "last" }, 1, 30],
  ["a range, keeping the newest", { from: 13, to: 19, keep: "last" }, 13, 19],
  ["the oldest, keeping the newest", { from: 1, to: 3, keep: "last" }, 1, 3],
  ["none before the first", { from: 1, to: 0, keep: "last" }, 1, 0],
  ["the newest of a range past the last", { from: 24, to: 98, keep: "last" }, 24, 30],
  ["a single one", { from: 15, to: 15, keep: "first" }, 15, 15],
];

async function gives(
  place: Place,
  range: ReadRange,
  first: number,
  last: number,
  reopened: boolean,
): Promise<void> {
  const seam = await Seam.start(place);
  await seam.append(...Array.from({ length: 28 }, (_, index) => custom(`note ${index}`)));
  const { store } = reopened ? await seam.reopen(place) : seam;
  const { events, firstEventId, scanned } = await store.readEvents(range);
  equal(firstEventId, 1);
  deepEqual(events, seam.texts.slice(first - 1, last));
  if (events.length > 0) equal(scanned, range.keep === "first" ? last : first);
}

/** Writes events of workers a and b in turn; the first worker a ends in between. */
async function shared(place: Place): Promise<Seam> {
  const seam = await Seam.start(place, "a", "b");
  for (let count = 0; count < 20; count++) {
    await seam.append(said("a", `a ${count}`), said("b", `b ${count}`), custom("of nobody"));
    const end = [{ type: "worker.cancelled", workerId: a }, { type: "worker.purged", workerId: a }] as const;
    if (count === 9) await seam.append(...end, created("a"));
  }
  return seam;
}

function ofA(texts: readonly string[]): string[] {
  return texts.filter((text) => text.includes('"workerId":"a"'));
}

/** Reads all events of a range, in as many pages as necessary, each in order. */
async function inPages(store: RuntimeStore, read: ReadEvents): Promise<string[]> {
  const texts: string[] = [];
  let { from, to } = read;
  while (from <= to) {
    const { events, scanned } = await store.readEvents({ ...read, from, to });
    ok(scanned >= from && scanned <= to, `from ${from} to ${to}, ${scanned} was examined`);
    if (read.keep === "first") [from] = [scanned + 1, texts.push(...events)];
    else [to] = [scanned - 1, texts.unshift(...events)];
  }
  return texts;
}

async function bigEvents(place: Place, character: string): Promise<Seam> {
  const seam = await Seam.start(place, "a");
  const content = character.repeat(Math.floor(900_000 / byteLength(character)));
  for (let count = 0; count < 10; count++) await seam.append(said("a", `${count}${content}`));
  return seam;
}

/** Asserts that a page holds at least one text, and that it was not full before the last one was added. */
function isPage(page: readonly string[], texts: readonly string[], before: readonly string[]): void {
  equal(page.length > 0, true);
  deepEqual(page, texts);
  const bytes = before.reduce((sum, text) => sum + byteLength(text), 0);
  ok(bytes < limits.pageBytesMax, `a page of ${bytes} bytes took one more event`);
}

/**
 * Pages of events: from either end, bounded in bytes, of all or of one worker.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import { parseWorkerId } from "../src/core/ids.ts";
import type { ReadEvents, ReadRange } from "../src/core/store.ts";
import { range } from "./dump.ts";
import { each, type Tests } from "./place.ts";
import { created, custom, isPage, large, onStore, purged, said, Seam } from "./seam.ts";

const workerId = parseWorkerId("a");

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

/** Tests of a store with a worker `a`, event 3. */
export const seamEventTests: Tests = {
  "readEvents() of an empty store returns no events, and one past the last as the first": async (place) => {
    const { store } = await Seam.open(place);
    for (const keep of ["first", "last"] as const) {
      for (const to of [0, 5]) {
        const { events, firstEventId } = await store.readEvents({ from: 1, to, keep });
        deepEqual([events, firstEventId], [[], 1]);
      }
    }
  },

  ...onStore(["a"], {
    ...each(ranges, ([what, read, first, last]) =>
      each(["", ", after a reopen"], (when) => ({
        [`readEvents() returns ${what}${when}`]: async (seam: Seam) => {
          await seam.append(...range(4, 30).map((id) => custom(`note ${id}`)));
          const { store } = when === "" ? seam : await seam.reopen();
          const { events, firstEventId, scanned } = await store.readEvents(read);
          equal(firstEventId, 1);
          deepEqual(events, seam.texts.slice(first - 1, last));
          if (events.length > 0) equal(scanned, read.keep === "first" ? last : first);
        },
      }))),

    ...each(
      [["one byte", "x"], ["three bytes", "字"]],
      ([size, character]) =>
        each([["forward", "first"], ["backward", "last"]], ([direction, keep]) => ({
          [`readEvents() ends a page by its bytes, ${direction}, characters of ${size}`]: async (
            seam: Seam,
          ) => {
            for (const event of large(character)) await seam.append(event);
            const texts = await inPages(seam, { from: 4, to: seam.last, keep }, isPage);
            deepEqual(texts, seam.texts.slice(3));
          },
        })),
    ),

    "readEvents() returns an event that is larger than a page": async (seam) => {
      await seam.append(said("a", "\u0001".repeat(limits.pageBytesMax / 5)));
      await seam.append(custom("small"));
      deepEqual((await seam.store.readEvents({ from: 4, to: 5, keep: "first" })).events, [seam.texts[3]]);
      deepEqual((await seam.store.readEvents({ from: 4, to: 4, keep: "last" })).events, [seam.texts[3]]);
    },

    "readEvents() returns an event as soon as its append has resolved": async (seam) => {
      for (const count of range(1, 20)) {
        await seam.append(custom(`note ${count}`));
        const { events } = await seam.store.readEvents({ from: seam.last, to: seam.last, keep: "last" });
        deepEqual(events, seam.texts.slice(-1));
      }
    },

    ...each(["first", "last"], (keep) => ({
      [`readEvents() of a worker includes earlier workers with its id, keeping the ${keep}`]: async (
        seam: Seam,
      ) => {
        await seam.append(created("b"));
        for (const count of range(0, 19)) {
          await seam.append(said("a", `a ${count}`), said("b", `b ${count}`), custom("of nobody"));
          if (count === 9) await seam.append(...purged("a"), created("a"));
        }
        const read = { from: 1, to: seam.last, keep };
        for (const limit of [undefined, 1, 7, 1_000]) {
          deepEqual(await inPages(seam, { ...read, workerId, limit }), ofA(seam.texts));
          const part = { from: 12, to: seam.last - 12, keep, workerId, limit };
          deepEqual(await inPages(seam, part), ofA(seam.texts.slice(11, -12)));
        }
        deepEqual(await inPages(seam, { ...read, workerId: parseWorkerId("nobody") }), []);
      },
    })),

    "readEvents() of a worker ends a page by its bytes": async (seam) => {
      for (const event of large("x")) await seam.append(event);
      const read = { from: 1, to: seam.last, workerId };
      deepEqual(await inPages(seam, { ...read, keep: "first" }, isPage), ofA(seam.texts));
      deepEqual(await inPages(seam, { ...read, keep: "last" }, isPage), ofA(seam.texts));
    },

    "readEvents() supports concurrent readers": async (seam) => {
      await seam.append(...range(1, 50).map((index) => custom(`note ${index}`)));
      const ids = range(1, seam.last);
      const pages = ids.map((id) => seam.store.readEvents({ from: id, to: id, keep: "first" }));
      deepEqual((await Promise.all(pages)).flatMap(({ events }) => events), seam.texts);
    },
  }),
};

function ofA(texts: readonly string[]): string[] {
  return texts.filter((text) => text.includes('"workerId":"a"'));
}

/** Reads all events of a range, in as many pages as necessary, each in order; `check` receives each page. */
async function inPages(
  { store }: Seam,
  read: ReadEvents,
  check: (texts: readonly string[], keep: ReadEvents["keep"]) => void = () => {},
): Promise<string[]> {
  const pages: (readonly string[])[] = [];
  let { from, to } = read;
  while (from <= to) {
    const { events, scanned } = await store.readEvents({ ...read, from, to });
    ok(scanned >= from && scanned <= to, `from ${from} to ${to}, ${scanned} was examined`);
    check(events, read.keep);
    pages.push(events);
    if (read.keep === "first") from = scanned + 1;
    else to = scanned - 1;
  }
  return (read.keep === "first" ? pages : pages.toReversed()).flat();
}

/**
 * Pages of transcripts through the store interface: exactly the events that contain
 * them.
 *
 * @module
 */
import { deepEqual, ok } from "./assert.ts";
import { parseWorkerId } from "../src/core/ids.ts";
import { limits } from "../src/core/limits.ts";
import type { ReadRange } from "../src/core/store.ts";
import { byteLength } from "../src/core/text.ts";
import type { Place, Register } from "./place.ts";
import { custom, said, Seam } from "./seam.ts";

const a = parseWorkerId("a");

/** Registers the tests. */
export function seamTranscriptTests(test: Register): void {
  for (const [what, read, events] of ranges) {
    test(`readTranscript() returns ${what}`, (place) => gives(place, read, events, "written"));
    test(`readTranscript() returns ${what}, flushed`, (place) => gives(place, read, events, "flushed"));
    test(`readTranscript() returns ${what}, after a reopen`, (place) =>
      gives(place, read, events, "reopened"));
  }

  test("readTranscript() returns nothing for a worker without a transcript", async (place) => {
    const { store } = await Seam.start(place, "a");
    deepEqual(await store.readTranscript({ workerId: a, from: 1, to: 5, keep: "last" }), []);
    const workerId = parseWorkerId("nobody");
    deepEqual(await store.readTranscript({ workerId, from: 1, to: 5, keep: "first" }), []);
  });

  test("readTranscript() ends a page by its bytes, forward", async (place) => {
    const { seam, texts } = await bigEntries(place);
    for (let from = 1; from <= texts.length;) {
      const range = { from, to: texts.length, keep: "first" } as const;
      const page = await seam.store.readTranscript({ workerId: a, ...range });
      isPage(page, texts.slice(from - 1, from - 1 + page.length), page.slice(0, -1));
      from += page.length;
    }
  });

  test("readTranscript() ends a page by its bytes, backward", async (place) => {
    const { seam, texts } = await bigEntries(place);
    for (let to = texts.length; to >= 1;) {
      const page = await seam.store.readTranscript({ workerId: a, from: 1, to, keep: "last" });
      isPage(page, texts.slice(to - page.length, to), page.slice(1));
      to -= page.length;
    }
  });

  test("readTranscript() finds every entry of a long transcript", async (place) => {
    const seam = await Seam.start(place, "a", "b");
    const texts: string[] = [];
    for (let batch = 0; batch < 20; batch++) {
      const lines = Array.from({ length: 25 }, (_, index) => said("a", "x".repeat((index * 37) % 301)));
      await seam.append(...lines, said("b", "between"));
      texts.push(...seam.texts.slice(-26, -1));
    }
    for (let seq = 1; seq <= texts.length; seq += 7) {
      const range = { from: seq, to: seq, keep: "first" } as const;
      deepEqual(await seam.store.readTranscript({ workerId: a, ...range }), [texts[seq - 1]]);
    }
  });

  test("readTranscript() returns an entry as soon as its append has resolved", async (place) => {
    const seam = await Seam.start(place, "a");
    for (let count = 1; count <= 20; count++) {
      await seam.append(said("a", `line ${count}`));
      const range = { from: count, to: count, keep: "last" } as const;
      deepEqual(await seam.store.readTranscript({ workerId: a, ...range }), seam.texts.slice(-1));
    }
  });
}

/** Ranges of entries 1 | 2 3 4 | 5 | 6 7 | 8, and the events (of 0 to 4) that hold the page. */
const ranges: readonly (readonly [string, ReadRange, readonly number[]])[] = [
  ["all, keeping the first", { from: 1, to: 100, keep: "first" }, [0, 1, 2, 3, 4]],
  ["all, keeping the last", { from: 1, to: 8, keep: "last" }, [0, 1, 2, 3, 4]],
  ["the event of a single entry", { from: 1, to: 1, keep: "first" }, [0]],
  ["the event that contains the range", { from: 3, to: 3, keep: "first" }, [1]],
  ["the events in which a range begins and ends", { from: 4, to: 6, keep: "first" }, [1, 2, 3]],
  ["the event with which a range ends", { from: 2, to: 4, keep: "first" }, [1]],
  ["the newest", { from: 8, to: 8, keep: "last" }, [4]],
  ["the newest, from within an event", { from: 7, to: 8, keep: "last" }, [3, 4]],
  ["a range that ends within an event", { from: 6, to: 6, keep: "last" }, [3]],
  ["a range from within an event", { from: 4, to: 5, keep: "last" }, [1, 2]],
  ["the oldest, keeping the last", { from: 1, to: 1, keep: "last" }, [0]],
  ["fewer at the end", { from: 8, to: 12, keep: "first" }, [4]],
  ["none after the last", { from: 9, to: 13, keep: "first" }, []],
  ["none of a range that is empty", { from: 100, to: 8, keep: "first" }, []],
  ["none before the first", { from: 1, to: 0, keep: "last" }, []],
  ["the newest of a range past the last", { from: 8, to: 98, keep: "last" }, [4]],
];

async function gives(
  place: Place,
  range: ReadRange,
  events: readonly number[],
  how: "written" | "flushed" | "reopened",
): Promise<void> {
  let seam = await Seam.start(place, "a", "b");
  await seam.append(said("a", "1"), said("b", "x"), said("a", "2", "3", "4"));
  await seam.append(custom("between"));
  await seam.append(said("a", "5"), said("b", "y", "z"), said("a", "6", "7"), said("a", "8"));
  const texts = seam.texts.filter((text) => text.includes('"workerId":"a"') && text.includes('"entries"'));
  if (how === "flushed") await seam.store.flush();
  if (how === "reopened") seam = await seam.reopen(place);
  const page = await seam.store.readTranscript({ workerId: a, ...range });
  deepEqual(page, events.map((index) => texts[index]));
}

async function bigEntries(place: Place): Promise<{ seam: Seam; texts: string[] }> {
  const seam = await Seam.start(place, "a");
  for (let count = 0; count < 10; count++) await seam.append(said("a", `${count}${"字".repeat(300_000)}`));
  return { seam, texts: seam.texts.slice(3) };
}

function isPage(page: readonly string[], texts: readonly string[], before: readonly string[]): void {
  ok(page.length > 0);
  deepEqual(page, texts);
  const bytes = before.reduce((sum, text) => sum + byteLength(text), 0);
  ok(bytes < limits.pageBytesMax, `a page of ${bytes} bytes took one more event`);
}

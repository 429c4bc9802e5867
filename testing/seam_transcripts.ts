/**
 * Pages of transcripts at the seam: exactly the events that hold them.
 *
 * @module
 */
import { deepEqual, ok } from "./assert.ts";
import { parseWorkerId } from "../src/core/ids.ts";
import { limits } from "../src/core/limits.ts";
import type { ReadEvents } from "../src/core/store.ts";
import { byteLength } from "../src/core/text.ts";
import type { Place, Register } from "./place.ts";
import { custom, said, Seam } from "./seam.ts";

const a = parseWorkerId("a");

/** Registers the tests. */
export function seamTranscriptTests(test: Register): void {
  for (const [what, read, events] of ranges) {
    test(`readTranscript() gives ${what}`, (place) => gives(place, read, events, "written"));
    test(`readTranscript() gives ${what}, flushed`, (place) => gives(place, read, events, "flushed"));
    test(`readTranscript() gives ${what}, after a reopen`, (place) => gives(place, read, events, "reopened"));
  }

  test("readTranscript() gives none of a worker without one", async (place) => {
    const { store } = await Seam.start(place, "a");
    deepEqual(await store.readTranscript({ workerId: a, limit: 5 }), []);
    deepEqual(await store.readTranscript({ workerId: parseWorkerId("nobody"), after: 0, limit: 5 }), []);
  });

  test("readTranscript() ends a page by its bytes, forward", async (place) => {
    const { seam, texts } = await bigEntries(place);
    for (let after = 0; after < texts.length;) {
      const page = await seam.store.readTranscript({ workerId: a, after, limit: 100 });
      isPage(page, texts.slice(after, after + page.length), page.slice(0, -1));
      after += page.length;
    }
  });

  test("readTranscript() ends a page by its bytes, backward", async (place) => {
    const { seam, texts } = await bigEntries(place);
    for (let before = texts.length + 1; before > 1;) {
      const page = await seam.store.readTranscript({ workerId: a, before, limit: 100 });
      isPage(page, texts.slice(before - 1 - page.length, before - 1), page.slice(1));
      before -= page.length;
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
    for (let after = 0; after < texts.length; after += 7) {
      deepEqual(await seam.store.readTranscript({ workerId: a, after, limit: 1 }), [texts[after]]);
    }
  });

  test("readTranscript() sees an entry as soon as its append resolved", async (place) => {
    const seam = await Seam.start(place, "a");
    for (let count = 1; count <= 20; count++) {
      await seam.append(said("a", `line ${count}`));
      deepEqual(await seam.store.readTranscript({ workerId: a, limit: 1 }), seam.texts.slice(-1));
    }
  });
}

/** What to read of entries 1 | 2 3 4 | 5 | 6 7 | 8, and which of the events 0 to 4 hold the page. */
const ranges: readonly (readonly [string, ReadEvents, readonly number[]])[] = [
  ["all, forward", { after: 0, limit: 100 }, [0, 1, 2, 3, 4]],
  ["all, backward", { limit: 100 }, [0, 1, 2, 3, 4]],
  ["the event of a single entry", { after: 0, limit: 1 }, [0]],
  ["the event that the cursor lies within", { after: 2, limit: 1 }, [1]],
  ["the events that a page begins and ends within", { after: 3, limit: 3 }, [1, 2, 3]],
  ["the event that a page ends before", { after: 1, limit: 3 }, [1]],
  ["the newest", { limit: 1 }, [4]],
  ["the newest, from within an event", { limit: 2 }, [3, 4]],
  ["those before a cursor within an event", { before: 7, limit: 1 }, [3]],
  ["those before a cursor, from within an event", { before: 6, limit: 2 }, [1, 2]],
  ["fewer at the beginning", { before: 2, limit: 5 }, [0]],
  ["fewer at the end", { after: 7, limit: 5 }, [4]],
  ["none after the last", { after: 8, limit: 5 }, []],
  ["none after one to come", { after: 99, limit: 5 }, []],
  ["none before the first", { before: 1, limit: 5 }, []],
  ["the newest before one to come", { before: 99, limit: 1 }, [4]],
];

async function gives(
  place: Place,
  read: ReadEvents,
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
  const page = await seam.store.readTranscript({ workerId: a, ...read });
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

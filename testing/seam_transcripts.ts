/**
 * Pages of transcripts through the store interface: exactly the events that contain
 * them.
 *
 * @module
 */
import { deepEqual } from "./assert.ts";
import type { ReadRange } from "../src/core/store.ts";
import { range } from "./dump.ts";
import { each, type Tests } from "./place.ts";
import { created, custom, isPage, large, onStore, said, type Seam } from "./seam.ts";

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

/** Tests of a store with a worker `a`. */
export const seamTranscriptTests: Tests = onStore(["a"], {
  ...each(ranges, ([what, read, events]) =>
    each(["", ", flushed", ", after a reopen"], (when) => ({
      [`readTranscript() returns ${what}${when}`]: async (seam: Seam) => {
        await seam.append(created("b"), said("a", "1"), said("b", "x"), said("a", "2", "3", "4"));
        await seam.append(custom("between"));
        await seam.append(said("a", "5"), said("b", "y", "z"), said("a", "6", "7"), said("a", "8"));
        const texts = seam.texts.filter((text) =>
          text.includes('"workerId":"a"') && text.includes('"entries"')
        );
        if (when === ", flushed") await seam.store.flush();
        const store = when === ", after a reopen" ? await seam.reopen() : seam;
        deepEqual(await store.transcript(read), events.map((index) => texts[index]));
      },
    }))),

  "readTranscript() returns nothing for a worker without a transcript": async (seam) => {
    deepEqual(await seam.transcript({ from: 1, to: 5, keep: "last" }), []);
    deepEqual(await seam.transcript({ from: 1, to: 5, keep: "first" }, "nobody"), []);
  },

  ...each([["forward", "first"], ["backward", "last"]], ([direction, keep]) => ({
    [`readTranscript() ends a page by its bytes, ${direction}`]: async (seam: Seam) => {
      for (const event of large("字")) await seam.append(event);
      // The entries that were not read yet; each event holds one.
      let [from, to] = [1, 10];
      while (from <= to) {
        const page = await seam.transcript({ from, to, keep });
        isPage(page, keep);
        const first = keep === "first" ? from : to - page.length + 1;
        deepEqual(page, seam.texts.slice(first + 2, first + 2 + page.length));
        if (keep === "first") from += page.length;
        else to -= page.length;
      }
    },
  })),

  "readTranscript() finds every entry of a long transcript": async (seam) => {
    const texts: string[] = [];
    await seam.append(created("b"));
    for (let batch = 0; batch < 20; batch++) {
      const lines = range(0, 24).map((index) => said("a", "x".repeat((index * 37) % 301)));
      await seam.append(...lines, said("b", "between"));
      texts.push(...seam.texts.slice(-26, -1));
    }
    for (let seq = 1; seq <= texts.length; seq += 7) {
      deepEqual(await seam.transcript({ from: seq, to: seq, keep: "first" }), [texts[seq - 1]]);
    }
  },

  "readTranscript() returns an entry as soon as its append has resolved": async (seam) => {
    for (const count of range(1, 20)) {
      await seam.append(said("a", `line ${count}`));
      deepEqual(await seam.transcript({ from: count, to: count, keep: "last" }), seam.texts.slice(-1));
    }
  },
});

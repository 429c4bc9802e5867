/**
 * Appending: order, fencing, and unchanged texts.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { parseEventHead } from "../src/core/events.ts";
import { limits } from "../src/core/limits.ts";
import { range } from "./dump.ts";
import { each, refused, type Tests } from "./place.ts";
import { oddContents } from "./samples.ts";
import { custom, type Draftable, onStore, said, type Seam } from "./seam.ts";

/** Tests of a store with a worker `a`. */
export const seamAppendTests: Tests = onStore(["a"], {
  "append() keeps a batch in order": (seam) => keeps(seam, [notes(300)]),

  "append() keeps batch after batch": (seam) =>
    keeps(seam, range(1, 40).map((count) => notes(count % 3 + 1))),

  "append() keeps the largest batch": (seam) => keeps(seam, [notes(limits.batchEventsMax)]),

  "append() keeps the events that later stores append": async (seam) => {
    const texts = [...seam.texts];
    let store = seam;
    for (const count of range(1, 5)) {
      store = await store.reopen();
      equal(store.last, texts.length);
      await store.append(said("a", `of store ${count}`), custom("note"));
      texts.push(...store.texts);
    }
    await hasTexts(store, texts);
  },

  "append() reports a due snapshot": async (seam) => {
    equal(typeof (await seam.append(custom("x"))).snapshotDue, "boolean");
  },

  ...each(Object.entries(oddContents), ([what, content]) => ({
    [`append() keeps ${what} unchanged`]: (seam: Seam) =>
      keeps(seam, [[said("a", content), custom(content.slice(0, 1_000))]]),
  })),

  ...each([["lower", -1], ["higher", 1]], ([what, off]) => ({
    [`append() rejects a ${what} expectation with store_fenced, permanently, and keeps nothing of it`]:
      async (
        seam: Seam,
      ) => {
        const { last } = seam;
        const error = await refused(seam.appendAs(last + off, said("a", "no"), custom("no")), "store_fenced");
        ok(error.details.owner.length > 0 && error.details.epoch >= 0);
        // Final: a batch that would follow is rejected, too.
        equal(await refused(seam.append(said("a", "later")), "store_fenced"), error);
        const again = await seam.reopen();
        equal(again.last, last);
        deepEqual(await again.transcript({ from: 1, to: 9, keep: "last" }), []);
        await again.append(said("a", "yes"));
        await hasTexts(again, [...seam.texts, ...again.texts]);
      },
  })),

  "append() rejects a batch that the previous store would have written": async (first) => {
    const second = await first.reopen();
    await second.append(custom("theirs"));
    await refused(second.appendAs(first.last, custom("stale")), "store_fenced");
    await hasTexts(second, [...first.texts, ...second.texts]);
  },
});

function notes(count: number): Draftable[] {
  return range(1, count).map((index) => custom(`note ${index}`));
}

async function keeps(seam: Seam, batches: readonly (readonly Draftable[])[]): Promise<void> {
  for (const batch of batches) await seam.append(...batch);
  await hasTexts(seam, seam.texts);
}

/** Asserts that a store has exactly these texts, now and for the next store. */
async function hasTexts(seam: Seam, texts: readonly string[]): Promise<void> {
  deepEqual(await seam.log(), texts);
  const again = await seam.reopen();
  equal(again.last, texts.length);
  deepEqual(again.loaded, texts.slice(again.through).map(parseEventHead));
  deepEqual(await again.log(), texts);
}

/**
 * Purging through the store interface: an event that purges deletes a worker's
 * transcript.
 *
 * @module
 */
import { deepEqual } from "./assert.ts";
import { each, type Tests } from "./place.ts";
import { created, onStore, purged, said, type Seam } from "./seam.ts";

/** Tests of a store with workers `a` and `b`. */
export const seamPurgeTests: Tests = onStore(["a", "b"], {
  "append() of a purge deletes a worker's transcript and nothing else": async (seam) => {
    await seam.append(said("a", "one"), said("b", "two"));
    await seam.append(...purged("a"));
    await holds(seam, [], [5]);
  },

  "append() of a purge deletes entries of the same batch": async (seam) => {
    await seam.append(said("a", "one"), said("b", "two"), ...purged("a"), said("b", "three"));
    await holds(seam, [], [5, 8]);
  },

  "append() of a purge of a worker without a transcript has no effect": async (seam) => {
    await seam.append(...purged("a"));
    await holds(seam, [], []);
  },

  ...each([["later", false], ["in the same batch", true]], ([when, inOneBatch]) => ({
    [`append() of a purge frees the id for another worker, ${when}`]: async (seam: Seam) => {
      await seam.append(said("a", "old 1"), said("a", "old 2"), said("a", "old 3"));
      await seam.transcript({ from: 3, to: 3, keep: "last" });
      const texts = [said("a", "new 1"), said("b", "other"), said("a", "new 2")];
      const events = [...purged("a"), created("a"), ...texts];
      if (inOneBatch) await seam.append(...events);
      else for (const event of events) await seam.append(event);
      await holds(seam, [10, 12], [11]);
    },
  })),

  "append() of repeated purges keeps the newest worker's transcript": async (seam) => {
    let store = seam;
    for (const round of [1, 2, 3, 4]) {
      await store.append(said("a", `${round}.1`), said("a", `${round}.2`));
      await store.save();
      await store.append(...purged("a"), created("a"), said("a", `${round}.3`));
      await store.append(...purged("a"), created("a"));
      store = await store.reopen();
    }
    await store.append(said("a", "last"));
    await holds(store, [0], []);
  },
});

/** Asserts which appended events the transcripts of a and b hold, now and after a reopen; the log keeps everything. */
async function holds(seam: Seam, ofA: readonly number[], ofB: readonly number[]): Promise<void> {
  const log = await seam.log();
  deepEqual(log.slice(-seam.texts.length), seam.texts);
  for (const open of [() => seam, () => seam.reopen()]) {
    const each = await open();
    const textsOf = (events: readonly number[]) => events.map((index) => seam.texts[index]);
    deepEqual(await each.transcript({ from: 1, to: 9, keep: "first" }), textsOf(ofA));
    deepEqual(await each.transcript({ from: 1, to: 9, keep: "last" }, "b"), textsOf(ofB));
    deepEqual(await each.log(), log);
  }
}

/**
 * Pruning through the store interface: the amount is the store's choice, its report
 * must be true.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { prepared, refused, type Tests } from "./place.ts";
import { custom, said, Seam } from "./seam.ts";

const tests: Tests<Seam> = {
  "prune() as a dry run deletes nothing": async (seam) => {
    const plan = await seam.store.prune({ through: seam.last, dryRun: true });
    ok(plan.events >= 0 && plan.bytes >= 0 && plan.firstEventId >= 1);
    deepEqual(await seam.log(), seam.texts);
  },

  "prune() deletes what its dry run reported": async (seam) => {
    const plan = await seam.store.prune({ through: seam.last, dryRun: true });
    deepEqual(await seam.store.prune({ through: seam.last, dryRun: false }), plan);
    equal(plan.events, plan.firstEventId - 1);
    await holdsFrom(seam, plan.firstEventId, seam.texts);
    await holdsFrom(await seam.reopen(), plan.firstEventId, seam.texts);
  },

  "prune() up to the events reported by its dry run removes only those, regardless of later snapshots":
    async (
      seam,
    ) => {
      const plan = await seam.store.prune({ through: seam.last, dryRun: true });
      for (let round = 0; round < 3; round++) {
        for (let count = 0; count < 10; count++) await seam.append(said("a", "x".repeat(500)));
        await seam.save();
      }
      deepEqual(await seam.store.prune({ through: plan.firstEventId - 1, dryRun: false }), plan);
      await holdsFrom(seam, plan.firstEventId, seam.texts);
    },

  "prune() deletes nothing after the given event": async (seam) => {
    const { firstEventId } = await seam.store.prune({ through: 10, dryRun: false });
    ok(firstEventId <= 11);
    deepEqual(await seam.log(), seam.texts.slice(firstEventId - 1));
  },

  "prune() through event 0 deletes nothing": async ({ store }) => {
    deepEqual(await store.prune({ through: 0, dryRun: false }), { firstEventId: 1, events: 0, bytes: 0 });
  },

  "prune() does not change transcripts and the state": async (seam) => {
    await seam.store.prune({ through: seam.last, dryRun: false });
    const again = await seam.reopen();
    deepEqual([...again.ledger.workers()], [...seam.ledger.workers()]);
    await again.append(said("a", "after"));
    equal((await again.transcript({ from: 1, to: 1_000, keep: "first" })).length, 41);
  },
};

/** Tests of a store with several snapshots and closings, so that it may have something to delete. */
export const seamPruneTests: Tests = prepared(tests, async (place) => {
  let seam = await Seam.start(place, "a");
  const texts = [...seam.texts];
  for (let round = 0; round < 4; round++) {
    const before = seam.texts.length;
    for (let count = 0; count < 10; count++) await seam.append(said("a", "x".repeat(500)), custom("note"));
    texts.push(...seam.texts.slice(before));
    await seam.save();
    seam = await seam.reopen();
  }
  seam.texts.push(...texts);
  return seam;
});

async function holdsFrom(seam: Seam, firstEventId: number, texts: readonly string[]): Promise<void> {
  equal(await seam.firstEventId(), firstEventId);
  deepEqual(await seam.log(), texts.slice(firstEventId - 1));
  if (firstEventId === 1) return;
  const { store } = seam;
  deepEqual((await store.readEvents({ from: 1, to: firstEventId - 1, keep: "last" })).events, []);
  const expired = store.readEvents({ from: 1, to: 1, keep: "first" });
  await refused(expired, "cursor_expired", { after: 0, firstEventId });
}

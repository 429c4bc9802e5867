/**
 * Pruning through the store interface: the amount is the store's choice, its report
 * must be true.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { parseWorkerId } from "../src/core/ids.ts";
import { type Place, refused, type Register } from "./place.ts";
import { custom, said, Seam } from "./seam.ts";

/** Registers the tests. */
export function seamPruneTests(test: Register): void {
  test("prune() as a dry run deletes nothing", async (place) => {
    const seam = await filled(place);
    const plan = await seam.store.prune({ through: seam.last, dryRun: true });
    ok(plan.events >= 0 && plan.bytes >= 0 && plan.firstEventId >= 1);
    deepEqual(await seam.log(), seam.texts);
  });

  test("prune() deletes what its dry run reported", async (place) => {
    const seam = await filled(place);
    const plan = await seam.store.prune({ through: seam.last, dryRun: true });
    deepEqual(await seam.store.prune({ through: seam.last, dryRun: false }), plan);
    equal(plan.events, plan.firstEventId - 1);
    await holdsFrom(seam, plan.firstEventId, seam.texts);
    await holdsFrom(await seam.reopen(place), plan.firstEventId, seam.texts);
  });

  test("prune() up to the events reported by its dry run removes only those, regardless of later snapshots", async (place) => {
    const seam = await filled(place);
    const plan = await seam.store.prune({ through: seam.last, dryRun: true });
    for (let round = 0; round < 3; round++) {
      for (let count = 0; count < 10; count++) await seam.append(said("a", "x".repeat(500)));
      await seam.save();
    }
    deepEqual(await seam.store.prune({ through: plan.firstEventId - 1, dryRun: false }), plan);
    await holdsFrom(seam, plan.firstEventId, seam.texts);
  });

  test("prune() deletes nothing after the given event", async (place) => {
    const seam = await filled(place);
    const { firstEventId } = await seam.store.prune({ through: 10, dryRun: false });
    ok(firstEventId <= 11);
    deepEqual(await seam.log(), seam.texts.slice(firstEventId - 1));
  });

  test("prune() through event 0 deletes nothing", async (place) => {
    const seam = await filled(place);
    deepEqual(await seam.store.prune({ through: 0, dryRun: false }), {
      firstEventId: 1,
      events: 0,
      bytes: 0,
    });
  });

  test("prune() does not change transcripts and the state", async (place) => {
    const seam = await filled(place);
    await seam.store.prune({ through: seam.last, dryRun: false });
    const again = await seam.reopen(place);
    deepEqual([...again.ledger.workers()], [...seam.ledger.workers()]);
    await again.append(said("a", "behind"));
    const page = await again.store.readTranscript({
      workerId: parseWorkerId("a"),
      from: 1,
      to: 1_000,
      keep: "first",
    });
    equal(page.length, 41);
  });
}

/** Returns a store with several snapshots and closings, so that it may have something to delete. */
async function filled(place: Place): Promise<Seam> {
  let seam = await Seam.start(place, "a");
  const texts = [...seam.texts];
  for (let round = 0; round < 4; round++) {
    for (let count = 0; count < 10; count++) await seam.append(said("a", "x".repeat(500)), custom("note"));
    texts.push(...seam.texts.slice(round === 0 ? 3 : 0));
    await seam.save();
    seam = await seam.reopen(place);
  }
  seam.texts.push(...texts);
  return seam;
}

async function holdsFrom(seam: Seam, firstEventId: number, texts: readonly string[]): Promise<void> {
  equal(await seam.firstEventId(), firstEventId);
  deepEqual(await seam.log(), texts.slice(firstEventId - 1));
  if (firstEventId === 1) return;
  deepEqual((await seam.store.readEvents({ from: 1, to: firstEventId - 1, keep: "last" })).events, []);
  const { details } = await refused(
    seam.store.readEvents({ from: 1, to: 1, keep: "first" }),
    "cursor_expired",
  );
  deepEqual(details, { after: 0, firstEventId });
}

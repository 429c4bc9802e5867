/**
 * Purging through the store interface: an event that purges deletes a worker's
 * transcript.
 *
 * @module
 */
import { deepEqual } from "./assert.ts";
import { parseWorkerId } from "../src/core/ids.ts";
import type { Place, Register } from "./place.ts";
import { created, type Draftable, said, Seam } from "./seam.ts";

const a = parseWorkerId("a");
const b = parseWorkerId("b");
const purged: readonly Draftable[] = [
  { type: "worker.cancelled", workerId: a },
  { type: "worker.purged", workerId: a },
];

/** Registers the tests. */
export function seamPurgeTests(test: Register): void {
  test("append() of a purge deletes a worker's transcript and nothing else", async (place) => {
    const seam = await Seam.start(place, "a", "b");
    await seam.append(said("a", "one"), said("b", "two"));
    await seam.append(...purged);
    await holds(place, seam, [], [seam.texts[5]]);
  });

  test("append() of a purge deletes entries of the same batch", async (place) => {
    const seam = await Seam.start(place, "a", "b");
    await seam.append(said("a", "one"), said("b", "two"), ...purged, said("b", "three"));
    await holds(place, seam, [], [seam.texts[5], seam.texts[8]]);
  });

  test("append() of a purge of a worker without a transcript has no effect", async (place) => {
    const seam = await Seam.start(place, "a", "b");
    await seam.append(...purged);
    await holds(place, seam, [], []);
  });

  for (const [what, inOneBatch] of [["later", false], ["in the same batch", true]] as const) {
    test(`append() of a purge frees the id for another worker, ${what}`, async (place) => {
      const seam = await Seam.start(place, "a", "b");
      await seam.append(said("a", "old 1"), said("a", "old 2"), said("a", "old 3"));
      await seam.store.readTranscript({ workerId: a, from: 3, to: 3, keep: "last" });
      const events = [...purged, created("a"), said("a", "new 1"), said("b", "other"), said("a", "new 2")];
      if (inOneBatch) await seam.append(...events);
      else for (const event of events) await seam.append(event);
      await holds(place, seam, [seam.texts[10], seam.texts[12]], [seam.texts[11]]);
    });
  }

  test("append() of repeated purges keeps the newest worker's transcript", async (place) => {
    let seam = await Seam.start(place, "a", "b");
    for (let round = 1; round <= 4; round++) {
      await seam.append(said("a", `${round}.1`), said("a", `${round}.2`));
      await seam.save();
      await seam.append(...purged, created("a"), said("a", `${round}.3`));
      await seam.append(...purged, created("a"));
      seam = await seam.reopen(place);
    }
    await seam.append(said("a", "last"));
    await holds(place, seam, seam.texts, []);
  });
}

/** Asserts the transcripts of a and b, now and after a reopen; the log keeps everything. */
async function holds(
  place: Place,
  seam: Seam,
  ofA: readonly (string | undefined)[],
  ofB: readonly (string | undefined)[],
): Promise<void> {
  const log = await seam.log();
  deepEqual(log.slice(-seam.texts.length), seam.texts);
  for (const next of [() => Promise.resolve(seam), () => seam.reopen(place)]) {
    const each = await next();
    deepEqual(await each.store.readTranscript({ workerId: a, from: 1, to: 9, keep: "first" }), ofA);
    deepEqual(await each.store.readTranscript({ workerId: b, from: 1, to: 9, keep: "last" }), ofB);
    deepEqual(await each.log(), log);
  }
}

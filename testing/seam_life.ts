/**
 * Opening, locking and closing a store.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import { parseWorkerId } from "../src/core/ids.ts";
import { takeSnapshot } from "../src/core/snapshots.ts";
import { type Place, refused, type Register } from "./place.ts";
import { oddIds } from "./samples.ts";
import { created, custom, said, Seam } from "./seam.ts";

/** Registers the tests. */
export function seamLifeTests(test: Register): void {
  test("RuntimeStore tells its runtime and what it supports", async (place) => {
    const store = await place.store();
    equal(store.runtimeId, place.runtimeId);
    equal(typeof store.supports.persistent, "boolean");
    equal(typeof store.supports.exclusive, "boolean");
  });

  test("load() gives nothing of a new place", async (place) => {
    const seam = await Seam.open(place);
    deepEqual([seam.through, seam.loaded], [0, []]);
  });

  test("load() gives nothing when a new place was opened and closed", async (place) => {
    await (await place.store()).close();
    const seam = await Seam.open(place);
    deepEqual([seam.through, seam.loaded], [0, []]);
  });

  test("opening refuses a second store with store_locked where it is exclusive", secondStore);
  test("close() lets the next store in", async (place) => {
    for (let count = 0; count < 3; count++) await (await place.store()).close();
  });

  test("close() does nothing when repeated", async (place) => {
    const seam = await Seam.start(place);
    await seam.store.close();
    await Promise.all([seam.store.close(), seam.store.close()]);
  });

  test("close() repeated late leaves the next store alone", async (place) => {
    const first = await Seam.start(place);
    const second = await first.reopen(place);
    await first.store.close();
    await second.append(custom("still open"));
    if (second.store.supports.exclusive) await refused(() => place.store(), "store_locked");
  });

  test("close() before load() is allowed", async (place) => {
    await (await place.store()).close();
  });

  test("flush() resolves, with and without something to write", async (place) => {
    const seam = await Seam.start(place, "a");
    await seam.store.flush();
    await seam.append(said("a", "one"));
    await Promise.all([seam.store.flush(), seam.store.flush()]);
  });

  for (const [name, work] of Object.entries(afterClose)) {
    test(`${name}() after close() is runtime_closed`, async (place) => {
      const seam = await Seam.start(place, "a");
      await seam.store.close();
      const { details } = await refused(() => work(seam), "runtime_closed");
      equal(details.runtimeId, place.runtimeId);
    });
  }

  for (const id of oddIds) {
    test(`a store keeps the runtime ${JSON.stringify(id).slice(0, 20)}`, async (place) => {
      const seam = await Seam.start(place, "a");
      const again = await seam.reopen(place);
      equal(again.store.runtimeId, id);
      equal(again.last, 3);
    }, id);
  }
}

const a = parseWorkerId("a");

const afterClose: Readonly<Record<string, (seam: Seam) => Promise<unknown>>> = {
  load: ({ store, ledger }) => store.load({ view: ledger, notice: () => {}, lost: () => {} }),
  append: (seam) => seam.append(created("b")),
  readEvents: ({ store }) => store.readEvents({ after: 0, limit: 10 }),
  readTranscript: ({ store }) => store.readTranscript({ workerId: a, after: 0, limit: 10 }),
  saveSnapshot: ({ store, ledger }) => store.saveSnapshot(takeSnapshot(ledger)),
  prune: ({ store }) => store.prune({ through: 1, dryRun: true }),
  flush: ({ store }) => store.flush(),
};

async function secondStore(place: Place): Promise<void> {
  const first = await Seam.start(place);
  if (!first.store.supports.exclusive) return;
  const { details } = await refused(() => place.store(), "store_locked");
  equal(typeof details.owner, "string");
  await refused(() => place.store(), "store_locked");
  // Being asked did the first one no harm.
  await first.append(custom("mine"));
  const again = await first.reopen(place);
  equal(again.last, 3);
}

/**
 * Opening, locking and closing a store.
 *
 * @module
 */
import { deepEqual, equal, fail } from "./assert.ts";
import { parseWorkerId } from "../src/core/ids.ts";
import { takeSnapshot } from "../src/core/snapshots.ts";
import type { RuntimeStore } from "../src/core/store.ts";
import { type Place, refused, type Register } from "./place.ts";
import { oddIds } from "./samples.ts";
import { created, custom, said, Seam } from "./seam.ts";

/** Registers the tests. */
export function seamLifeTests(test: Register): void {
  test("RuntimeStore has its runtime id and its capabilities before it is open", async (place) => {
    const store = await Promise.resolve(place.store());
    equal(store.runtimeId, place.runtimeId);
    equal(typeof store.supports.persistent, "boolean");
    equal(typeof store.supports.exclusive, "boolean");
  });

  test("acquire() pushes nothing for a new place", async (place) => {
    const seam = await Seam.open(place);
    deepEqual([seam.through, seam.loaded], [0, []]);
  });

  test("acquire() pushes nothing after a new place was opened and closed", async (place) => {
    await (await Seam.open(place)).store.close();
    const seam = await Seam.open(place);
    deepEqual([seam.through, seam.loaded], [0, []]);
  });

  test("acquire() throws store_locked for a second store if exclusive", secondStore);
  test("acquire() releases everything when the host rejects an event", async (place) => {
    const first = await Seam.start(place);
    await first.store.close();
    const seam = new Seam(place.store());
    const fault = new Error("the host rejects it");
    const reject = () => {
      throw fault;
    };
    await seam.store.acquire({ ...seam.host, restore: reject, replay: reject }).then(
      () => fail("an opening that the host rejected succeeded"),
      () => {},
    );
    equal((await Seam.open(place)).last, 2);
  });

  test("close() permits the next store to open", async (place) => {
    for (let count = 0; count < 3; count++) await (await Seam.open(place)).store.close();
  });

  test("close() is idempotent", async (place) => {
    const seam = await Seam.start(place);
    await seam.store.close();
    await Promise.all([seam.store.close(), seam.store.close()]);
  });

  test("close() repeated late does not affect the next store", async (place) => {
    const first = await Seam.start(place);
    const second = await first.reopen(place);
    await first.store.close();
    await second.append(custom("still open"));
    if (second.store.supports.exclusive) await refused(() => Seam.open(place), "store_locked");
  });

  test("close() before acquire() is allowed, and does not change the place", async (place) => {
    const seam = await Seam.start(place);
    await place.store().close();
    if (seam.store.supports.exclusive) await refused(() => Seam.open(place), "store_locked");
    await seam.append(custom("still open"));
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

  for (const [name, work] of Object.entries(beforeAcquire)) {
    test(`${name}() before acquire() is rejected`, async (place) => {
      const rejected = await work(place.store()).then(() => false, () => true);
      equal(rejected, true);
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
  acquire: (seam) => seam.store.acquire(seam.host),
  append: (seam) => seam.append(created("b")),
  readEvents: ({ store }) => store.readEvents({ from: 1, to: 10, keep: "first" }),
  readTranscript: ({ store }) => store.readTranscript({ workerId: a, from: 1, to: 10, keep: "first" }),
  saveSnapshot: ({ store, ledger }) => store.saveSnapshot(takeSnapshot(ledger)),
  prune: ({ store }) => store.prune({ through: 1, dryRun: true }),
  flush: ({ store }) => store.flush(),
};

const beforeAcquire: Readonly<Record<string, (store: RuntimeStore) => Promise<unknown>>> = {
  append: (store) => store.append({ expectedLastEventId: 0, events: [], touched: new Set() }),
  readEvents: (store) => store.readEvents({ from: 1, to: 10, keep: "first" }),
  readTranscript: (store) => store.readTranscript({ workerId: a, from: 1, to: 10, keep: "first" }),
};

async function secondStore(place: Place): Promise<void> {
  const first = await Seam.start(place);
  if (!first.store.supports.exclusive) return;
  const { details } = await refused(() => Seam.open(place), "store_locked");
  equal(typeof details.owner, "string");
  await refused(() => Seam.open(place), "store_locked");
  // The attempts have no effect on the first one.
  await first.append(custom("mine"));
  const again = await first.reopen(place);
  equal(again.last, 3);
}

/**
 * Opening, locking and closing a store.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import { takeSnapshot } from "../src/core/snapshots.ts";
import { each, type Place, refused, type Tests } from "./place.ts";
import { created, custom, onStore, said, Seam } from "./seam.ts";

/** Operations that a store rejects unless it is open. */
const whileOpen: Readonly<Record<string, (seam: Seam) => Promise<unknown>>> = {
  append: ({ store, last: expectedLastEventId }) =>
    store.append({ expectedLastEventId, events: [], touched: new Set() }),
  readEvents: ({ store }) => store.readEvents({ from: 1, to: 10, keep: "first" }),
  readTranscript: (seam) => seam.transcript({ from: 1, to: 10, keep: "first" }),
};

/** Operations that a closed store rejects. */
const afterClose: Readonly<Record<string, (seam: Seam) => Promise<unknown>>> = {
  ...whileOpen,
  acquire: ({ store, host }) => store.acquire(host),
  append: (seam) => seam.append(created("b")),
  saveSnapshot: ({ store, ledger }) => store.saveSnapshot(takeSnapshot(ledger)),
  prune: ({ store }) => store.prune({ through: 1, dryRun: true }),
  flush: ({ store }) => store.flush(),
};

/** Tests of a new place, and of a store with a worker `a`. */
export const seamLifeTests: Tests = {
  "RuntimeStore has its runtime id and its capabilities before it is open": async (place) => {
    const store = await Promise.resolve(place.store());
    equal(store.runtimeId, place.runtimeId);
    equal(typeof store.supports.persistent, "boolean");
    equal(typeof store.supports.exclusive, "boolean");
  },

  "acquire() pushes nothing for a new place": isNew,

  "acquire() pushes nothing after a new place was opened and closed": async (place) => {
    await (await Seam.open(place)).store.close();
    await isNew(place);
  },

  "close() permits the next store to open": async (place) => {
    for (let count = 0; count < 3; count++) await (await Seam.open(place)).store.close();
  },

  ...each(Object.entries(whileOpen), ([name, work]) => ({
    [`${name}() before acquire() is rejected`]: async (place: Place) => {
      const seam = new Seam(place);
      equal(await work(seam).then(() => "resolved", () => "rejected"), "rejected");
    },
  })),

  ...onStore(["a"], {
    "acquire() throws store_locked for a second store if exclusive": async (first) => {
      if (!first.store.supports.exclusive) return;
      const { details } = await refused(Seam.open(first.place), "store_locked");
      equal(typeof details.owner, "string");
      await refused(Seam.open(first.place), "store_locked");
      // The attempts have no effect on the first one.
      await first.append(custom("mine"));
      equal((await first.reopen()).last, 4);
    },

    "acquire() releases everything when the host rejects an event": async (first) => {
      await first.store.close();
      const { store, host } = new Seam(first.place);
      const reject = () => {
        throw new Error("the host rejects it");
      };
      const opening = store.acquire({ ...host, restore: reject, replay: reject });
      equal(await opening.then(() => "open", () => "failed"), "failed");
      equal((await Seam.open(first.place)).last, 3);
    },

    "close() is idempotent": async ({ store }) => {
      await store.close();
      await Promise.all([store.close(), store.close()]);
    },

    "close() repeated late does not affect the next store": async (first) => {
      const second = await first.reopen();
      await first.store.close();
      await second.append(custom("still open"));
      if (second.store.supports.exclusive) await refused(Seam.open(first.place), "store_locked");
    },

    "close() before acquire() is allowed, and does not change the place": async (seam) => {
      await seam.place.store().close();
      if (seam.store.supports.exclusive) await refused(Seam.open(seam.place), "store_locked");
      await seam.append(custom("still open"));
    },

    "flush() resolves, with and without something to write": async (seam) => {
      await seam.store.flush();
      await seam.append(said("a", "one"));
      await Promise.all([seam.store.flush(), seam.store.flush()]);
    },

    ...each(Object.entries(afterClose), ([name, work]) => ({
      [`${name}() after close() is runtime_closed`]: async (seam: Seam) => {
        await seam.store.close();
        const { details } = await refused(() => work(seam), "runtime_closed");
        equal(details.runtimeId, seam.place.runtimeId);
      },
    })),
  }),
};

/** Asserts that an opening pushes nothing. */
async function isNew(place: Place): Promise<void> {
  const seam = await Seam.open(place);
  deepEqual([seam.through, seam.loaded], [0, []]);
}

/** Tests that a store has the id of its runtime and its events after a reopen. */
export async function keepsRuntimeId(place: Place): Promise<void> {
  const again = await (await Seam.start(place, "a")).reopen();
  equal(again.store.runtimeId, place.runtimeId);
  equal(again.last, 3);
}

/**
 * Snapshots through the store interface: the state that a store loads is always the
 * fold of all events.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import { parseEventHead } from "../src/core/events.ts";
import { parseWorkerId } from "../src/core/ids.ts";
import type { Ledger } from "../src/core/ledger.ts";
import { snapshotTexts, takeSnapshot } from "../src/core/snapshots.ts";
import type { LoadedSnapshot, Snapshot, SnapshotPart } from "../src/core/store.ts";
import { range } from "./dump.ts";
import type { Tests } from "./place.ts";
import { created, custom, onStore, said, Seam } from "./seam.ts";

/** Tests of stores with and without a worker `a`. */
export const seamSnapshotTests: Tests = {
  ...onStore([], {
    "saveSnapshot() of a state without workers is allowed": async (seam) => {
      await seam.save();
      equal((await seam.reopen()).last, 2);
    },
  }),

  ...onStore(["a"], {
    "saveSnapshot() does not change the loaded state": async (seam) => {
      await seam.append(created("b"), said("a", "one"), said("b", "two", "three"));
      await seam.save();
      await loadsState(seam);
    },

    "acquire() pushes the events after a saved snapshot": async (seam) => {
      await seam.save();
      await seam.append(said("a", "one"), created("b"));
      await seam.append(said("b", "two"));
      await loadsState(seam);
    },

    "saveSnapshot() may be called repeatedly": async (seam) => {
      let store = seam;
      for (const count of range(1, 6)) {
        await store.append(said("a", `line ${count}`));
        await store.save();
        if (count % 2 === 0) store = await store.reopen();
      }
      equal(store.ledger.worker(parseWorkerId("a"))?.transcriptLength, 6);
    },

    "saveSnapshot() does not block appends": async (seam) => {
      await seam.append(...range(0, 199).map((index) => created(`w${index}`)));
      const saving = seam.save();
      for (const count of range(1, 10)) await seam.append(custom(`note ${count}`), said("w7", "meanwhile"));
      await saving;
      await loadsState(seam);
    },

    "saveSnapshot() that fails in the middle changes nothing": async (seam) => {
      await seam.append(created("b"));
      await seam.save();
      await seam.append(said("a", "one"));
      const snapshot = takeSnapshot(seam.ledger);
      await seam.store.saveSnapshot({ ...snapshot, workers: failing(snapshot.workers) }).catch(() => {});
      await seam.append(said("a", "two"));
      await loadsState(seam);
    },

    "acquire() pushes a snapshot as it was saved, if it pushes one": async (seam) => {
      await seam.append(created("日本語"), created("b"), said("a", "one"));
      const { through, runtimeJson } = takeSnapshot(seam.ledger);
      const workers = [...snapshotTexts(seam.ledger).workers].map(({ json }) => json);
      equal(workers.length, 3);
      await seam.save();
      await seam.store.close();
      const { store, host } = new Seam(seam.place);
      let loaded: LoadedSnapshot | undefined;
      await store.acquire({ ...host, restore: (snapshot) => void (loaded = snapshot), replay: () => {} });
      if (loaded === undefined) return;
      deepEqual([loaded.through, loaded.runtimeJson, [...loaded.workers]], [through, runtimeJson, workers]);
    },
  }),
};

/** Asserts that the next store loads the state of this one, and pushes all events after its snapshot. */
async function loadsState(seam: Seam): Promise<void> {
  const again = await seam.reopen();
  deepEqual(stateOf(again.ledger), stateOf(seam.ledger));
  deepEqual(again.loaded, seam.texts.slice(again.through).map(parseEventHead));
}

function stateOf(ledger: Ledger): unknown {
  return [ledger.runtime, [...ledger.workers()]];
}

/** Yields the first worker of a snapshot and fails. */
async function* failing(parts: Snapshot["workers"]): AsyncGenerator<SnapshotPart> {
  for await (const part of parts) {
    yield part;
    throw new Error("no further");
  }
}

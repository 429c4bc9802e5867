/**
 * Snapshots through the store interface: the state that a store loads is always the
 * fold of all events.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import type { Ledger } from "../src/core/ledger.ts";
import { snapshotTexts, takeSnapshot } from "../src/core/snapshots.ts";
import type { LoadedSnapshot, Snapshot, SnapshotPart } from "../src/core/store.ts";
import type { Register } from "./place.ts";
import { created, custom, said, Seam } from "./seam.ts";

/** Registers the tests. */
export function seamSnapshotTests(test: Register): void {
  test("saveSnapshot() does not change the loaded state", async (place) => {
    const seam = await Seam.start(place, "a", "b");
    await seam.append(said("a", "one"), said("b", "two", "three"));
    await seam.save();
    const again = await seam.reopen(place);
    deepEqual(stateOf(again.ledger), stateOf(seam.ledger));
    deepEqual(again.loaded, seam.headsAfter(again.through));
  });

  test("acquire() pushes the events after a saved snapshot", async (place) => {
    const seam = await Seam.start(place, "a");
    await seam.save();
    await seam.append(said("a", "one"), created("b"));
    await seam.append(said("b", "two"));
    const again = await seam.reopen(place);
    deepEqual(stateOf(again.ledger), stateOf(seam.ledger));
    deepEqual(again.loaded, seam.headsAfter(again.through));
  });

  test("saveSnapshot() may be called repeatedly", async (place) => {
    let seam = await Seam.start(place, "a");
    for (let count = 1; count <= 6; count++) {
      await seam.append(said("a", `line ${count}`));
      await seam.save();
      if (count % 2 === 0) seam = await seam.reopen(place);
    }
    equal(seam.ledger.worker(idOf(seam.ledger))?.transcriptLength, 6);
  });

  test("saveSnapshot() does not block appends", async (place) => {
    const seam = await Seam.start(place, ...Array.from({ length: 200 }, (_, index) => `w${index}`));
    const saving = seam.save();
    for (let count = 0; count < 10; count++) {
      await seam.append(custom(`note ${count}`), said("w7", "meanwhile"));
    }
    await saving;
    const again = await seam.reopen(place);
    deepEqual(stateOf(again.ledger), stateOf(seam.ledger));
    deepEqual(again.loaded, seam.headsAfter(again.through));
  });

  test("saveSnapshot() of a state without workers is allowed", async (place) => {
    const seam = await Seam.start(place);
    await seam.save();
    equal((await seam.reopen(place)).last, 2);
  });

  test("saveSnapshot() that fails in the middle changes nothing", async (place) => {
    const seam = await Seam.start(place, "a", "b");
    await seam.save();
    await seam.append(said("a", "one"));
    await seam.store.saveSnapshot(broken(takeSnapshot(seam.ledger))).catch(() => {});
    await seam.append(said("a", "two"));
    const again = await seam.reopen(place);
    deepEqual(stateOf(again.ledger), stateOf(seam.ledger));
  });

  test("acquire() pushes a snapshot as it was saved, if it pushes one", async (place) => {
    const seam = await Seam.start(place, "a", "日本語", "b");
    await seam.append(said("a", "one"));
    const saved = takeSnapshot(seam.ledger);
    const parts = [...snapshotTexts(seam.ledger).workers];
    await seam.store.saveSnapshot(saved);
    await seam.store.close();
    const next = new Seam(place.store());
    let snapshot: LoadedSnapshot | undefined;
    await next.store.acquire({
      ...next.host,
      restore: (loaded) => void (snapshot = loaded),
      replay: () => {},
    });
    deepEqual(
      snapshot && [snapshot.through, snapshot.runtimeJson],
      snapshot && [saved.through, saved.runtimeJson],
    );
    deepEqual(snapshot && [...snapshot.workers], snapshot && parts.map((part) => part.json));
    ok(parts.length === 3);
  });
}

async function* failing(parts: Snapshot["workers"]): AsyncGenerator<SnapshotPart> {
  for await (const part of parts) {
    yield part;
    throw new Error("no further");
  }
}

function broken(snapshot: Snapshot): Snapshot {
  return { ...snapshot, workers: failing(snapshot.workers) };
}

function idOf(ledger: Ledger): Parameters<Ledger["worker"]>[0] {
  const [state] = ledger.workers();
  ok(state !== undefined);
  return state.record.workerId;
}

function stateOf(ledger: Ledger): unknown {
  return [ledger.runtime, [...ledger.workers()]];
}

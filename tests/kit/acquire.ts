/**
 * Stores that are opened without a runtime.
 *
 * @module
 */
import { Ledger } from "../../src/core/ledger.ts";
import { restoreSnapshot } from "../../src/core/snapshots.ts";
import type { RuntimeStore, StoreHost } from "../../src/core/store.ts";

/** A host that folds what it receives, and ignores diagnostics. */
export function foldingHost(ledger: Ledger): StoreHost {
  return {
    view: ledger,
    restore: (snapshot) => restoreSnapshot(ledger, snapshot),
    replay: (texts) => void ledger.replay(texts),
    notice: () => {},
    lost: () => {},
  };
}

/** Opens a store. */
export async function acquire<Store extends RuntimeStore>(store: Store): Promise<Store> {
  await store.acquire(foldingHost(new Ledger(store.runtimeId)));
  return store;
}

/**
 * Stores that are opened without a runtime.
 *
 * @module
 */
import { Folding } from "../../src/core/folding.ts";
import type { RuntimeStore } from "../../src/core/store.ts";

/** Opens a store. */
export async function acquire<Store extends RuntimeStore>(store: Store): Promise<Store> {
  await store.acquire(new Folding(store.runtimeId));
  return store;
}

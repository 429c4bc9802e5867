/**
 * The conformance suite for stores: the contract of `RuntimeStore` in full, as
 * tests. It tests a store through its interface, and through a runtime: events,
 * transcripts, snapshots, pruning, blobs, also after it was reopened. It runs
 * wherever `mod.ts` runs (Deno, Node, browsers), and requires no permission.
 *
 * The capabilities of a store are read from its `supports`; no store is treated
 * specially.
 *
 * @example Usage
 * ```ts
 * import { testRuntimeStore } from "@yoi/worker-runtime/testing";
 * import { MemoryRuntimeStore, MemoryStorage } from "@yoi/worker-runtime/memory-store";
 * import { assert } from "@std/assert";
 *
 * const tests: string[] = [];
 * testRuntimeStore({
 *   name: "memory",
 *   // In a file of tests: (name, fn) => Deno.test(name, fn), or `test` of "node:test".
 *   test: (name, fn) => tests.push(`${name} ${typeof fn}`),
 *   open: (runtimeId) => {
 *     const storage = new MemoryStorage();
 *     return {
 *       store: () => new MemoryRuntimeStore({ runtimeId, storage }),
 *       remove: () => Promise.resolve(),
 *     };
 *   },
 * });
 * assert(tests.length > 900);
 * ```
 *
 * @module
 */
export type { StorePlace } from "./place.ts";
export { type RuntimeStoreSuite, testRuntimeStore } from "./suite.ts";

/**
 * What goes into the bundle that Node and a browser run: the core as a host
 * imports it, and the conformance suite as the author of a store does.
 *
 * @module
 */
export { MemoryStorage } from "../../memory_store.ts";
export { isRuntimeError, MemoryRuntimeStore, Runtime } from "../../mod.ts";
export { testRuntimeStore } from "../../testing/mod.ts";

/**
 * What goes into the bundle that Node and a browser run: the core as a host
 * imports it, and the conformance suite as the author of a store does.
 *
 * @module
 */
export { isRuntimeError, MemoryRuntimeStore, MemoryStorage, Runtime } from "../../mod.ts";
export { testRuntimeStore } from "../../testing/mod.ts";

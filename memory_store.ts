/**
 * The memory store. It needs no permission, runs wherever `mod.ts` runs, and
 * forgets everything with the process.
 *
 * @example Usage
 * ```ts
 * import { Runtime } from "@yoi/worker-runtime";
 * import { MemoryRuntimeStore, MemoryStorage } from "@yoi/worker-runtime/memory-store";
 * import { assertEquals } from "@std/assert";
 *
 * const storage = new MemoryStorage();
 * {
 *   await using runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local", storage }) });
 *   const worker = await runtime.ensureWorker({ workerId: "reviewer", intent: { kind: "assistant" } });
 *   await worker.putBlob(new TextEncoder().encode("notes"), { mediaType: "text/plain" });
 *   await worker.commit({ data: { reviewed: { pr: 42 } } });
 * }
 * await using runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local", storage }) });
 * assertEquals(runtime.worker("reviewer").state().data, { reviewed: { pr: 42 } });
 * ```
 *
 * @module
 */
export type { EventTexts } from "./src/memory/event_texts.ts";
export {
  type MemoryRuntime,
  MemoryRuntimeStore,
  MemoryStorage,
  type MemoryStoreOptions,
} from "./src/memory/memory_store.ts";

/**
 * The store interface, for authors of stores. A store keeps the texts of events
 * in order, and the blobs of workers, and returns them; validation, ids, folding,
 * idempotency, group commit and hashing are the runtime's. Requires no permission.
 *
 * The conformance suite of `./testing` is the contract in full.
 * `examples/sqlite_store.ts` is a store of some 300 lines.
 *
 * @example Usage
 * ```ts
 * import { Runtime } from "@yoi/worker-runtime";
 * import { MemoryRuntimeStore } from "@yoi/worker-runtime/memory-store";
 * import type { AppendBatch, AppendResult } from "@yoi/worker-runtime/store";
 * import { assertEquals } from "@std/assert";
 *
 * // A store that also lists what is committed.
 * class ListingStore extends MemoryRuntimeStore {
 *   readonly types: string[] = [];
 *   override append(batch: AppendBatch): Promise<AppendResult> {
 *     this.types.push(...batch.events.map(({ json }) => JSON.parse(json).type));
 *     return super.append(batch);
 *   }
 * }
 *
 * const store = new ListingStore({ runtimeId: "local" });
 * const runtime = await Runtime.open({ store });
 * const worker = await runtime.createWorker({ workerId: "reviewer", intent: { kind: "assistant" } });
 * await worker.sendInput({ role: "user", content: "Please review PR 42" });
 * await runtime.close();
 * assertEquals(store.types.slice(2), ["worker.created", "worker.committed", "runtime.closed"]);
 * ```
 *
 * @module
 */
export type { BlobRef } from "./src/core/blob_ref.ts";
export { HashedInput, verifiedStream } from "./src/core/blob_stream.ts";
export type { Notice } from "./src/core/diagnostics.ts";
export {
  blobMissing,
  fencedAppend,
  type FileSpot,
  invalidRequest,
  isRuntimeError,
  RuntimeError,
  type RuntimeErrorCode,
  type RuntimeErrorDetails,
} from "./src/core/errors.ts";
export { type ReadTexts, scanEvents } from "./src/core/event_scan.ts";
export type { EventRecord } from "./src/core/event_types.ts";
export { parseRuntimeId, parseWorkerId, type RuntimeId, type WorkerId } from "./src/core/ids.ts";
export type { JsonObject } from "./src/core/json.ts";
export { limits } from "./src/core/limits.ts";
export { workerNotFound } from "./src/core/rules.ts";
export type { BlobHash } from "./src/core/sha256.ts";
export type { RuntimeState, StateView, WorkerState } from "./src/core/state.ts";
export type {
  AppendBatch,
  AppendResult,
  BlobFacts,
  BlobInput,
  BlobOwner,
  LoadedSnapshot,
  NewWorker,
  PrunedEvents,
  PruneEvents,
  ReadEvents,
  ReadRange,
  ReadTranscript,
  RuntimeSource,
  RuntimeStore,
  Snapshot,
  SnapshotPart,
  SourceInfo,
  StoredEvents,
  StoredRuntime,
  StoreHost,
  StoreInfo,
  StoreSupports,
  UnrecordedEvent,
} from "./src/core/store.ts";

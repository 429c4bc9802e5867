/**
 * A durable runtime store for long-lived workers (LLM agents, jobs, bots). A
 * host program owns a {@linkcode Runtime}; the runtime owns many
 * {@linkcode Worker}s, each named only by runtime id and worker id. It keeps
 * the identity, state, transcript and usage of each worker, the blobs that
 * belong to it, and every event that led there.
 *
 * This entry point is the core, for programs that host a runtime, with the
 * memory store. It requires no permission and runs in Deno, in Node 20 or
 * later, and in browsers. `./fs-store` keeps a runtime on disk and requires
 * `--allow-read` and `--allow-write`; `./operate` and `./cli` are for those
 * who operate it, `./store` and `./testing` for authors of stores.
 *
 * @example Usage
 * ```ts
 * import { isRuntimeError, MemoryRuntimeStore, Runtime } from "@yoi/worker-runtime";
 * import { assert, assertEquals } from "@std/assert";
 *
 * await using runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local" }) });
 * const worker = await runtime.ensureWorker({
 *   workerId: "reviewer",
 *   intent: { kind: "task", objective: "Review PR 42" },
 * });
 *
 * // Each command is one event, and resolves when it is durable. A key makes it safe to repeat.
 * const sent = await worker.sendInput({ role: "user", content: "Please review PR 42" }, { key: "slack:1712" });
 * const again = await worker.sendInput({ role: "user", content: "Please review PR 42" }, { key: "slack:1712" });
 * assertEquals(again, { ...sent, duplicate: true });
 *
 * // One run at a time; its signal aborts when it is cancelled. A commit is all or nothing.
 * const screenshot = await worker.putBlob(new Uint8Array([137, 80]), { mediaType: "image/png" });
 * await worker.run(async (run) => {
 *   await run.commit({
 *     entries: [{
 *       role: "assistant",
 *       content: [{ type: "text", text: "Looks good" }],
 *       blobs: [screenshot],
 *     }],
 *     usage: { model: "m-1", inputTokens: 812, outputTokens: 64 },
 *     data: { reviewed: { pr: 42 } },
 *   });
 * });
 *
 * const page = await worker.transcript({ limit: 20 });
 * assertEquals(page.items.at(-1)?.content, [{ type: "text", text: "Looks good" }]);
 * assertEquals(worker.state().lastRun?.outcome, "completed");
 * assertEquals(runtime.overview().usage.inputTokens, 812);
 * const image = await new Response(await worker.blob(screenshot)).bytes();
 * assertEquals(image.length, 2);
 *
 * try {
 *   await worker.sendInput({ role: "user", content: "Late" }, { expect: { lastEventId: sent.eventId } });
 * } catch (error) {
 *   assert(isRuntimeError(error) && error.code === "conflict");
 *   assertEquals(error.details.expected, sent.eventId);
 * }
 * ```
 *
 * @module
 */
export type { BlobRef } from "./src/core/blob_ref.ts";
export type { BlobSource } from "./src/core/blobs.ts";
export type {
  CommandOptions,
  CommitInput,
  CommitOptions,
  CompactInput,
  DraftInput,
  Expectation,
  ReasonOptions,
  RewindInput,
} from "./src/core/commands.ts";
export { contextRanges, isInContext } from "./src/core/context.ts";
export type { ContextEntry, ContextOptions, WorkerContext } from "./src/core/context_read.ts";
export type { Diagnostic, DiagnosticCode, DiagnosticReport, Notice } from "./src/core/diagnostics.ts";
export type { DraftText } from "./src/core/drafts.ts";
export type { RuntimeOptions } from "./src/core/engine.ts";
export {
  type AnyRuntimeError,
  type FileSpot,
  isRuntimeError,
  RuntimeError,
  type RuntimeErrorCode,
  type RuntimeErrorDetails,
} from "./src/core/errors.ts";
export type { EntryInput } from "./src/core/entries.ts";
export type { ForkSpec } from "./src/core/fork.ts";
export type {
  ContextChange,
  ContextSeqs,
  CustomEvent,
  EventBase,
  EventEntry,
  KnownEvent,
  RecordedUsage,
  RunChange,
  RunOutcome,
  RuntimeClosed,
  RuntimeCreated,
  RuntimeEvent,
  RuntimeOpened,
  RuntimeRetired,
  SeqRange,
  UnknownEvent,
  WorkerChanges,
  WorkerCommitted,
  WorkerCreated,
  WorkerEventBase,
  WorkerFork,
  WorkerPurged,
  WorkerStatus,
} from "./src/core/event_types.ts";
export type {
  ContentOf,
  DataOf,
  HostEvent,
  HostEventOf,
  HostTypes,
  Patch,
  PatchOf,
} from "./src/core/host_types.ts";
export {
  parseRuntimeId,
  parseWorkerId,
  type RuntimeId,
  type WorkerId,
  type WorkerName,
  type WorkerRef,
} from "./src/core/ids.ts";
export type { Json, JsonObject } from "./src/core/json.ts";
export { limits } from "./src/core/limits.ts";
export type { RuntimeOverview, WorkerRow } from "./src/core/overview.ts";
export type { EventPage, Page, PageOptions, TranscriptEntry, TranscriptPage } from "./src/core/reading.ts";
export { RuntimeReader, type RuntimeReaderOptions } from "./src/core/reader.ts";
export type {
  EventsOptions,
  Reads,
  RuntimeView,
  WatchEventsOptions,
  WorkerFilter,
  WorkerListOptions,
  WorkerPage,
} from "./src/core/reads.ts";
export type {
  CapabilityRequest,
  ConfigBundleRef,
  ProfileSelector,
  ResourceRef,
  WorkerIntent,
  WorkerRecord,
  WorkerSpec,
} from "./src/core/records.ts";
export type { CommitReceipt, Receipt, TranscriptReceipt } from "./src/core/receipts.ts";
export { type FinishInput, type FinishOutcome, Run, type RunCommitInput } from "./src/core/run.ts";
export {
  type CreateWorkerOptions,
  type PruneOptions,
  Runtime,
  type RuntimeHealth,
} from "./src/core/runtime.ts";
export type { SessionOptions } from "./src/core/session.ts";
export type { RuntimeSource } from "./src/core/store.ts";
export type {
  ContextState,
  EndedRun,
  OpenRun,
  RunDraft,
  RuntimeState,
  WorkerState,
} from "./src/core/state.ts";
export type { UsageByModel, UsageReport, UsageTotals } from "./src/core/usage.ts";
export type { WatchOptions } from "./src/core/watch.ts";
export {
  type BeginRunOptions,
  type EntriesOptions,
  type PutBlobOptions,
  type RemoveBlobsOptions,
  type RewindOptions,
  type StopOptions,
  Worker,
} from "./src/core/worker.ts";
export { MemoryRuntimeStore, type MemoryStoreOptions } from "./src/memory/memory_store.ts";

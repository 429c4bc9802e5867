/**
 * The operator's tools as functions, for stores of `./fs-store`: verify and
 * repair a store, back it up, export and import it, search it, see what it holds.
 * `./cli` is the same as a command. Runs in Deno.
 *
 * {@linkcode exportRuntime}, {@linkcode importRuntime}, {@linkcode readHistory}, {@linkcode search},
 * {@linkcode workerBlobs} and {@linkcode databaseSizes} also take a place in a
 * PostgreSQL database, given by a client; an export from disk can be imported
 * there, and the other way round.
 *
 * {@linkcode verify}, {@linkcode exportRuntime}, {@linkcode readHistory}, {@linkcode search} and
 * all that lists or measures take no lock, change nothing, work while a
 * program has the store open, and require `--allow-read` of it.
 * {@linkcode repair} changes the store only with `apply`.
 * {@linkcode openRuntime} opens the runtime of an existing store, to prune it,
 * to purge workers, or to add one of an export with {@linkcode importWorker};
 * {@linkcode planPrune} previews a pruning.
 *
 * @example Usage
 * ```ts
 * import { Runtime } from "@yoi/worker-runtime";
 * import { FsRuntimeStore } from "@yoi/worker-runtime/fs-store";
 * import { backup, exportRuntime, importRuntime, listRuntimes, verify } from "@yoi/worker-runtime/operate";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * const runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
 * await runtime.createWorker({ workerId: "reviewer", intent: { kind: "assistant" } });
 * await runtime.close();
 *
 * const location = { root, runtimeId: "local" };
 * assertEquals((await verify(location)).verdict, "clean");
 *
 * const copies = await Deno.makeTempDir();
 * const { lastEventId, verified } = await backup(location, { to: copies });
 * assertEquals([lastEventId, verified?.verdict], [4, "clean"]);
 *
 * const elsewhere = await Deno.makeTempDir();
 * const { workers } = await importRuntime(elsewhere, exportRuntime(location));
 * assertEquals([workers, listRuntimes(elsewhere).runtimes[0]?.runtimeId], [1, "local"]);
 * ```
 *
 * @module
 */
export type { Owner } from "./src/fs/place/lock.ts";
export {
  isRuntimeDirectory,
  type ListedRuntime,
  listRuntimes,
  locateStore,
  type RuntimeListing,
  storeOwner,
} from "./src/operate/list.ts";
export { openRuntime, type OpenRuntimeOptions } from "./src/operate/open_runtime.ts";
export type { StoreLocation } from "./src/fs/place/find.ts";
export { unfinishedImports } from "./src/postgres/import.ts";
export type { PostgresLocation, PostgresSpace } from "./src/postgres/location.ts";
export type { FindOptions, OperationOptions, OperationProgress } from "./src/operate/options.ts";
export {
  type History,
  type HistoryDay,
  type HistoryOptions,
  type InterruptedRun,
  readHistory,
} from "./src/operate/read/history.ts";
export type { DraftBeginning, Milestone } from "./src/operate/read/milestones.ts";
export { type WorkerBlob, workerBlobs } from "./src/operate/read/worker_blobs.ts";
export { isManualStep, type RepairPlan, type RepairStep } from "./src/operate/repair/plan.ts";
export { planPrune, type PlanPruneOptions, type PrunePlan } from "./src/operate/repair/prune_plan.ts";
export { repair, type RepairOptions, type RepairReport } from "./src/operate/repair/repair.ts";
export type { ContentMatch, SearchExcerpt } from "./src/operate/search/matches.ts";
export { search, type SearchHit, type SearchOptions } from "./src/operate/search/search.ts";
export {
  databaseSizes,
  type StoreSizes,
  storeSizes,
  type WorkerSizes,
  workerSizes,
} from "./src/operate/sizes.ts";
export { backup, type BackupOptions, type BackupReport } from "./src/operate/transfer/backup.ts";
export type { CopiedBlobs } from "./src/operate/transfer/copy_blobs.ts";
export { type ExportOptions, exportRuntime } from "./src/operate/transfer/export.ts";
export { type ImportOptions, type ImportReport, importRuntime } from "./src/operate/transfer/import.ts";
export {
  importingLabel,
  importWorker,
  type ImportWorkerOptions,
  type ImportWorkerReport,
} from "./src/operate/transfer/import_worker.ts";
export {
  type OpenedStream,
  openStream,
  saveStream,
  type SaveStreamOptions,
} from "./src/operate/transfer/stream_file.ts";
export type { Finding, FindingCode, FindingSeverity, Verdict } from "./src/operate/verify/finding.ts";
export { verify, type VerifyOptions, type VerifyReport } from "./src/operate/verify/verify.ts";

/**
 * The runtime: opens a store, folds its events, accepts commands, answers reads,
 * and closes everything in order.
 *
 * @module
 */
import {
  command,
  type CommandBody,
  type CommandOptions,
  customBody,
  givenReason,
  type ReasonOptions,
} from "./commands.ts";
import {
  type Diagnostic,
  type DiagnosticCode,
  DiagnosticLog,
  type DiagnosticReport,
  type Notice,
} from "./diagnostics.ts";
import type { RuntimeError } from "./errors.ts";
import type { EventHead, RuntimeEvent } from "./event_types.ts";
import { Folding, openOnce } from "./folding.ts";
import { Committer, isFinal, itself, type Outcome } from "./group_commit.ts";
import {
  parseWorkerId,
  type RuntimeId,
  type WorkerId,
  workerIdOf,
  type WorkerName,
  type WorkerRef,
} from "./ids.ts";
import { callHost, textOf } from "./injected.ts";
import type { Json } from "./json.ts";
import type { Ledger } from "./ledger.ts";
import type { RuntimeOverview } from "./overview.ts";
import { interruption, opening } from "./opening.ts";
import type { EventPage, PageOptions } from "./reading.ts";
import { Operations } from "./operations.ts";
import { Reads, type WorkerListOptions, type WorkerPage } from "./reads.ts";
import { parseWorkerSpec, workerRecord, type WorkerSpec } from "./records.ts";
import { type Receipt, receipt } from "./receipts.ts";
import { ended, OpenRuns } from "./run.ts";
import { takeSnapshot } from "./snapshots.ts";
import type { AppendResult, PrunedEvents, RuntimeStore, UnrecordedEvent } from "./store.ts";
import { usageNotice } from "./usage.ts";
import { WakeUp } from "./wake.ts";
import type { WatchOptions } from "./watch.ts";
import { Worker, type WorkerHost } from "./worker.ts";

/** Options of {@linkcode Runtime.open}. */
export interface RuntimeOptions {
  /** Keeps the runtime. Opened here, once per instance, and closed with the runtime or if opening fails. */
  readonly store: RuntimeStore;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
  /** Generates worker and run ids. @default {crypto.randomUUID} */
  readonly newId?: (() => string) | undefined;
  /** Receives every diagnostic as it is recorded. */
  readonly onDiagnostic?: ((diagnostic: Diagnostic) => void) | undefined;
}

/** Options of {@linkcode Runtime.prune}. */
export interface PruneOptions {
  /** Delete no event after this one. @default the newest event */
  readonly through?: number | undefined;
  /** Only report what would be deleted. @default {true} */
  readonly dryRun?: boolean | undefined;
}

/** Health of a runtime. */
export type RuntimeHealth =
  | {
    /** It accepts commands, or was stopped permanently, or is closed. */
    readonly status: "ok" | "stopped" | "closed";
  }
  | {
    /** Its store accepts nothing more until reopened. */
    readonly status: "failed";
    /** Reason. */
    readonly error: RuntimeError;
  };

/**
 * A runtime of long-lived workers.
 *
 * A resolved command is durable as far as its store can make it (see the
 * store's own page). Reads see durable state only.
 *
 * @example Usage
 * ```ts
 * import { Runtime } from "@yoi/worker-runtime";
 * import { MemoryRuntimeStore } from "@yoi/worker-runtime/memory-store";
 * import { assertEquals } from "@std/assert";
 *
 * await using runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local" }) });
 * const worker = await runtime.createWorker({ intent: { kind: "assistant" } });
 * await worker.sendInput({ role: "user", content: "Hello" });
 * const page = await worker.transcript({ limit: 20 });
 * assertEquals(page.items[0]?.content, "Hello");
 * ```
 */
export class Runtime implements AsyncDisposable {
  readonly #store: RuntimeStore;
  readonly #folding: Folding;
  readonly #ledger: Ledger;
  readonly #committer: Committer;
  readonly #diagnostics: DiagnosticLog;
  readonly #newId: () => string;
  readonly #runs = new OpenRuns();
  readonly #news = new WakeUp();
  readonly #operations: Operations;
  readonly #reads: Reads;
  readonly #host: WorkerHost;
  readonly #usageReported = new Set<string>();
  #displayName: string | undefined;
  #saving: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #failure: RuntimeError | undefined;

  private constructor(options: RuntimeOptions) {
    const now = options.now ?? Date.now;
    this.#store = options.store;
    const newId = options.newId ?? (() => crypto.randomUUID());
    this.#newId = () => callHost("make id", "newId", newId);
    this.#diagnostics = new DiagnosticLog(now, options.onDiagnostic);
    const lost = (error: RuntimeError) => this.#lose(error, "store_lost");
    this.#folding = new Folding(options.store.runtimeId, (found) => this.#diagnostics.add(found), lost);
    this.#ledger = this.#folding.view;
    this.#committer = new Committer(this.#ledger, options.store, now, {
      committed: (heads, result) => this.#committed(heads, result),
      failed: (error) => this.#failed(error, "append_failed"),
    });
    this.#operations = new Operations(options.store.runtimeId, lost);
    this.#reads = new Reads({
      ledger: this.#ledger,
      store: options.store,
      news: this.#news,
      displayName: () => this.#displayName,
      watchFailure: () => () => this.#failure,
      operations: this.#operations,
    });
    this.#host = this.#workerHost();
  }

  /**
   * Opens a runtime: opens its store, restores the newest snapshot, folds the
   * later events, and ends the runs that the last process left open. Throws
   * the errors of the store, such as `store_locked` and `store_corrupt`. The
   * store is closed if opening fails. `TypeError` without a store, and for a
   * store that was opened before.
   */
  static async open(options: RuntimeOptions): Promise<Runtime> {
    const store = options?.store;
    if (typeof store?.acquire !== "function") {
      throw new TypeError("Cannot open runtime: options.store must be a store");
    }
    openOnce("runtime", "store", store);
    try {
      const runtime = new Runtime(options);
      await runtime.#open();
      return runtime;
    } catch (error) {
      // An error of closing would mask this one.
      await store.close().catch(() => {});
      throw error;
    }
  }

  /** The runtime's id. */
  get runtimeId(): RuntimeId {
    return this.#reads.runtimeId;
  }

  /** The newest durable event. */
  get lastEventId(): number {
    return this.#reads.lastEventId;
  }

  /** Health of the runtime. If it failed, `error` is the reason; every command throws it. */
  get health(): RuntimeHealth {
    if (this.#operations.isClosed) return { status: "closed" };
    if (this.#failure !== undefined) return { status: "failed", error: this.#failure };
    return { status: this.#ledger.runtime.status === "stopped" ? "stopped" : "ok" };
  }

  /**
   * Creates a worker. Throws `worker_exists`, besides the errors of every command.
   * With a `key`, a repetition returns the same worker.
   */
  async createWorker(spec: WorkerSpec, options: CommandOptions = {}): Promise<Worker> {
    const parsed = parseWorkerSpec(spec);
    const workerId = parseWorkerId(parsed.workerId ?? this.#newId());
    this.#store.admits?.(workerId);
    const body = { type: "worker.created", workerId, record: workerRecord(parsed, workerId) } as const;
    const outcome = await this.#submit(body, options, parsed);
    return this.#worker(parseWorkerId(outcome.subject), receipt(outcome));
  }

  /**
   * Returns a handle for a worker, without I/O. Throws `wrong_runtime` for a
   * reference of another runtime, `invalid_request`.
   */
  worker(worker: WorkerName): Worker {
    return this.#worker(workerIdOf(worker, this.runtimeId), undefined);
  }

  /** A page of workers in the order of their creation. */
  workers(options: WorkerListOptions = {}): WorkerPage {
    return this.#reads.workers(options);
  }

  /** Counts by status and usage totals. */
  overview(): RuntimeOverview {
    return this.#reads.overview();
  }

  /** Records an event defined by the host; `data` is JSON of at most 256 KiB. */
  async record(name: string, data: Json, options: CommandOptions = {}): Promise<Receipt> {
    return receipt(await this.#submit(customBody(name, data), options));
  }

  /**
   * Stops the runtime permanently: its workers are stopped, open runs cancelled.
   * Data stays readable; every later command throws `runtime_stopped`.
   */
  async stop(options: ReasonOptions = {}): Promise<Receipt> {
    const reason = givenReason(options, "stop runtime");
    return receipt(await this.#submit({ type: "runtime.stopped", ...reason }, options));
  }

  /** A page of events: the newest unless `after` or `before` say otherwise. Throws `cursor_expired`. */
  async events(options: PageOptions = {}): Promise<EventPage> {
    return await this.#reads.events(options);
  }

  /**
   * Events as they become durable: catches up from `after`, then stays live,
   * until `signal` aborts or the runtime closes. Throws `cursor_expired`, and
   * the store's error when the store is lost. `return()` settles immediately,
   * also while `next()` waits.
   */
  watch(options: WatchOptions = {}): AsyncGenerator<RuntimeEvent, void, void> {
    return this.#reads.watch(options);
  }

  /** Problems that were recovered from since opening. Plain JSON. */
  diagnostics(): DiagnosticReport {
    return this.#diagnostics.report();
  }

  /**
   * Deletes the oldest events, whole segments at a time: none after `through`, and
   * none that a snapshot still needs. Transcripts are kept: each is verified first,
   * and the events needed to rebuild a damaged one are not deleted. A transcript
   * that is damaged later can no longer be rebuilt. Unless `dryRun`, which is the
   * default, a `custom` event `runtime.pruned` records the deletion.
   */
  async prune(options: PruneOptions = {}): Promise<PrunedEvents> {
    this.#assertUsable();
    return await this.#operations.run(this.#prune(options));
  }

  /** Waits until the store has written everything that is buffered besides the log. */
  async flush(): Promise<void> {
    this.#assertUsable();
    await this.#operations.run(this.#flush());
  }

  /**
   * Closes: waits for operations in flight, ends watchers, aborts the signals of open
   * runs (the next opening records them as interrupted), and closes the store. If
   * the store is lost, nothing is written. Idempotent.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** Closes the runtime. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Acquires the store, and appends the events of the opening. */
  async #open(): Promise<void> {
    const { displayName, unrecorded = [] } = await this.#folding.load(
      this.#store,
      (host) => this.#store.acquire(host),
    );
    this.#displayName = displayName;
    const { lastEventId } = this.#ledger.runtime;
    const isKnown = ({ key }: UnrecordedEvent) => this.#ledger.keys(undefined)?.get(key) !== undefined;
    const due = unrecorded.filter((event) => isKnown(event) || lastEventId < event.endsBefore);
    const missing = due.filter((event) => !isKnown(event));
    for (const head of await this.#committer.commitOwn((view, at) => opening(view, at, missing))) {
      if (head.type === "worker.run_interrupted") this.#diagnostics.add(interruption(head));
    }
    for (const event of due) await event.recorded();
  }

  #committed(heads: readonly EventHead[], result: AppendResult): void {
    for (const head of heads) {
      this.#runs.apply(head);
      if (head.type === "worker.usage_recorded") this.#reportUsage(head.usage.model, head.workerId);
    }
    this.#news.wake();
    if (result.snapshotDue && this.#failure === undefined) this.#saveSnapshotLater();
  }

  /** Reports an error that a caller received, or that would otherwise be lost. */
  #failed(error: unknown, code: DiagnosticCode): void {
    if (isFinal(error)) this.#lose(error, code);
    else this.#report(error, code, code === "append_failed" ? "error" : "warning");
  }

  /**
   * Handles every final error, whether of an append, a snapshot, a read or the
   * store itself. Nothing is written afterwards.
   */
  #lose(error: RuntimeError, code: DiagnosticCode): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#committer.fail(error);
    this.#runs.endAll(error);
    this.#news.wake();
    this.#report(error, code, "error");
  }

  /** Reports each bound once: usage may arrive many times a second. The runtime's sums reach it before a worker's. */
  #reportUsage(model: string, workerId: WorkerId): void {
    const { usage, usageByModel } = this.#ledger.runtime;
    const notice = usageNotice(usage, usageByModel, model, workerId);
    if (notice === undefined || this.#usageReported.has(notice.message)) return;
    this.#usageReported.add(notice.message);
    this.#diagnostics.add(notice);
  }

  #report(error: unknown, code: DiagnosticCode, severity: Notice["severity"]): void {
    this.#diagnostics.add({ code, severity, message: textOf(error) });
  }

  async #prune({ through = this.lastEventId, dryRun = true }: PruneOptions): Promise<PrunedEvents> {
    const plan = await this.#store.prune({ through, dryRun: true });
    if (dryRun || plan.events === 0) return plan;
    await this.record("runtime.pruned", { ...plan });
    // A snapshot may have made more events removable meanwhile; only those announced in the log are removed.
    return await this.#store.prune({ through: plan.firstEventId - 1, dryRun: false });
  }

  async #flush(): Promise<void> {
    await this.#saving;
    if (this.#failure !== undefined) throw this.#failure;
    await this.#store.flush();
  }

  /** Saves a snapshot concurrently with commits, one at a time. A failure is reported; the next attempt comes later. */
  #saveSnapshotLater(): Promise<void> {
    return this.#saving ??= this.#saveSnapshot()
      .catch((error) => this.#failed(error, "checkpoint_failed"))
      .finally(() => this.#saving = undefined);
  }

  async #saveSnapshot(): Promise<void> {
    const snapshot = takeSnapshot(this.#ledger);
    try {
      await this.#store.saveSnapshot(snapshot);
    } catch (error) {
      this.#ledger.addChanged(snapshot.changed);
      throw error;
    }
  }

  async #close(): Promise<void> {
    this.#operations.isClosed = true;
    await this.#committer.idle();
    this.#runs.endAll(ended("ended: the runtime was closed"));
    this.#news.wake();
    await this.#operations.settled();
    await this.#saving;
    try {
      await this.#closeInOrder();
    } catch (error) {
      this.#report(error, "close_incomplete", "warning");
    }
    try {
      await this.#store.close();
    } catch (error) {
      // Nothing is left to do for a lost store.
      if (this.#failure === undefined) throw error;
      this.#report(error, "close_incomplete", "warning");
    }
  }

  /** Closes in order: stops early if the store is lost. */
  async #closeInOrder(): Promise<void> {
    if (this.#failure !== undefined) return;
    await this.#committer.commitOwn((view, at) => [
      { id: view.runtime.lastEventId + 1, at, type: "runtime.closed" },
    ]);
    await this.#saving;
    if (this.#failure === undefined) await this.#saveSnapshot();
  }

  #workerHost(): WorkerHost {
    return {
      runs: this.#runs,
      newId: this.#newId,
      submit: (command, signal, answer) => {
        this.#operations.assertOpen();
        return this.#committer.submit(command, signal, answer);
      },
      reads: this.#reads,
    };
  }

  #worker(workerId: WorkerId, creation: Receipt | undefined): Worker {
    const ref: WorkerRef = Object.freeze({ runtimeId: this.runtimeId, workerId });
    return new Worker(this.#host, ref, creation);
  }

  #submit(body: CommandBody, options: CommandOptions, content?: unknown): Promise<Outcome> {
    return this.#host.submit(command(body, options, content), options.signal, itself);
  }

  #assertUsable(): void {
    this.#operations.assertOpen();
    if (this.#failure !== undefined) throw this.#failure;
  }
}

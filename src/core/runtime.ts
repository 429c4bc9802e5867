/**
 * The runtime: opens a store, folds its events, accepts commands, answers reads,
 * and closes everything in order.
 *
 * @module
 */
import { type CommandOptions, customBody, givenReason, type ReasonOptions } from "./commands.ts";
import type { DiagnosticReport } from "./diagnostics.ts";
import { Engine, type RuntimeOptions } from "./engine.ts";
import type { RuntimeError } from "./errors.ts";
import { parseWorkerId, type WorkerId, workerIdOf, type WorkerName, type WorkerRef } from "./ids.ts";
import type { Json } from "./json.ts";
import { RuntimeView } from "./reads.ts";
import { type Receipt, receipt } from "./receipts.ts";
import { parseWorkerSpec, workerRecord, type WorkerSpec } from "./records.ts";
import { openOnce } from "./session.ts";
import type { PrunedEvents } from "./store.ts";
import { Worker } from "./worker.ts";

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
export class Runtime extends RuntimeView implements AsyncDisposable {
  readonly #engine: Engine;
  #closing: Promise<void> | undefined;

  private constructor(engine: Engine) {
    super(engine);
    this.#engine = engine;
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
    return await openOnce("store", store, async () => {
      const engine = new Engine(options);
      await engine.open();
      return new Runtime(engine);
    });
  }

  /** Health of the runtime. If it failed, `error` is the reason; every command throws it. */
  get health(): RuntimeHealth {
    const { isClosed, failure, view } = this.#engine;
    if (isClosed) return { status: "closed" };
    if (failure !== undefined) return { status: "failed", error: failure };
    return { status: view.runtime.status === "stopped" ? "stopped" : "ok" };
  }

  /**
   * Creates a worker. Throws `worker_exists`, besides the errors of every command.
   * With a `key`, a repetition returns the same worker.
   */
  async createWorker(spec: WorkerSpec, options: CommandOptions = {}): Promise<Worker> {
    const parsed = parseWorkerSpec(spec);
    const workerId = parseWorkerId(parsed.workerId ?? this.#engine.newId());
    this.#engine.store.admits?.(workerId);
    const body = { type: "worker.created", workerId, record: workerRecord(parsed, workerId) } as const;
    return await this.#engine.submit(
      body,
      options,
      (outcome) => this.#worker(parseWorkerId(outcome.subject), receipt(outcome)),
      parsed,
    );
  }

  /**
   * Returns a handle for a worker, without I/O. Throws `wrong_runtime` for a
   * reference of another runtime, `invalid_request`.
   */
  worker(worker: WorkerName): Worker {
    return this.#worker(workerIdOf(worker, this.runtimeId), undefined);
  }

  /** Records an event defined by the host; `data` is JSON of at most 256 KiB. */
  async record(name: string, data: Json, options: CommandOptions = {}): Promise<Receipt> {
    return await this.#engine.submit(customBody(name, data), options, receipt);
  }

  /**
   * Stops the runtime permanently: its workers are stopped, open runs cancelled.
   * Data stays readable; every later command throws `runtime_stopped`.
   */
  async stop(options: ReasonOptions = {}): Promise<Receipt> {
    const reason = givenReason(options, "stop runtime");
    return await this.#engine.submit({ type: "runtime.stopped", ...reason }, options, receipt);
  }

  /** Problems that were recovered from since opening. Plain JSON. */
  diagnostics(): DiagnosticReport {
    return this.#engine.diagnostics.report();
  }

  /**
   * Deletes the oldest events, whole segments at a time: none after `through`, and
   * none that a snapshot still needs. Transcripts are kept: each is verified first,
   * and the events needed to rebuild a damaged one are not deleted. A transcript
   * that is damaged later can no longer be rebuilt. Unless `dryRun`, which is the
   * default, a `custom` event `runtime.pruned` records the deletion.
   */
  async prune(options: PruneOptions = {}): Promise<PrunedEvents> {
    this.#engine.assertUsable();
    return await this.#engine.run(this.#prune(options));
  }

  /** Waits until the store has written everything that is buffered besides the log. */
  async flush(): Promise<void> {
    this.#engine.assertUsable();
    await this.#engine.run(this.#engine.flush());
  }

  /**
   * Closes: waits for operations in flight, ends watchers, aborts the signals of open
   * runs (the next opening records them as interrupted), and closes the store. If
   * the store is lost, nothing is written. Idempotent.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#engine.close();
  }

  /** Closes the runtime. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #prune({ through = this.lastEventId, dryRun = true }: PruneOptions): Promise<PrunedEvents> {
    const plan = await this.#engine.store.prune({ through, dryRun: true });
    if (dryRun || plan.events === 0) return plan;
    await this.record("runtime.pruned", { ...plan });
    // A snapshot may have made more events removable meanwhile; only those announced in the log are removed.
    return await this.#engine.store.prune({ through: plan.firstEventId - 1, dryRun: false });
  }

  #worker(workerId: WorkerId, creation: Receipt | undefined): Worker {
    const ref: WorkerRef = Object.freeze({ runtimeId: this.runtimeId, workerId });
    return new Worker(this.#engine, ref, creation);
  }
}

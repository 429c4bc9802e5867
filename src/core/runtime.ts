/**
 * The runtime: opens a store, folds its events, accepts commands, answers reads,
 * and closes everything in order.
 *
 * @module
 */
import type { HostTypes } from "./host_types.ts";
import {
  changesOf,
  checkText,
  type CommandOptions,
  type CommitInput,
  type CommitOptions,
  copiedJson,
  reasonOf,
  type ReasonOptions,
  Requested,
  type RequestedMembers,
} from "./commands.ts";
import { forkedContext } from "./context.ts";
import type { DiagnosticReport } from "./diagnostics.ts";
import { firstDraftEvent } from "./drafts.ts";
import { Engine, type RuntimeOptions } from "./engine.ts";
import { blobMissing, invalidRequest, isRuntimeError, type RuntimeError } from "./errors.ts";
import type { WorkerFork } from "./event_types.ts";
import { copyBase, forkedSeq, type ForkSpec, forkSpec } from "./fork.ts";
import { parseWorkerId, type WorkerId, workerIdOf, type WorkerName, type WorkerRef } from "./ids.ts";
import type { Outcome } from "./group_commit.ts";
import type { Json } from "./json.ts";
import { limits } from "./limits.ts";
import { RuntimeView } from "./reads.ts";
import { type Receipt, receipt } from "./receipts.ts";
import { parseWorkerSpec, workerRecord, type WorkerSpec } from "./records.ts";
import { existingWorker } from "./rules.ts";
import { openOnce } from "./session.ts";
import type { NewWorker, PrunedEvents } from "./store.ts";
import { Worker } from "./worker.ts";

/** Options of {@linkcode Runtime.prune}. */
export interface PruneOptions {
  /** Delete no event after this one. @default the newest event */
  readonly through?: number | undefined;
}

/** Options of {@linkcode Runtime.createWorker}. */
export interface CreateWorkerOptions<Types extends HostTypes = HostTypes> extends CommitOptions {
  /** First changes of the worker, committed with its creation: all or nothing. */
  readonly commit?: Omit<CommitInput<Types>, "displayName" | "labels"> | undefined;
}

/** Health of a runtime. */
export type RuntimeHealth =
  | {
    /** It accepts commands, or was retired, or is closed. */
    readonly status: "ok" | "retired" | "closed";
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
export class Runtime<Types extends HostTypes = HostTypes> extends RuntimeView<Types>
  implements AsyncDisposable {
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
  static async open<Types extends HostTypes = HostTypes>(options: RuntimeOptions): Promise<Runtime<Types>> {
    const store = options?.store;
    if (typeof store?.acquire !== "function") {
      throw new TypeError("Cannot open runtime: options.store must be a store");
    }
    return await openOnce("store", store, async () => {
      const engine = new Engine(options);
      await engine.open();
      return new Runtime<Types>(engine);
    });
  }

  /** Health of the runtime. If it failed, `error` is the reason; every command throws it. */
  get health(): RuntimeHealth {
    const { isClosed, failure, view } = this.#engine;
    if (isClosed) return { status: "closed" };
    if (failure !== undefined) return { status: "failed", error: failure };
    return { status: view.runtime.status === "retired" ? "retired" : "ok" };
  }

  /**
   * Creates a worker. Throws `worker_exists`, and `limit_exceeded` beyond 100,000
   * workers, besides the errors of every command. Large content of its first entries is kept as blobs, as in every
   * commit; but an entry cannot refer to a blob, because the worker has none yet (`blob_missing`).
   * With a `key`, a repetition returns the same worker.
   */
  async createWorker(spec: WorkerSpec, options: CreateWorkerOptions<Types> = {}): Promise<Worker<Types>> {
    return await this.#create(spec, options);
  }

  /**
   * Creates a worker that begins with the entries 1 to `atSeq` of another one: one event. They, and the blobs
   * that they refer to, are copied first, so that the other worker may be purged later; more is appended to it
   * meanwhile or not. What `spec` does not say is as in the record of that worker; display name, labels,
   * data, usage and keys are not copied. Its context is that of the other worker, cut after `atSeq`, or all of
   * the entries if `atSeq` is not in that context. `state().fork` names the origin. Throws `worker_not_found`, `invalid_request` for an
   * `atSeq` beyond the transcript, the errors of {@linkcode Runtime.createWorker}, and those of reading the
   * transcript and its blobs. With a `key`, a repetition returns the same worker.
   */
  async forkWorker(
    source: WorkerName,
    spec: ForkSpec = {},
    options: CreateWorkerOptions<Types> = {},
  ): Promise<Worker<Types>> {
    if (typeof spec !== "object" || spec === null) throw invalidRequest("fork worker", "an object is needed");
    const workerId = workerIdOf(source, this.runtimeId);
    const content = ["fork", workerId, spec, options.commit ?? null];
    const repeated = this.#engine.repeated(new Requested("worker.created", "fork worker"), options, content);
    if (repeated !== undefined) return this.#created(repeated);
    const state = existingWorker(this.#engine.view, workerId);
    const { createdEventId } = state;
    const seq = forkedSeq(state, spec.atSeq);
    const context = forkedContext(state, spec.atSeq);
    const fork = { workerId, createdEventId, seq, ...(context === undefined ? {} : { context }) };
    return await this.#create(forkSpec(state, spec), options, { fork, content });
  }

  async #create(
    spec: WorkerSpec,
    options: CreateWorkerOptions<Types>,
    { fork, content }: { readonly fork?: WorkerFork; readonly content?: unknown } = {},
  ): Promise<Worker<Types>> {
    const action = fork === undefined ? "create worker" : "fork worker";
    const parsed = parseWorkerSpec(spec);
    const { displayName, labels } = parsed;
    const workerId = parseWorkerId(parsed.workerId ?? this.#engine.newId());
    this.#engine.store.admits?.(workerId);
    const first = { ...options.commit, displayName, labels } as CommitInput;
    const { members, entries } = changesOf(first, {}, options.meta, action);
    const [blob] = entries?.blobs ?? [];
    if (blob !== undefined) throw blobMissing(workerId, blob.sha256);
    const record = workerRecord(parsed, workerId);
    const origin: { -readonly [Name in keyof WorkerFork]: WorkerFork[Name] } | undefined = fork &&
      { ...fork };
    const creation = this.#engine.newCreation();
    const requested = new Requested(
      "worker.created",
      action,
      workerId,
      0,
      { record, ...(origin === undefined ? {} : { fork: origin }), ...members },
      entries,
      undefined,
      false,
      creation,
    );
    const answer = (outcome: Outcome): Worker<Types> => this.#created(outcome);
    const copy = origin === undefined || origin.seq === 0 ? undefined : async (owner: NewWorker) => {
      const source = { runtimeId: this.runtimeId, workerId: origin.workerId };
      origin.base = await copyBase(this.#engine, source, origin.createdEventId, origin.seq, owner);
    };
    const keyed = content ?? [parsed, options.commit ?? null];
    return await this.#engine.submit(requested, options, answer, keyed, copy);
  }

  #created(outcome: Outcome): Worker<Types> {
    return this.#worker(parseWorkerId(outcome.subject), outcome.eventId, receipt(outcome));
  }

  /**
   * Returns a handle for a worker, and creates the worker if there is none. An
   * existing worker stays as it is, whatever `spec` says. The handle has a
   * `creation` only if this call created the worker.
   */
  async ensureWorker(
    spec: WorkerSpec & { readonly workerId: string },
    options: Omit<CreateWorkerOptions<Types>, "key"> = {},
  ): Promise<Worker<Types>> {
    const workerId = parseWorkerId(parseWorkerSpec(spec).workerId ?? "");
    for (;;) {
      const state = this.#engine.view.worker(workerId);
      if (state !== undefined) return this.#worker(workerId, state.createdEventId, undefined);
      try {
        return await this.createWorker(spec, options);
      } catch (error) {
        if (!isRuntimeError(error) || error.code !== "worker_exists") throw error;
      }
    }
  }

  /**
   * Returns a handle for a worker, without I/O. Throws `worker_not_found`,
   * `wrong_runtime` for a reference of another runtime, `invalid_request`.
   */
  worker(worker: WorkerName): Worker<Types> {
    const workerId = workerIdOf(worker, this.runtimeId);
    const { createdEventId } = existingWorker(this.#engine.view, workerId);
    return this.#worker(workerId, createdEventId, undefined);
  }

  /** Records an event of the runtime that the host defines: a name of 1 to 256 bytes, JSON data of at most 256 KiB. */
  async record(name: string, data: Json, options: CommandOptions = {}): Promise<Receipt> {
    const action = "record event";
    checkText(name, action, "name", limits.nameBytesMax);
    const members = { name, data: copiedJson(data, action, "data") };
    const requested = new Requested("custom", action, undefined, 0, members as RequestedMembers);
    return await this.#engine.submit(requested, options, receipt, members);
  }

  /**
   * Retires the runtime permanently: its workers are retired, open runs cancelled.
   * Data stays readable; every later command throws `runtime_retired`.
   */
  async retire({ reason, ...options }: Omit<ReasonOptions, "meta"> = {}): Promise<Receipt> {
    const action = "retire runtime";
    const members = reasonOf(reason, action);
    const requested = new Requested("runtime.retired", action, undefined, 0, members);
    return await this.#engine.submit(requested, options, receipt, members);
  }

  /** Problems that were recovered from since opening. Plain JSON. */
  diagnostics(): DiagnosticReport {
    return this.#engine.diagnostics.report();
  }

  /** Reports what {@linkcode Runtime.prune} would delete now. */
  async planPrune({ through = this.lastEventId }: PruneOptions = {}): Promise<PrunedEvents> {
    this.#engine.assertUsable();
    const unneeded = Math.min(through, firstDraftEvent(this.#engine.view) - 1);
    return await this.#engine.run(this.#engine.store.prune({ through: unneeded, dryRun: true }));
  }

  /**
   * Deletes the oldest events, whole segments at a time: none after `through`, and
   * none that a snapshot or the draft of a run still needs. Transcripts are kept: each is verified first,
   * and the events needed to rebuild a damaged one are not deleted. A transcript
   * that is damaged later can no longer be rebuilt. A `custom` event
   * `runtime.pruned` records the deletion.
   */
  async prune(options: PruneOptions = {}): Promise<PrunedEvents> {
    const plan = await this.planPrune(options);
    if (plan.events === 0) return plan;
    return await this.#engine.run(this.#prune(plan));
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
    return this.#closing ??= this.#engine.close({ isAtOnce: false });
  }

  /**
   * Hands the runtime over at once: like {@linkcode Runtime.close}, but commands that
   * still wait are rejected with `runtime_closed`, and no snapshot is saved, so that
   * the next opening folds more events. Idempotent.
   */
  release(): Promise<void> {
    return this.#closing ??= this.#engine.close({ isAtOnce: true });
  }

  /** Closes the runtime. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #prune(plan: PrunedEvents): Promise<PrunedEvents> {
    await this.record("runtime.pruned", { ...plan });
    // A snapshot may have made more events removable meanwhile; only those announced in the log are removed.
    return await this.#engine.store.prune({ through: plan.firstEventId - 1, dryRun: false });
  }

  #worker(workerId: WorkerId, life: number, creation: Receipt | undefined): Worker<Types> {
    const ref: WorkerRef = Object.freeze({ runtimeId: this.runtimeId, workerId });
    return new Worker<Types>(this.#engine, ref, life, creation);
  }
}

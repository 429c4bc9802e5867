/**
 * Worker handles: cheap to create, without I/O, and valid as long as the worker
 * that they refer to.
 *
 * @module
 */
import {
  actionOf,
  AppendEntries,
  checkText,
  type CommandBody,
  type CommandOptions,
  copiedObject,
  customBody,
  entriesText,
  type EntryInput,
  givenReason,
  type ReasonOptions,
  shown,
} from "./commands.ts";
import type { Engine } from "./engine.ts";
import { invalidRequest } from "./errors.ts";
import { finishOutcomes } from "./shapes.ts";
import type { RuntimeEvent, TranscriptAppended } from "./event_types.ts";
import type { WorkerId, WorkerRef } from "./ids.ts";
import type { Json, JsonObject } from "./json.ts";
import { limits } from "./limits.ts";
import type { EventPage, PageOptions, TranscriptPage } from "./reading.ts";
import { type Receipt, receipt, type TranscriptReceipt, transcriptReceipt } from "./receipts.ts";
import type { FinishOptions, FinishOutcome, Run } from "./run.ts";
import type { WorkerState } from "./state.ts";
import type { Outcome } from "./group_commit.ts";
import { parseUsage, type UsageReport } from "./usage.ts";
import type { WatchOptions } from "./watch.ts";

/** Options of {@linkcode Worker.beginRun}. */
export interface BeginRunOptions extends CommandOptions {
  /** Caller-chosen id; generated if omitted. */
  readonly runId?: string | undefined;
}

/** Input for a worker. */
export interface WorkerInput extends EntryInput {
  /** Role of the author. */
  readonly role: "user" | "system";
}

/**
 * A worker of a runtime. Every command resolves when its one event is durable.
 *
 * Every command may throw `invalid_request`, `worker_not_found`,
 * `runtime_stopped`, `runtime_closed`, `conflict`, `key_reused`,
 * `limit_exceeded`, the store's `store_io`, `no_space`, `store_poisoned`,
 * `store_vanished` and `store_fenced`, and the reason of an aborted `signal`;
 * further errors are documented with each method. After a rejection the command happened completely
 * or not at all; with a `key` it can be repeated safely.
 */
export class Worker {
  /** The authoritative identity of this worker. */
  readonly ref: WorkerRef;
  /** The receipt of its creation, on a handle returned by `createWorker`. */
  readonly creation: Receipt | undefined;
  readonly #engine: Engine;

  /**
   * For the runtime; get handles from `Runtime.worker` and `Runtime.createWorker`.
   *
   * @internal
   */
  constructor(engine: Engine, ref: WorkerRef, creation: Receipt | undefined) {
    this.#engine = engine;
    this.ref = ref;
    this.creation = creation;
  }

  /** The worker's id. */
  get workerId(): WorkerId {
    return this.ref.workerId;
  }

  /** The current durable state; a copy that does not change. Throws `worker_not_found`. */
  state(): WorkerState {
    return this.#engine.reads.worker(this.ref);
  }

  /** Accepts input from a user or the system into the transcript. Throws `worker_not_running`. */
  sendInput(input: WorkerInput, options: CommandOptions = {}): Promise<TranscriptReceipt> {
    return this.#append([input], "worker.input_accepted", options);
  }

  /** Appends 1 to 256 entries to the transcript atomically. Throws `worker_not_running`. */
  append(entries: readonly EntryInput[], options: CommandOptions = {}): Promise<TranscriptReceipt> {
    return this.#append(entries, "worker.transcript_appended", options);
  }

  /**
   * Changes the host's data by a JSON Merge Patch (RFC 7396): members replace,
   * objects merge, null removes. The result may have at most 256 KiB as JSON.
   * Throws `worker_not_running`.
   */
  async updateState(patch: JsonObject, options: CommandOptions = {}): Promise<Receipt> {
    const copy = copiedObject(patch, "update state", "patch");
    return await this.#commit(
      { type: "worker.state_updated", workerId: this.workerId, patch: copy },
      options,
    );
  }

  /** Begins a run. Throws `worker_busy` if one is open, `worker_not_running`. */
  async beginRun(options: BeginRunOptions = {}): Promise<Run> {
    const runId = options.runId ?? this.#engine.newId();
    checkText(runId, "begin run", "runId", limits.nameBytesMax);
    const body = { type: "worker.run_started", workerId: this.workerId, runId } as const;
    return await this.#engine.submit(body, options, (outcome) => this.#run(outcome), options.runId ?? null);
  }

  /** Records usage of a model; also after the worker's end, for costs that arrive late. */
  async recordUsage(usage: UsageReport, options: CommandOptions = {}): Promise<Receipt> {
    const body = {
      type: "worker.usage_recorded",
      workerId: this.workerId,
      usage: parseUsage(usage),
    } as const;
    return await this.#commit(body, options);
  }

  /** Records an event defined by the host about this worker; `data` is JSON of at most 256 KiB. */
  async record(name: string, data: Json, options: CommandOptions = {}): Promise<Receipt> {
    return await this.#commit(customBody(name, data, this.workerId), options);
  }

  /** Ends the worker normally and permanently. Throws `worker_busy` while a run is open, `worker_not_running`. */
  async stop(options: ReasonOptions = {}): Promise<Receipt> {
    return await this.#end("worker.stopped", options);
  }

  /**
   * Ends the worker immediately and permanently: an open run is cancelled, its
   * signal aborts. Throws `worker_not_running`.
   */
  async cancel(options: ReasonOptions = {}): Promise<Receipt> {
    return await this.#end("worker.cancelled", options);
  }

  /**
   * Deletes a stopped or cancelled worker: its state, its transcript and its keys,
   * except those of the commands that ended it: a repeated `purge` with a `key`
   * returns the first receipt. Its events stay in the log until that is pruned; its
   * usage stays in the totals. Throws `invalid_request` while the worker is
   * running.
   */
  async purge(options: CommandOptions = {}): Promise<Receipt> {
    return await this.#commit({ type: "worker.purged", workerId: this.workerId }, options);
  }

  /** A page of the transcript: the newest entries unless `after` or `before` say otherwise. */
  async transcript(options: PageOptions = {}): Promise<TranscriptPage> {
    return await this.#engine.reads.transcript(this.ref, options);
  }

  /** A page of the worker's events. Throws `cursor_expired`. */
  async events(options: PageOptions = {}): Promise<EventPage> {
    const { reads } = this.#engine;
    reads.worker(this.ref);
    return await reads.events({ ...options, worker: this.ref });
  }

  /** The worker's events as they become durable, ending with its purge; see `Runtime.watch`. */
  watch(options: WatchOptions = {}): AsyncGenerator<RuntimeEvent, void, void> {
    return this.#engine.reads.watch({ ...options, worker: this.ref });
  }

  /** Path of every input: one promise from the call to the answer. */
  #append(
    entries: readonly EntryInput[],
    type: TranscriptAppended["type"],
    options: CommandOptions,
  ): Promise<TranscriptReceipt> {
    try {
      const entriesJson = entriesText(entries, type);
      const body = new AppendEntries(type, this.ref.workerId, entries.length, entriesJson);
      return this.#engine.submit(body, options, transcriptReceipt, entries);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #end(type: "worker.stopped" | "worker.cancelled", options: ReasonOptions): Promise<Receipt> {
    const reason = givenReason(options, actionOf({ type }));
    return await this.#commit({ type, workerId: this.workerId, ...reason }, options);
  }

  #commit(body: CommandBody, options: CommandOptions): Promise<Receipt> {
    return this.#engine.submit(body, options, receipt);
  }

  #run(outcome: Outcome): Run {
    const { subject: runId } = outcome;
    const { workerId } = this;
    return {
      ...receipt(outcome),
      runId,
      signal: this.#engine.runs.signalOf(workerId, outcome.eventId),
      finish: (how, options) => this.#finish(runId, how, options),
    };
  }

  async #finish(runId: string, outcome: FinishOutcome, options: FinishOptions = {}): Promise<Receipt> {
    if (!finishOutcomes.includes(outcome)) {
      throw invalidRequest(
        "finish run",
        `outcome: ${shown(outcome)} is none of ${finishOutcomes.join(", ")}`,
      );
    }
    const reason = givenReason(options, "finish run");
    const body = { type: "worker.run_finished", workerId: this.workerId, runId, outcome, ...reason } as const;
    return await this.#commit(body, options);
  }
}

/**
 * Worker handles: cheap to create, without I/O, and valid as long as the worker
 * that they refer to.
 *
 * @module
 */
import {
  actionOf,
  AppendEntries,
  checkReason,
  checkText,
  type Command,
  command,
  type CommandBody,
  type CommandOptions,
  copiedJson,
  copiedObject,
  entriesText,
  type EntryInput,
  shown,
} from "./commands.ts";
import { invalidRequest } from "./errors.ts";
import { finishOutcomes } from "./event_shapes.ts";
import type { RuntimeEvent } from "./event_types.ts";
import type { WorkerId, WorkerRef } from "./ids.ts";
import type { Json, JsonObject } from "./json.ts";
import { limits } from "./limits.ts";
import type { EventPage, PageOptions, TranscriptPage } from "./reading.ts";
import type { Reads } from "./reads.ts";
import { type Receipt, receipt, type TranscriptReceipt, transcriptReceipt } from "./receipts.ts";
import type { FinishOptions, FinishOutcome, OpenRuns, Run } from "./run.ts";
import type { WorkerState } from "./state.ts";
import { itself, type Outcome } from "./group_commit.ts";
import { parseUsage, type UsageReport } from "./usage.ts";
import type { WatchOptions } from "./watch.ts";

/** Options of commands that take a reason. */
export interface ReasonOptions extends CommandOptions {
  /** Reason. */
  readonly reason?: string | undefined;
}

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

/** Services of the runtime for its worker handles. */
export interface WorkerHost {
  /** Signals of open runs. */
  readonly runs: OpenRuns;
  /** Generates ids. */
  newId(): string;
  /** Commits a command. */
  submit<Answer>(
    command: Command,
    units: number,
    signal: AbortSignal | undefined,
    answer: (outcome: Outcome) => Answer,
  ): Promise<Answer>;
  /** Reads. */
  readonly reads: Reads;
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
  readonly #host: WorkerHost;

  /**
   * For the runtime; get handles from `Runtime.worker` and `Runtime.createWorker`.
   *
   * @internal
   */
  constructor(host: WorkerHost, ref: WorkerRef, creation: Receipt | undefined) {
    this.#host = host;
    this.ref = ref;
    this.creation = creation;
  }

  /** The worker's id. */
  get workerId(): WorkerId {
    return this.ref.workerId;
  }

  /** The current durable state; a copy that does not change. Throws `worker_not_found`. */
  state(): WorkerState {
    return this.#host.reads.worker(this.ref);
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
    return receipt(
      await this.#submit({ type: "update_state", workerId: this.workerId, patch: copy }, options, copy),
    );
  }

  /** Begins a run. Throws `worker_busy` if one is open, `worker_not_running`. */
  async beginRun(options: BeginRunOptions = {}): Promise<Run> {
    const runId = options.runId ?? this.#host.newId();
    checkText(runId, "begin run", "runId", limits.nameBytesMax);
    const content = { runId: options.runId ?? null };
    const outcome = await this.#submit(
      { type: "begin_run", workerId: this.workerId, runId },
      options,
      content,
    );
    return this.#run(outcome);
  }

  /** Records usage of a model; also after the worker's end, for costs that arrive late. */
  async recordUsage(usage: UsageReport, options: CommandOptions = {}): Promise<Receipt> {
    const parsed = parseUsage(usage);
    return receipt(
      await this.#submit({ type: "record_usage", workerId: this.workerId, usage: parsed }, options, parsed),
    );
  }

  /** Records an event defined by the host about this worker; `data` is JSON of at most 256 KiB. */
  async record(name: string, data: Json, options: CommandOptions = {}): Promise<Receipt> {
    const body = customBody(this.workerId, name, data);
    return receipt(await this.#submit(body, options, [body.name, body.data]));
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
    const { workerId } = this;
    return receipt(await this.#submit({ type: "purge_worker", workerId }, options, null));
  }

  /** A page of the transcript: the newest entries unless `after` or `before` say otherwise. */
  async transcript(options: PageOptions = {}): Promise<TranscriptPage> {
    return await this.#host.reads.transcript(this.ref, options);
  }

  /** A page of the worker's events. Throws `cursor_expired`. */
  async events(options: PageOptions = {}): Promise<EventPage> {
    const { reads } = this.#host;
    reads.worker(this.ref);
    return await reads.events({ ...options, worker: this.ref });
  }

  /** The worker's events as they become durable, ending with its purge; see `Runtime.watch`. */
  watch(options: WatchOptions = {}): AsyncGenerator<RuntimeEvent, void, void> {
    return this.#host.reads.watch({ ...options, worker: this.ref });
  }

  /** Path of every input: one promise from the call to the answer. */
  #append(
    entries: readonly EntryInput[],
    as: "worker.input_accepted" | "worker.transcript_appended",
    options: CommandOptions,
  ): Promise<TranscriptReceipt> {
    try {
      const entriesJson = entriesText(entries, as);
      const { workerId } = this.ref;
      const body = new AppendEntries(workerId, as, entries.length, entriesJson);
      const asked = command(
        body,
        options,
        actionOf(body),
        options.key === undefined ? undefined : [as, entries],
      );
      return this.#host.submit(asked, entriesJson.length, options.signal, transcriptReceipt);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #end(as: "worker.stopped" | "worker.cancelled", options: ReasonOptions): Promise<Receipt> {
    const reason = checkReason(options.reason, as === "worker.stopped" ? "stop worker" : "cancel worker");
    const content = [as, reason ?? null];
    return receipt(
      await this.#submit({ type: "end_worker", workerId: this.workerId, as, reason }, options, content),
    );
  }

  #submit(
    body: CommandBody,
    options: CommandOptions,
    content: unknown,
  ): Promise<Outcome> {
    const asked = command(body, options, actionOf(body), content);
    return this.#host.submit(asked, unitsOf(body), options.signal, itself);
  }

  #run(outcome: Outcome): Run {
    const { subject: runId } = outcome;
    const { workerId } = this;
    return {
      ...receipt(outcome),
      runId,
      signal: this.#host.runs.signalOf(workerId, outcome.eventId),
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
    const reason = checkReason(options.reason, "finish run");
    const body = { type: "finish_run", workerId: this.workerId, runId, outcome, reason } as const;
    return receipt(await this.#submit(body, options, [runId, outcome, reason ?? null]));
  }
}

/** Returns the approximate number of UTF-16 units of JSON of a command. */
export function unitsOf(body: CommandBody): number {
  return JSON.stringify(body).length;
}

/** Creates the body of a custom event. Throws `invalid_request`. */
export function customBody(
  workerId: WorkerId | undefined,
  name: string,
  data: Json,
): { type: "record_custom"; workerId: WorkerId | undefined; name: string; data: Json } {
  checkText(name, "record event", "name", limits.nameBytesMax);
  return { type: "record_custom", workerId, name, data: copiedJson(data, "record event", "data") };
}

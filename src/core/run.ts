/**
 * Runs: periods of work of a worker, one at a time. A run owns its writes: they
 * are rejected once it has ended.
 *
 * @module
 */
import type { HostTypes } from "./host_types.ts";
import { type Commits, commitTo, compactIn } from "./commit.ts";
import {
  type CommitInput,
  type CommitOptions,
  type CompactInput,
  reasonOf,
  type ReasonOptions,
  type RequestedRun,
  shown,
} from "./commands.ts";
import type { EntryInput } from "./entries.ts";
import { invalidRequest, isRuntimeError } from "./errors.ts";
import type { RunOutcome } from "./event_types.ts";
import {
  type CommitReceipt,
  commitReceipt,
  type Receipt,
  type TranscriptReceipt,
  transcriptReceipt,
} from "./receipts.ts";
import { finishOutcomes } from "./shapes.ts";

/** Outcome with which a host may finish a run. */
export type FinishOutcome = Exclude<RunOutcome, "interrupted">;

/** Changes that a run commits. */
export interface RunCommitInput<Types extends HostTypes = HostTypes> extends CommitInput<Types> {
  /** Ends the run with this event. */
  readonly finish?: {
    /** Outcome. */
    readonly outcome: FinishOutcome;
    /** Reason; truncated to 64 KiB. */
    readonly reason?: string | undefined;
  } | undefined;
}

/** Changes with which a run ends. */
export interface FinishInput<Types extends HostTypes = HostTypes> extends CommitInput<Types> {
  /** Reason for the outcome; truncated to 64 KiB. */
  readonly reason?: string | undefined;
}

/**
 * An open run of a worker. Its commands throw `run_ended` once it has ended,
 * besides the errors of every command.
 */
export class Run<Types extends HostTypes = HostTypes> implements AsyncDisposable, Receipt {
  /** Its id. */
  readonly runId: string;
  /** The event that began it: increases strictly across owners, and so fences side effects elsewhere. */
  readonly eventId: number;
  /** When it began, ISO 8601. */
  readonly at: string;
  /** True if an earlier command with the same key began it. */
  readonly duplicate: boolean;
  /**
   * Aborts once the end of the run is durable, when the runtime closes, and with
   * the store's error as its reason when the store is lost. Pass it to `fetch`.
   */
  readonly signal: AbortSignal;
  readonly #commits: Commits;
  readonly #run: RequestedRun;
  #hasFinished = false;

  /** @internal */
  constructor(commits: Commits, runId: string, begin: Receipt, signal: AbortSignal) {
    this.#commits = commits;
    this.runId = runId;
    this.eventId = begin.eventId;
    this.at = begin.at;
    this.duplicate = begin.duplicate;
    this.signal = signal;
    this.#run = { runId, eventId: begin.eventId };
  }

  /** The same run, with a signal that also aborts with another one. @internal */
  abortedBy(signal: AbortSignal): Run<Types> {
    return new Run(this.#commits, this.runId, this, AbortSignal.any([this.signal, signal]));
  }

  /** Ends the run as completed, unless this handle has ended it. Throws the reason if it was ended elsewhere. @internal */
  async complete(): Promise<void> {
    try {
      if (this.isOpen) await this.finish("completed");
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "run_ended") throw error;
    }
    if (!this.isOpen && !this.#hasFinished) this.signal.throwIfAborted();
  }

  /** True while it is the open run. */
  get isOpen(): boolean {
    return this.#commits.openRunEventId() === this.eventId;
  }

  /** Appends 1 to 256 entries to the transcript atomically. */
  append(entries: readonly EntryInput<Types>[], options: CommitOptions = {}): Promise<TranscriptReceipt> {
    const request = { action: "append to transcript", run: this.#run };
    return commitTo(this.#commits, request, { entries }, options, transcriptReceipt);
  }

  /**
   * Commits changes as one event: all or nothing. With `finish`, the event also
   * ends the run. Throws `blob_missing`, as `Worker.commit` does.
   */
  commit({ finish, ...changes }: RunCommitInput<Types>, options: CommitOptions = {}): Promise<CommitReceipt> {
    const request = { action: "commit", run: this.#run };
    if (finish === undefined) return commitTo(this.#commits, request, changes, options, commitReceipt);
    const { outcome, ...reason } = finish;
    return this.finish(outcome, { ...changes, ...reason }, options);
  }

  /**
   * Compacts the context, as `Worker.compact` does: late, after the run was cancelled and the context rewound, it
   * has no effect.
   */
  async compact(input: CompactInput<Types>, options: CommitOptions = {}): Promise<TranscriptReceipt> {
    return await compactIn(this.#commits, this.#run, input, options);
  }

  /** Ends the run, and commits further changes with the same event. */
  async finish(
    outcome: FinishOutcome,
    { reason, ...changes }: FinishInput<Types> = {},
    options: CommitOptions = {},
  ): Promise<CommitReceipt> {
    const action = "finish run";
    if (!finishOutcomes.includes(outcome)) {
      throw invalidRequest(action, `outcome: ${shown(outcome)} is none of ${finishOutcomes.join(", ")}`);
    }
    const own = { run: { ended: outcome, ...reasonOf(reason, action) } };
    const request = { action, run: this.#run, own };
    const receipt = await commitTo(this.#commits, request, changes, options, commitReceipt);
    this.#hasFinished = true;
    return receipt;
  }

  /** Ends the run as cancelled. */
  async cancel({ reason, ...options }: ReasonOptions = {}): Promise<Receipt> {
    return await this.finish("cancelled", { reason }, options);
  }

  /** Ends the run as failed, unless it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.finishIfOpen("failed", "it was left without a finish");
  }

  /** Ends the run unless it has ended, or can no longer end here. @internal */
  async finishIfOpen(outcome: FinishOutcome, reason: string): Promise<void> {
    if (!this.isOpen) return;
    try {
      await this.finish(outcome, { reason });
    } catch (error) {
      if (!isRuntimeError(error) || !GONE.has(error.code)) throw error;
    }
  }
}

/** Codes of a run that has ended, or that the next opening ends. */
const GONE: ReadonlySet<string> = new Set([
  "run_ended",
  "worker_not_found",
  "runtime_closed",
  "runtime_retired",
]);

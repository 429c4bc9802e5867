/**
 * Worker handles: cheap to create, without I/O, and bound to one life of a worker.
 *
 * @module
 */
import type { ContentOf, HostTypes } from "./host_types.ts";
import { type BlobRef, blobRefsOf } from "./blob_ref.ts";
import type { BlobSource } from "./blobs.ts";
import { Commits, commitTo, compactIn } from "./commit.ts";
import {
  checkOptions,
  checkText,
  type CommandOptions,
  type CommitInput,
  type CommitOptions,
  type CompactInput,
  type ReasonOptions,
  Requested,
  type RewindInput,
  rewindOf,
} from "./commands.ts";
import type { ContextOptions, WorkerContext } from "./context_read.ts";
import type { DraftText } from "./drafts.ts";
import type { Engine } from "./engine.ts";
import type { EntryInput } from "./entries.ts";
import { isRuntimeError } from "./errors.ts";
import { blobsOfBase } from "./fork_base.ts";
import type { RuntimeEvent } from "./event_types.ts";
import type { WorkerId, WorkerRef } from "./ids.ts";
import { textOf } from "./injected.ts";
import { limits } from "./limits.ts";
import {
  type EventPage,
  type PageOptions,
  pageRange,
  type TranscriptEntry,
  type TranscriptPage,
} from "./reading.ts";
import {
  type CommitReceipt,
  commitReceipt,
  type Receipt,
  receipt,
  type TranscriptReceipt,
  transcriptReceipt,
} from "./receipts.ts";
import { existingWorker, workerNotFound } from "./rules.ts";
import { Run } from "./run.ts";
import { readable, type WorkerState } from "./state.ts";
import type { BlobFacts } from "./store.ts";
import type { WatchOptions } from "./watch.ts";

/** Options of {@linkcode Worker.beginRun}. */
export interface BeginRunOptions extends CommitOptions {
  /** Caller-chosen id, 1 to 256 bytes; generated if omitted. */
  readonly runId?: string | undefined;
  /** Waits for the end of an open run, in the order of the calls, instead of throwing `worker_busy`. */
  readonly wait?: boolean | undefined;
  /** Text with which its draft begins, such as that of an interrupted run: at most 1 MiB. */
  readonly draft?: string | undefined;
}

/** Options of {@linkcode Worker.stop} and {@linkcode Worker.retire}. */
export interface StopOptions<Types extends HostTypes = HostTypes> extends ReasonOptions {
  /** Cancels an open run, instead of throwing `worker_busy`. */
  readonly cancelRun?: boolean | undefined;
  /** Further changes of a running worker, committed with the same event. */
  readonly commit?: CommitInput<Types> | undefined;
}

/** Options of {@linkcode Worker.rewind}. */
export interface RewindOptions extends CommitOptions {
  /** Cancels an open run, instead of throwing `worker_busy`. */
  readonly cancelRun?: boolean | undefined;
}

/** Options of {@linkcode Worker.putBlob}. */
export interface PutBlobOptions {
  /** Media type (RFC 2046), 1 to 256 bytes. @default {"application/octet-stream"} */
  readonly mediaType?: string | undefined;
}

/** Options of {@linkcode Worker.removeUnreferencedBlobs}. */
export interface RemoveBlobsOptions {
  /** Only return the blobs that would be removed. @default {false} */
  readonly dryRun?: boolean | undefined;
}

/** Options of {@linkcode Worker.entries}. */
export interface EntriesOptions {
  /** Begin after this sequence. @default {0} */
  readonly after?: number | undefined;
}

/**
 * A worker of a runtime. Every command resolves when its one event is durable.
 *
 * Every command may throw `invalid_request`, `worker_not_found`,
 * `runtime_retired`, `runtime_closed`, `conflict`, `key_reused`,
 * `limit_exceeded`, the store's `store_io`, `no_space`, `store_poisoned`,
 * `store_vanished` and `store_fenced`, and the reason of an aborted `signal`;
 * further errors are documented with each method. After a rejection the command happened completely
 * or not at all; with a `key` it can be repeated safely.
 */
export class Worker<Types extends HostTypes = HostTypes> {
  /** The authoritative identity of this worker. */
  readonly ref: WorkerRef;
  /** The receipt of its creation, if this handle created it. */
  readonly creation: Receipt | undefined;
  readonly #engine: Engine;
  readonly #commits: Commits;

  /**
   * For the runtime; get handles from `Runtime.worker`, `Runtime.createWorker` and `Runtime.ensureWorker`.
   *
   * @internal
   */
  constructor(engine: Engine, ref: WorkerRef, life: number, creation: Receipt | undefined) {
    this.#engine = engine;
    this.#commits = new Commits(engine, ref.workerId, life);
    this.ref = ref;
    this.creation = creation;
  }

  /** The worker's id. */
  get workerId(): WorkerId {
    return this.ref.workerId;
  }

  /** The open run, if this process began it. */
  get openRun(): Run<Types> | undefined {
    const open = this.#engine.runs.get(this.workerId);
    if (open === undefined || open.eventId !== this.#commits.openRunEventId()) return undefined;
    const { eventId, at, runId, controller } = open;
    return new Run<Types>(this.#commits, runId, { eventId, at, duplicate: false }, controller.signal);
  }

  /** The current durable state; a copy that does not change. Throws `worker_not_found`. */
  state(): WorkerState<Types> {
    return readable(this.#current()) as WorkerState<Types>;
  }

  /** Appends one entry to the transcript. Throws `worker_not_running`. */
  sendInput(input: EntryInput<Types>, options: CommitOptions = {}): Promise<TranscriptReceipt> {
    return commitTo(
      this.#commits,
      { action: "send input" },
      { entries: [input] },
      options,
      transcriptReceipt,
    );
  }

  /** Appends 1 to 256 entries to the transcript atomically. Throws `worker_not_running`. */
  append(entries: readonly EntryInput<Types>[], options: CommitOptions = {}): Promise<TranscriptReceipt> {
    return commitTo(
      this.#commits,
      { action: "append to transcript" },
      { entries },
      options,
      transcriptReceipt,
    );
  }

  /**
   * Commits changes as one event: all or nothing. At least one is needed.
   * Throws `worker_not_running`, unless there is nothing but usage: costs may
   * arrive late. Throws `blob_missing` if an entry refers to a blob that the
   * worker does not have.
   */
  commit(changes: CommitInput<Types>, options: CommitOptions = {}): Promise<CommitReceipt> {
    return commitTo(this.#commits, { action: "commit" }, changes, options, commitReceipt);
  }

  /**
   * Runs `work` as a run: it ends as completed, as cancelled if `work` throws
   * after the run's or the caller's signal has aborted, and as failed if it
   * throws otherwise. The caller's signal aborts the run's. Returns the value of
   * `work`, or throws its error, or the reason if the run was ended elsewhere; if it had ended before, as the run
   * of a repeated key may have, `work` is not called. Throws
   * `worker_busy` if a run is open, unless `wait` is set, and
   * `worker_not_running`.
   */
  async run<Value>(
    work: (run: Run<Types>) => Value | Promise<Value>,
    options: BeginRunOptions = {},
  ): Promise<Value> {
    const { signal } = options;
    const begun = await this.beginRun(options);
    // A repetition with the key of a run that has ended: there is nothing left to do.
    begun.signal.throwIfAborted();
    const run = signal === undefined ? begun : begun.abortedBy(signal);
    let value: Value;
    try {
      value = await work(run);
    } catch (error) {
      // The error of the work is the one to report.
      await run.finishIfOpen(run.signal.aborted ? "cancelled" : "failed", textOf(error)).catch(() => {});
      throw error;
    }
    await run.complete();
    return value;
  }

  /** Begins a run. Throws `worker_busy` if one is open, unless `wait` is set, and `worker_not_running`. */
  async beginRun(options: BeginRunOptions = {}): Promise<Run<Types>> {
    const runId = options.runId ?? this.#engine.newId();
    checkText(runId, "begin run", "runId", limits.nameBytesMax);
    if (!options.wait) return await this.#begin(runId, options);
    return await this.#engine.runs.inTurn(this.workerId, options.signal, async () => {
      try {
        return await this.#begin(runId, options);
      } catch (error) {
        if (!isRuntimeError(error) || error.code !== "worker_busy") throw error;
        return undefined;
      }
    });
  }

  async #begin(runId: string, options: BeginRunOptions): Promise<Run<Types>> {
    const own = { run: { began: true } } as const;
    const request = { action: "begin run", run: { runId }, own, chosenRunId: options.runId };
    const { workerId } = this;
    const { draft } = options;
    return await commitTo(this.#commits, request, { draft }, options, (outcome) => {
      const signal = this.#engine.runs.signalOf(workerId, outcome.eventId);
      return new Run<Types>(this.#commits, outcome.subject, receipt(outcome), signal);
    });
  }

  /**
   * Stops the worker: it accepts nothing but late usage until it is restarted.
   * Throws `worker_busy` while a run is open, unless `cancelRun` is set, and
   * `worker_not_running`.
   */
  async stop(options: StopOptions<Types> = {}): Promise<Receipt> {
    return await this.#setStatus("stop worker", "stopped", options);
  }

  /** Restarts a stopped worker. Throws `invalid_request` if it is running, and `worker_not_running` if it is retired. */
  async restart(options: ReasonOptions = {}): Promise<Receipt> {
    return await this.#setStatus("restart worker", "running", options);
  }

  /** Retires the worker permanently. Throws `worker_busy` while a run is open, unless `cancelRun` is set. */
  async retire(options: StopOptions<Types> = {}): Promise<Receipt> {
    return await this.#setStatus("retire worker", "retired", options);
  }

  async #setStatus(
    action: string,
    status: WorkerState["status"],
    { reason, cancelRun, commit = {}, ...options }: StopOptions<Types>,
  ): Promise<Receipt> {
    const request = { action, cancelsRun: cancelRun, own: { status, reason } };
    return await commitTo(this.#commits, request, commit, options, receipt);
  }

  /**
   * Deletes a stopped or retired worker: its state, its transcript, its blobs and
   * its keys, except that of the purge: a repeated `purge` with a `key` returns
   * the first receipt. Its events stay in the log until that is pruned; its
   * usage stays in the totals. Throws `invalid_request` while the worker is
   * running.
   */
  async purge(options: CommandOptions = {}): Promise<Receipt> {
    const { workerId, life } = this.#commits;
    const requested = new Requested("worker.purged", "purge worker", workerId, life);
    return await this.#engine.submit(requested, options, receipt, null);
  }

  /**
   * A page of the transcript, of up to 1,000 entries and about 4 MiB: the newest
   * unless `after` or `before` say otherwise. Content in blobs is not read.
   */
  async transcript(options: PageOptions = {}): Promise<TranscriptPage<Types>> {
    this.#current();
    return await this.#engine.reads.transcript(this.ref, options) as TranscriptPage<Types>;
  }

  /** Entries of the transcript after a sequence, up to the newest at the time of the call; read in pages. */
  async *entries({ after = 0 }: EntriesOptions = {}): AsyncGenerator<TranscriptEntry<Types>, void, void> {
    const { transcriptLength } = this.#current();
    pageRange({ after }, transcriptLength, "read transcript");
    while (after < transcriptLength) {
      const { items } = await this.transcript({ after, limit: limits.pageItemsMax });
      for (const entry of items) {
        if (entry.seq > transcriptLength) return;
        yield entry;
        after = entry.seq;
      }
    }
  }

  /**
   * The context: what a model sees of the transcript. The whole transcript until it is first compacted or
   * rewound. All entries with their content, of one moment, never truncated: throws `limit_exceeded` if the
   * contents have more than `bytesMax` bytes as JSON (64 MiB by default), and the errors of `content`.
   */
  async context(options: ContextOptions = {}): Promise<WorkerContext<Types>> {
    this.#current();
    return await this.#engine.reads.context(this.ref, options) as WorkerContext<Types>;
  }

  /**
   * Compacts the context: `summary` is added to the transcript, and replaces the entries of the context through
   * `through`, and the summary before. Later entries stay in the context, after the summary. Nothing of the
   * transcript is lost. Allowed while a run is open, which itself uses `Run.compact`. Throws `worker_not_running`, `invalid_request` if there is
   * nothing to replace, and `limit_exceeded` if the context would have more than 64 ranges.
   */
  async compact(input: CompactInput<Types>, options: CommitOptions = {}): Promise<TranscriptReceipt> {
    return await compactIn(this.#commits, undefined, input, options);
  }

  /**
   * Rewinds the context: it ends with the entry `toSeq`, in the order of the context; with 0 it is empty, with
   * the sequence of the summary that alone is left. Entries that are appended later follow. Nothing of the
   * transcript is lost. Throws `worker_busy` while a run is open, unless `cancelRun` is set,
   * `worker_not_running`, `invalid_request` if the entry is not in the context, and `limit_exceeded` if the
   * context would have more than 64 ranges.
   */
  async rewind(input: RewindInput, { cancelRun, ...options }: RewindOptions = {}): Promise<Receipt> {
    const action = "rewind context";
    const request = { action, cancelsRun: cancelRun, own: { context: rewindOf(input, action) } };
    return await commitTo(this.#commits, request, {}, options, receipt);
  }

  /**
   * The partial answer of the open run, or of the last run if it was interrupted,
   * and none has begun and the context was not rewound since; null if there is none. Up to 1 MiB, read from the
   * events in pages. Throws `store_corrupt` if events of it are missing.
   */
  async draft(): Promise<DraftText | null> {
    this.#current();
    return await this.#engine.reads.draft(this.ref);
  }

  /** The content of an entry, also if it is kept as a blob. Throws `blob_missing` and `blob_corrupt`. */
  async content(entry: Pick<TranscriptEntry<Types>, "content" | "contentBlob">): Promise<ContentOf<Types>> {
    if (entry.contentBlob !== undefined) this.#current();
    const kept = entry as Pick<TranscriptEntry, "content" | "contentBlob">;
    return await this.#engine.reads.content(this.ref, kept) as ContentOf<Types>;
  }

  /**
   * Keeps bytes as a blob of the worker: at most 1 GiB, in bounded memory.
   * Resolves when they are durable; a commit can refer to them with `blobs` of
   * an entry. The same bytes are the same blob. Throws `limit_exceeded`,
   * `worker_not_found`, also if the worker is purged meanwhile, `runtime_closed`,
   * `no_space` and other errors of the store, and the error of a stream that
   * fails; then nothing is kept.
   */
  async putBlob(source: BlobSource, options: PutBlobOptions = {}): Promise<BlobRef> {
    checkOptions(options, "put blob");
    this.#engine.assertUsable();
    this.#current();
    return await this.#engine.run(this.#engine.blobs.put(this.#commits, source, options.mediaType));
  }

  /**
   * The bytes of a blob, which are verified as they are read. Throws `blob_missing`,
   * and `blob_corrupt` for a wrong size; the stream ends with `blob_corrupt` if
   * the bytes do not have the hash.
   */
  async blob(ref: BlobRef): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    this.#current();
    return await this.#engine.reads.blob(this.ref, ref);
  }

  /**
   * Removes the blobs that no entry of the transcript refers to, and that are not of the base of a fork, and returns
   * them; with `dryRun`, removes none. Blobs that were put, or referred to by a
   * command, since the runtime was opened are never removed. Reads the whole
   * transcript.
   */
  async removeUnreferencedBlobs({ dryRun = false }: RemoveBlobsOptions = {}): Promise<readonly BlobFacts[]> {
    this.#engine.assertUsable();
    const base = this.#current().fork?.base;
    const { engine } = this.#commits;
    const ofBase = base === undefined ? [] : await engine.run(blobsOfBase(engine.store, this.workerId, base));
    const references = new Set(ofBase.map(({ sha256 }) => sha256));
    for await (const entry of this.entries()) {
      for (const { sha256 } of blobRefsOf(entry)) references.add(sha256);
    }
    const { blobs } = this.#engine;
    return await this.#engine.run(
      blobs.removeUnreferenced(this.#commits, references, dryRun, () => this.#current()),
    );
  }

  /** A page of the worker's events. Throws `cursor_expired`. */
  async events(options: PageOptions = {}): Promise<EventPage<Types>> {
    this.#current();
    return await this.#engine.reads.events({ ...options, worker: this.ref }) as EventPage<Types>;
  }

  /** The worker's events as they become durable, ending with its purge; see `Runtime.watch`. */
  watch(options: WatchOptions = {}): AsyncGenerator<RuntimeEvent<Types>, void, void> {
    const { reads } = this.#engine;
    return reads.watchLife(this.workerId, this.#commits.life, options) as AsyncGenerator<
      RuntimeEvent<Types>,
      void,
      void
    >;
  }

  /** The state of this life of the worker. Throws `worker_not_found`. */
  #current(): WorkerState {
    const { engine, workerId, life } = this.#commits;
    const state = existingWorker(engine.view, workerId);
    if (state.createdEventId !== life) throw workerNotFound(workerId);
    return state;
  }
}

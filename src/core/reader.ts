/**
 * A reader of a runtime that someone else may own: folds, lists, pages and
 * watches what its source pushes.
 *
 * @module
 */
import { type Diagnostic, DiagnosticLog, type DiagnosticReport } from "./diagnostics.ts";
import { type RuntimeError, withSpot } from "./errors.ts";
import type { RuntimeEvent } from "./events.ts";
import { Folding } from "./folding.ts";
import { isFinal } from "./group_commit.ts";
import { type RuntimeId, workerIdOf, type WorkerName } from "./ids.ts";
import { unknownEvents } from "./opening.ts";
import type { RuntimeOverview } from "./overview.ts";
import type { EventPage, PageOptions, TranscriptPage } from "./reading.ts";
import { Reads, type WorkerListOptions, type WorkerPage } from "./reads.ts";
import type { RuntimeSource } from "./source.ts";
import { readable, type WorkerState } from "./state.ts";
import { afterThisTurn } from "./turn.ts";
import { WakeUp } from "./wake.ts";
import type { WatchOptions } from "./watch.ts";

/** Options of {@linkcode RuntimeReader.open}. */
export interface RuntimeReaderOptions {
  /** The runtime. Opened here, once per instance, and closed with the reader or if opening fails. */
  readonly source: RuntimeSource;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
  /** Receives every diagnostic as it is found. */
  readonly onDiagnostic?: ((diagnostic: Diagnostic) => void) | undefined;
}

/** Options of {@linkcode RuntimeReader.events}. */
export interface ReaderEventsOptions extends PageOptions {
  /** Only events of this worker, which may have been purged. */
  readonly worker?: WorkerName | undefined;
}

/** Options of {@linkcode RuntimeReader.watch}. */
export interface ReaderWatchOptions extends WatchOptions {
  /** Only events of this worker. */
  readonly worker?: WorkerName | undefined;
}

/**
 * A runtime to be read only, while another process may own it. Reads return
 * the state of the last refresh: of opening, of {@linkcode RuntimeReader.refresh},
 * or of a watch that waits for events. A source of files may include the last
 * batch a moment before it is durable.
 *
 * @example Usage
 * ```ts
 * import { Runtime, RuntimeReader } from "@yoi/worker-runtime";
 * import { FsRuntimeSource, FsRuntimeStore } from "@yoi/worker-runtime/fs-store";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * await using owner = await Runtime.open({ store: await FsRuntimeStore.open({ root, runtimeId: "local" }) });
 * await owner.createWorker({ workerId: "reviewer", intent: { kind: "assistant" } });
 *
 * const source = new FsRuntimeSource({ root, runtimeId: "local" });
 * await using reader = await RuntimeReader.open({ source });
 * assertEquals(reader.overview().workers.running, 1);
 * ```
 */
export class RuntimeReader implements AsyncDisposable {
  readonly #source: RuntimeSource;
  readonly #folding: Folding;
  readonly #reads: Reads;
  readonly #diagnostics: DiagnosticLog;
  readonly #listeners = new WakeUp();
  /** Ends the asking for news; absent while no watch waits for events. */
  #asking: AbortController | undefined;
  #newsError: Error | undefined;
  #displayName: string | undefined;
  #failure: RuntimeError | undefined;
  #closing: Promise<void> | undefined;

  private constructor({ source, now = Date.now, onDiagnostic }: RuntimeReaderOptions) {
    this.#source = source;
    this.#diagnostics = new DiagnosticLog(now, onDiagnostic);
    this.#folding = new Folding(
      source.runtimeId,
      (notice) => this.#diagnostics.add(notice),
      (error) => this.#lost(error),
    );
    this.#reads = new Reads({
      ledger: this.#folding.view,
      store: source,
      news: { add: (callback) => this.#listen(callback), remove: (callback) => this.#unlisten(callback) },
      failure: () => this.#failure,
      isClosed: () => this.#closing !== undefined,
      lost: (error) => this.#lost(error),
    });
  }

  /**
   * Opens a runtime to read. Throws the errors of the source, such as
   * `store_missing` and `store_version`; the source is closed if opening
   * fails. `TypeError` without a source.
   */
  static async open(options: RuntimeReaderOptions): Promise<RuntimeReader> {
    if (typeof options?.source?.news !== "function") {
      throw new TypeError("Cannot open reader: options.source must be a source");
    }
    try {
      const reader = new RuntimeReader(options);
      await reader.#load();
      return reader;
    } catch (error) {
      // An error of closing would hide this one.
      await options.source.close().catch(() => {});
      throw error;
    }
  }

  /** The runtime's id. */
  get runtimeId(): RuntimeId {
    return this.#reads.runtimeId;
  }

  /** The last event of the last refresh. */
  get lastEventId(): number {
    return this.#reads.lastEventId;
  }

  /** Counts by status and usage totals. */
  overview(): RuntimeOverview {
    return this.#reads.overview(this.#displayName);
  }

  /** A page of workers in the order of their creation. */
  workers(options: WorkerListOptions = {}): WorkerPage {
    return this.#reads.workers(options);
  }

  /** Every worker, in the order of their creation. */
  *allWorkers(): Generator<WorkerState> {
    for (const state of this.#folding.view.workers()) yield readable(state);
  }

  /** The state of a worker, a copy that does not change. Throws `worker_not_found`, `wrong_runtime`. */
  worker(worker: WorkerName): WorkerState {
    return readable(this.#reads.worker(workerIdOf(worker, this.runtimeId)));
  }

  /** A page of events, of all or of one worker: the newest unless `after` or `before` say otherwise. Throws `cursor_expired`. */
  async events({ worker, ...options }: ReaderEventsOptions = {}): Promise<EventPage> {
    const workerId = worker === undefined ? undefined : workerIdOf(worker, this.runtimeId);
    return await this.#reads.events(workerId, options);
  }

  /** A page of a worker's transcript. Throws `worker_not_found`, and `store_corrupt` if it is damaged beyond recovery. */
  async transcript(worker: WorkerName, options: PageOptions = {}): Promise<TranscriptPage> {
    return await this.#reads.transcript(workerIdOf(worker, this.runtimeId), options);
  }

  /**
   * Events as they are added: catches up from `after`, then stays live until
   * `signal` aborts, the reader is closed or the watched worker is purged.
   * Throws `cursor_expired`, `worker_not_found`, and the errors of the source.
   * `return()` settles immediately, also while `next()` waits.
   */
  watch({ worker, ...options }: ReaderWatchOptions = {}): AsyncGenerator<RuntimeEvent, void, void> {
    const workerId = worker === undefined ? undefined : workerIdOf(worker, this.runtimeId);
    // An error of the past has ended the watches of the past.
    const past = this.#newsError;
    const newsError = () => this.#newsError === past ? undefined : this.#newsError;
    return this.#reads.watch(workerId, options, newsError);
  }

  /** Reads what was added since the last refresh. */
  async refresh(): Promise<void> {
    this.#reads.assertOpen();
    await this.#reads.during(this.#source.news(this.lastEventId, AbortSignal.abort()));
    this.#listeners.wake();
  }

  /** Problems found while reading. Plain JSON. */
  diagnostics(): DiagnosticReport {
    return this.#diagnostics.report();
  }

  /** Ends watches, waits for reads in flight and closes the source. Idempotent. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** Closes the reader. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #load(): Promise<void> {
    try {
      const { displayName } = await this.#source.load(this.#folding);
      this.#displayName = displayName;
    } catch (error) {
      throw withSpot(error, (eventId) => this.#source.spotOf?.(eventId));
    }
    const { unknownCount } = this.#folding;
    if (unknownCount > 0) this.#diagnostics.add(unknownEvents(unknownCount));
  }

  async #close(): Promise<void> {
    this.#asking?.abort();
    this.#listeners.wake();
    await this.#reads.settled();
    await this.#source.close();
  }

  #lost(error: RuntimeError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#asking?.abort();
    this.#listeners.wake();
    this.#diagnostics.add({ code: "store_lost", severity: "error", message: error.message });
  }

  #listen(callback: () => void): void {
    this.#listeners.add(callback);
    if (this.#asking !== undefined) return;
    this.#asking = new AbortController();
    void this.#reads.during(this.#askForNews(this.#asking));
  }

  #unlisten(callback: () => void): void {
    this.#listeners.remove(callback);
    if (this.#listeners.size > 0) return;
    this.#asking?.abort();
    this.#asking = undefined;
  }

  /** Asks the source for news until aborted. */
  async #askForNews({ signal }: AbortController): Promise<void> {
    try {
      while (!signal.aborted) {
        await this.#source.news(this.lastEventId, signal);
        this.#listeners.wake();
        await afterThisTurn();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) return this.#lost(error);
      // The watches that wait now end with the error; the next one asks again.
      this.#newsError = error as Error;
      this.#asking = undefined;
      this.#listeners.wake();
    }
  }
}

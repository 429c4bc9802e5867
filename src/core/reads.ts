/**
 * Reads of a runtime, owned or read only: state from the ledger, pages of events
 * and transcripts from the store, and watches.
 *
 * @module
 */
import type { RuntimeEvent } from "./event_types.ts";
import { type RuntimeId, type WorkerId, workerIdOf, type WorkerName } from "./ids.ts";
import { limits } from "./limits.ts";
import { overviewOf, type RuntimeOverview } from "./overview.ts";
import {
  type EventPage,
  isPageOf,
  type PageOptions,
  pageRange,
  readEventPage,
  readTranscriptPage,
  type TranscriptPage,
} from "./reading.ts";
import { existingWorker, workerNotFound } from "./rules.ts";
import type { Session } from "./session.ts";
import { readable, type WorkerState, type WorkerStatus } from "./state.ts";
import { Watch, type WatchOptions, type WatchSource } from "./watch.ts";

/** Filter, position and size of a page of workers. */
export interface WorkerListOptions {
  /** Only those of this status. */
  readonly status?: WorkerStatus | undefined;
  /** Begin after the worker that this event created; take it from `next` of the page before. @default {0} */
  readonly after?: number | undefined;
  /** At most this many, up to 1,000. @default {50} */
  readonly limit?: number | undefined;
}

/** A page of workers in the order of their creation. */
export interface WorkerPage {
  /** Their states. */
  readonly items: readonly WorkerState[];
  /** Cursor for `after`, or null at the end. */
  readonly next: number | null;
}

/** Options of {@linkcode Reads.events}. */
export interface EventsOptions extends PageOptions {
  /** Only events of this worker, which may have been purged. */
  readonly worker?: WorkerName | undefined;
}

/** Options of {@linkcode Reads.watch}. */
export interface WatchEventsOptions extends WatchOptions {
  /** Only events of this worker. */
  readonly worker?: WorkerName | undefined;
}

/** Reads that {@linkcode RuntimeReader} and {@linkcode Runtime} have in common. Durable state only. */
export class RuntimeView {
  /** @internal */
  protected readonly session: Session;

  /** @internal */
  constructor(session: Session) {
    this.session = session;
  }

  /** The runtime's id. */
  get runtimeId(): RuntimeId {
    return this.session.view.runtime.runtimeId;
  }

  /** The newest event. */
  get lastEventId(): number {
    return this.session.view.runtime.lastEventId;
  }

  /** Counts by status and usage totals. */
  overview(): RuntimeOverview {
    return overviewOf(this.session.view, this.session.displayName);
  }

  /** A page of workers in the order of their creation. */
  workers(options: WorkerListOptions = {}): WorkerPage {
    const { after = 0, limit = limits.pageItemsDefault, status } = options;
    pageRange({ after, limit }, 0, "list workers");
    const items: WorkerState[] = [];
    let cursor = after;
    for (const state of this.session.view.workersAfter(after)) {
      if (items.length === limit) return { items, next: cursor };
      cursor = state.createdEventId;
      if (status === undefined || state.status === status) items.push(readable(state));
    }
    return { items, next: null };
  }

  /** A page of events, of all or of one worker: the newest unless `after` or `before` say otherwise. Throws `cursor_expired`. */
  async events({ worker, ...options }: EventsOptions = {}): Promise<EventPage> {
    this.session.assertOpen();
    const { lastEventId, runtimeId } = this;
    const workerId = worker === undefined ? undefined : workerIdOf(worker, runtimeId);
    const range = pageRange(options, lastEventId, "read events");
    return await this.session.run(
      readEventPage(this.session.store, lastEventId, range, workerId),
    );
  }

  /**
   * Events as they are added: catches up from `after`, then stays live until
   * `signal` aborts, the runtime is closed or the watched worker is purged.
   * Throws `cursor_expired`, `worker_not_found`, and the errors of the source.
   * `return()` settles immediately, also while `next()` waits.
   */
  watch(options: WatchEventsOptions = {}): AsyncGenerator<RuntimeEvent, void, void> {
    const { after = this.lastEventId, signal, worker } = options;
    pageRange({ after }, 0, "watch");
    const workerId = worker === undefined ? undefined : workerIdOf(worker, this.runtimeId);
    return new Watch(this.#watchSource(workerId), after, signal);
  }

  /** A watch is bound to the current worker: a later worker may reuse its id. */
  #watchSource(workerId: WorkerId | undefined): WatchSource {
    const session = this.session;
    const createdEventId = (): number | undefined =>
      workerId === undefined ? 0 : this.session.view.worker(workerId)?.createdEventId;
    const life = createdEventId();
    const missing = workerId === undefined || life !== undefined ? undefined : workerNotFound(workerId);
    return {
      news: session.news,
      newest: () => this.lastEventId,
      failure: () => session.failure ?? missing,
      isClosed: () => session.isClosed,
      isOver: () => createdEventId() !== life,
      isLast: ({ type, id }) => type === "worker.purged" && workerId !== undefined && id > (life ?? 0),
      read: (page) => this.events({ ...page, worker: workerId }),
    };
  }
}

/** Reads of a runtime and its workers, by their names. */
export class Reads extends RuntimeView {
  /** Every worker, in the order of their creation. */
  *allWorkers(): Generator<WorkerState> {
    // A copy of the list: a later snapshot would begin it again.
    for (const state of [...this.session.view.workers()]) yield readable(state);
  }

  /** The state of a worker, a copy that does not change. Throws `worker_not_found`, `wrong_runtime`. */
  worker(worker: WorkerName): WorkerState {
    return readable(existingWorker(this.session.view, workerIdOf(worker, this.runtimeId)));
  }

  /** A page of a worker's transcript. Throws `worker_not_found`, and `store_corrupt` if it is damaged beyond recovery. */
  async transcript(worker: WorkerName, options: PageOptions = {}): Promise<TranscriptPage> {
    this.session.assertOpen();
    const workerId = workerIdOf(worker, this.runtimeId);
    const state = existingWorker(this.session.view, workerId);
    const { transcriptLength } = state;
    const range = pageRange(options, transcriptLength, "read transcript");
    const page = await this.session.run(
      readTranscriptPage(this.session.store, workerId, transcriptLength, range),
    );
    if (!isPageOf(state, range, page)) throw workerNotFound(workerId);
    return page;
  }
}

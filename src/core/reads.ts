/**
 * Reads of a runtime, whether it is owned here or only read: state from the
 * ledger, pages of events and transcripts from the store, and watches.
 *
 * @module
 */
import { RuntimeError } from "./errors.ts";
import type { RuntimeEvent } from "./events.ts";
import { isFinal } from "./group_commit.ts";
import type { RuntimeId, WorkerId } from "./ids.ts";
import type { Ledger } from "./ledger.ts";
import { limits } from "./limits.ts";
import { overviewOf, type RuntimeOverview } from "./overview.ts";
import {
  type EventPage,
  isPageOf,
  type PageOptions,
  pageRange,
  type PageStore,
  readEventPage,
  readTranscriptPage,
  type TranscriptPage,
} from "./reading.ts";
import { workerNotFound } from "./rules.ts";
import { readable, type WorkerState, type WorkerStatus } from "./state.ts";
import { Watch, type WatchOptions, type WatchSource } from "./watch.ts";

/** Which workers to list. */
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

/** The runtime to be read. */
export interface ReadContext extends Pick<WatchSource, "news" | "failure" | "isClosed"> {
  /** The state. */
  readonly ledger: Ledger;
  /** Keeps events and transcripts. */
  readonly store: PageStore;
  /** Receives a final error that a read met. */
  lost(error: RuntimeError): void;
}

/** Reads of a runtime. */
export class Reads {
  readonly #context: ReadContext;
  readonly #ledger: Ledger;
  readonly #pending = new Set<Promise<unknown>>();

  /** Reads of the runtime behind a context. */
  constructor(context: ReadContext) {
    this.#context = context;
    this.#ledger = context.ledger;
  }

  /** The runtime's id. */
  get runtimeId(): RuntimeId {
    return this.#ledger.runtime.runtimeId;
  }

  /** The newest event. */
  get lastEventId(): number {
    return this.#ledger.runtime.lastEventId;
  }

  /** Counts by status and usage totals. */
  overview(displayName: string | undefined): RuntimeOverview {
    return overviewOf(this.#ledger, displayName);
  }

  /** A page of workers in the order of their creation. */
  workers(options: WorkerListOptions): WorkerPage {
    const { after = 0, limit = limits.pageItemsDefault, status } = options;
    pageRange({ after, limit }, 0, "list workers");
    const items: WorkerState[] = [];
    let cursor = after;
    for (const state of this.#ledger.workersAfter(after)) {
      if (items.length === limit) return { items, next: cursor };
      cursor = state.createdEventId;
      if (status === undefined || state.status === status) items.push(readable(state));
    }
    return { items, next: null };
  }

  /** The state of a worker. Throws `worker_not_found`. */
  worker(workerId: WorkerId): WorkerState {
    const state = this.#ledger.worker(workerId);
    if (state === undefined) throw workerNotFound(workerId);
    return state;
  }

  /** A page of events, of all or of one worker. */
  async events(workerId: WorkerId | undefined, options: PageOptions): Promise<EventPage> {
    this.assertOpen();
    const { lastEventId } = this;
    const range = pageRange(options, lastEventId, "read events");
    return await this.during(readEventPage(this.#context.store, lastEventId, range, workerId));
  }

  /** A page of a transcript. */
  async transcript(workerId: WorkerId, options: PageOptions): Promise<TranscriptPage> {
    this.assertOpen();
    const state = this.worker(workerId);
    const { transcriptLength } = state;
    const range = pageRange(options, transcriptLength, "read transcript");
    const page = await this.during(
      readTranscriptPage(this.#context.store, workerId, transcriptLength, range),
    );
    if (!isPageOf(state, range, page)) throw workerNotFound(workerId);
    return page;
  }

  /** Events as they come, of all or of one worker; `newsError` returns an error that ends this watch alone. */
  watch(
    workerId: WorkerId | undefined,
    options: WatchOptions,
    newsError: () => Error | undefined = () => undefined,
  ): AsyncGenerator<RuntimeEvent, void, void> {
    const { after = this.lastEventId, signal } = options;
    pageRange({ after }, 0, "watch");
    return new Watch(this.#watchSource(workerId, newsError), after, signal);
  }

  /** Runs an operation that closing waits for. */
  async during<T>(operation: Promise<T>): Promise<T> {
    this.#pending.add(operation);
    try {
      return await operation;
    } catch (error) {
      if (isFinal(error)) this.#context.lost(error);
      throw error;
    } finally {
      this.#pending.delete(operation);
    }
  }

  /** Waits until the current operations have settled. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  /** Throws `runtime_closed` after closing. */
  assertOpen(): void {
    if (!this.#context.isClosed()) return;
    const { runtimeId } = this;
    const message = `Cannot use runtime ${JSON.stringify(runtimeId)}: it is closed`;
    throw new RuntimeError("runtime_closed", message, { runtimeId });
  }

  /** A watch is bound to the current worker: a later worker may reuse its id. */
  #watchSource(workerId: WorkerId | undefined, newsError: () => Error | undefined): WatchSource {
    const { news, failure, isClosed } = this.#context;
    const createdEventId = (): number | undefined =>
      workerId === undefined ? 0 : this.#ledger.worker(workerId)?.createdEventId;
    const life = createdEventId();
    const missing = workerId === undefined || life !== undefined ? undefined : workerNotFound(workerId);
    return {
      news,
      newest: () => this.lastEventId,
      failure: () => failure() ?? newsError() ?? missing,
      isClosed,
      isOver: () => createdEventId() !== life,
      isLast: ({ type, id }) => type === "worker.purged" && workerId !== undefined && id > (life ?? 0),
      read: (page) => this.events(workerId, page),
    };
  }
}

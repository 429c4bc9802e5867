/**
 * Reads of a runtime, owned or read only: state from the ledger, pages of events
 * and transcripts from the store, and watches.
 *
 * @module
 */
import type { ContentOf, HostTypes } from "./host_types.ts";
import { blobFactsShape, type BlobRef } from "./blob_ref.ts";
import { type ContextOptions, readContext, type WorkerContext } from "./context_read.ts";
import { type DraftText, readDraft } from "./drafts.ts";
import type { RuntimeEvent, WorkerStatus } from "./event_types.ts";
import { type RuntimeId, type WorkerId, workerIdOf, type WorkerName } from "./ids.ts";
import { invalidRequest, RuntimeError } from "./errors.ts";
import { isJsonObject, type Json } from "./json.ts";
import { limits } from "./limits.ts";
import { overviewOf, type RuntimeOverview } from "./overview.ts";
import {
  type EventPage,
  isGapless,
  isPageOf,
  type PageOptions,
  type PageRange,
  pageRange,
  readEventPage,
  readTranscriptPage,
  type TranscriptEntry,
  type TranscriptPage,
} from "./reading.ts";
import { existingWorker, workerNotFound } from "./rules.ts";
import type { Session } from "./session.ts";
import { assertShape } from "./shape.ts";
import { readable, type WorkerState } from "./state.ts";
import { Watch, type WatchOptions, type WatchSource } from "./watch.ts";

/** Selects workers. */
export interface WorkerFilter {
  /** Only those of this status. */
  readonly status?: WorkerStatus | undefined;
  /** Only those with all of these labels. */
  readonly label?: Readonly<Record<string, string>> | undefined;
}

/** Filter, order, position and size of a page of workers. */
export interface WorkerListOptions extends WorkerFilter {
  /** `created`: in the order of their creation. `active`: the one with the newest event first. @default {"created"} */
  readonly orderBy?: "created" | "active" | undefined;
  /** Cursor: `next` of the page before. @default the beginning */
  readonly after?: number | undefined;
  /** At most this many, up to 1,000. @default {50} */
  readonly limit?: number | undefined;
}

/** A page of workers. */
export interface WorkerPage<Types extends HostTypes = HostTypes> {
  /** Their states. */
  readonly items: readonly WorkerState<Types>[];
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
  /** Only events of these workers. A watch of one worker ends with its purge. */
  readonly workers?: readonly WorkerName[] | undefined;
}

/** Reads that {@linkcode RuntimeReader} and {@linkcode Runtime} have in common. Durable state only. */
export class RuntimeView<Types extends HostTypes = HostTypes> {
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

  /**
   * A page of workers. In the order of activity a worker that has a new event
   * meanwhile moves to the beginning, and is not on the later pages.
   */
  workers(options: WorkerListOptions = {}): WorkerPage<Types> {
    const { after, limit = limits.pageItemsDefault, orderBy = "created" } = options;
    pageRange({ after: after ?? 0, limit }, 0, "list workers");
    assertFilter(options);
    if (orderBy !== "created" && orderBy !== "active") {
      throw invalidRequest("list workers", "orderBy: created or active is needed");
    }
    const positions = orderBy === "created" ? this.#byCreation(after) : this.#byActivity(after);
    const items: WorkerState<Types>[] = [];
    let cursor = after ?? 0;
    for (const [position, state] of positions) {
      if (items.length === limit) return { items, next: cursor };
      cursor = position;
      if (isListed(state, options)) items.push(readable(state) as WorkerState<Types>);
    }
    return { items, next: null };
  }

  /** Every worker of the filter, at the time of the first step, in the order of their creation. */
  *allWorkers(filter: WorkerFilter = {}): Generator<WorkerState<Types>> {
    assertFilter(filter);
    // A copy of the list: a later snapshot would begin it again.
    for (const state of [...this.session.view.workersAfter(0)]) {
      if (isListed(state, filter)) yield readable(state) as WorkerState<Types>;
    }
  }

  /** Workers after a cursor in the order of their creation, each with its own. */
  *#byCreation(after = 0): Generator<readonly [number, WorkerState]> {
    for (const state of this.session.view.workersAfter(after)) yield [state.createdEventId, state];
  }

  /**
   * Workers after a cursor with the newest event first, each with its own cursor: the id of that event. The
   * retirement of the runtime is the newest event of many workers: their cursors are past it, by the id of the
   * event that created each.
   */
  #byActivity(before = Infinity): (readonly [number, WorkerState])[] {
    const { runtime } = this.session.view;
    const workers = [...this.session.view.workers()];
    const retirement = runtime.status === "retired"
      ? workers.reduce((newest, { lastEventId }) => Math.max(newest, lastEventId), 0)
      : Infinity;
    return workers
      .map((state) => [positionOf(state, retirement), state] as const)
      .filter(([position]) => position < before)
      .sort(([a], [b]) => b - a);
  }

  /** A page of events, of all or of one worker: the newest unless `after` or `before` say otherwise. Throws `cursor_expired`. */
  async events({ worker, ...options }: EventsOptions = {}): Promise<EventPage<Types>> {
    this.session.assertOpen();
    const { lastEventId, runtimeId } = this;
    const workerId = worker === undefined ? undefined : workerIdOf(worker, runtimeId);
    const range = pageRange(options, lastEventId, "read events");
    const page = readEventPage(this.session.store, lastEventId, range, workerId);
    return await this.session.run(page) as EventPage<Types>;
  }

  /**
   * Events as they are added: catches up from `after`, then stays live until
   * `signal` aborts, the runtime is closed or the watched worker is purged.
   * Throws `cursor_expired`, `worker_not_found`, and the errors of the source.
   * `return()` settles immediately, also while `next()` waits.
   */
  watch(options: WatchEventsOptions = {}): AsyncGenerator<RuntimeEvent<Types>, void, void> {
    const workerIds = options.workers?.map((name) => workerIdOf(name, this.runtimeId));
    const [only] = workerIds ?? [];
    if (only !== undefined && workerIds?.length === 1) {
      return this.watchLife(only, this.session.view.worker(only)?.createdEventId, options);
    }
    const ids = workerIds === undefined ? undefined : new Set(workerIds);
    const isOfWorkers = (event: RuntimeEvent<Types>): boolean =>
      ids === undefined || ("workerId" in event && event.workerId !== undefined && ids.has(event.workerId));
    return this.#watch(undefined, 0, options, isOfWorkers);
  }

  /** @internal */
  watchLife(
    workerId: WorkerId,
    life: number | undefined,
    options: WatchOptions,
  ): AsyncGenerator<RuntimeEvent<Types>, void, void> {
    return this.#watch(workerId, life, options, () => true);
  }

  /** Watches all events, or those of one life of a worker: a later worker may reuse its id. */
  #watch(
    workerId: WorkerId | undefined,
    life: number | undefined,
    { after = this.lastEventId, has, signal }: WatchOptions,
    isOfWorkers: (event: RuntimeEvent<Types>) => boolean,
  ): Watch<Types> {
    pageRange({ after }, 0, "watch");
    // Thrown later, the error of a wrong type would have no caller.
    if (has !== undefined && !Array.isArray(has)) throw invalidRequest("watch", "has: an array is needed");
    const session = this.session;
    const createdEventId = (): number | undefined =>
      workerId === undefined ? 0 : session.view.worker(workerId)?.createdEventId;
    const missing = workerId === undefined || createdEventId() === life && life !== undefined
      ? undefined
      : workerNotFound(workerId);
    const source: WatchSource<Types> = {
      news: session.news,
      newest: () => this.lastEventId,
      failure: () => session.failure ?? missing,
      isClosed: () => session.isClosed,
      isOver: () => createdEventId() !== life,
      isWanted: (event) => isOfWorkers(event) && (has === undefined || has.some((name) => name in event)),
      isLast: ({ type, id }) => type === "worker.purged" && workerId !== undefined && id > (life ?? 0),
      read: (page) => this.events({ ...page, worker: workerId }),
    };
    return new Watch(source, after, signal);
  }
}

function positionOf({ lastEventId, createdEventId }: WorkerState, retirement: number): number {
  return lastEventId < retirement ? lastEventId : lastEventId + createdEventId;
}

function incompleteTranscript(workerId: WorkerId): RuntimeError<"store_corrupt"> {
  const reason = "the store lacks entries of it";
  const message = `Cannot read transcript of worker ${JSON.stringify(workerId)}: ${reason}`;
  return new RuntimeError("store_corrupt", message, { file: "", reason });
}

/** Creates the error of a blob that cannot be the content of an entry: no runtime writes one. */
export function noContent(workerId: WorkerId, sha256: string, reason: string): RuntimeError<"blob_corrupt"> {
  const message = `Cannot read content of worker ${JSON.stringify(workerId)}: blob ${sha256}: ${reason}`;
  return new RuntimeError("blob_corrupt", message, { workerId, sha256, file: "", reason });
}

function assertFilter({ label }: WorkerFilter): void {
  if (label !== undefined && !isJsonObject(label)) {
    throw invalidRequest("list workers", "label: an object is needed");
  }
}

function isListed(state: WorkerState, { status, label = {} }: WorkerFilter): boolean {
  if (status !== undefined && state.status !== status) return false;
  return Object.entries(label).every(([name, value]) => state.labels[name] === value);
}

/** Reads of a runtime and its workers, by their names. */
export class Reads<Types extends HostTypes = HostTypes> extends RuntimeView<Types> {
  /** The state of a worker, a copy that does not change. Throws `worker_not_found`, `wrong_runtime`. */
  worker(worker: WorkerName): WorkerState<Types> {
    const state = existingWorker(this.session.view, workerIdOf(worker, this.runtimeId));
    return readable(state) as WorkerState<Types>;
  }

  /** A page of a worker's transcript. Throws `worker_not_found`, and `store_corrupt` if it is damaged beyond recovery. */
  async transcript(worker: WorkerName, options: PageOptions = {}): Promise<TranscriptPage<Types>> {
    this.session.assertOpen();
    const workerId = workerIdOf(worker, this.runtimeId);
    const state = existingWorker(this.session.view, workerId);
    const range = pageRange(options, state.transcriptLength, "read transcript");
    return await this.#page(state, range) as TranscriptPage<Types>;
  }

  async #page(state: WorkerState, range: PageRange): Promise<TranscriptPage> {
    const { record: { workerId } } = state;
    const page = await this.session.run(readTranscriptPage(this.session.store, state, range));
    if (!isPageOf(state, range, page)) throw workerNotFound(workerId);
    if (!isGapless(range, page)) throw incompleteTranscript(workerId);
    return page;
  }

  /**
   * The context of a worker, whole and of one moment. Throws `worker_not_found`, `limit_exceeded` if its
   * contents have more than `bytesMax` bytes, and the errors of `transcript` and `content`.
   */
  async context(worker: WorkerName, options: ContextOptions = {}): Promise<WorkerContext<Types>> {
    this.session.assertOpen();
    const workerId = workerIdOf(worker, this.runtimeId);
    const state = existingWorker(this.session.view, workerId);
    const context = await readContext(state, options, {
      page: (range) => this.#page(state, range),
      content: (entry) => this.content(workerId, entry as TranscriptEntry<Types>) as Promise<Json>,
    });
    return context as WorkerContext<Types>;
  }

  /**
   * The partial answer of a worker's run: of the open one, or of the last one if it
   * was interrupted, and none has begun and the context was not rewound since; null if there is none. Up to 1 MiB,
   * read from the events in pages. Throws `worker_not_found`, `store_corrupt` if
   * events of it are missing, and `cursor_expired` if they were pruned after the
   * draft had ended.
   */
  async draft(worker: WorkerName): Promise<DraftText | null> {
    this.session.assertOpen();
    const state = existingWorker(this.session.view, workerIdOf(worker, this.runtimeId));
    return await this.session.run(readDraft(this.session.store, state, this.lastEventId));
  }

  /** The bytes of a worker's blob, verified as they are read. Throws `worker_not_found`, `blob_missing`, `blob_corrupt`. */
  async blob(
    worker: WorkerName,
    { sha256, bytes }: BlobRef,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    this.session.assertOpen();
    assertShape(blobFactsShape, { sha256, bytes }, "read blob");
    const workerId = workerIdOf(worker, this.runtimeId);
    existingWorker(this.session.view, workerId);
    return await this.session.run(this.session.store.readBlob(workerId, { sha256, bytes }));
  }

  /** The content of an entry, also if it is kept as a blob. Throws as `blob` does. */
  async content(
    worker: WorkerName,
    { content, contentBlob }: Pick<TranscriptEntry<Types>, "content" | "contentBlob">,
  ): Promise<ContentOf<Types>> {
    if (contentBlob === undefined) return (content ?? null) as ContentOf<Types>;
    const { sha256, bytes } = contentBlob;
    const workerId = workerIdOf(worker, this.runtimeId);
    if (bytes > limits.contentBytesMax) throw noContent(workerId, sha256, `${bytes} bytes are too many`);
    const text = await new Response(await this.blob(worker, contentBlob)).text();
    try {
      return JSON.parse(text);
    } catch {
      throw noContent(workerId, sha256, "its bytes are not JSON");
    }
  }
}

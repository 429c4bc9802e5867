/**
 * A runtime to look at: the reading half of `Runtime`, without the lock and
 * without a single write, on a store that may be in use, damaged, or a copy.
 *
 * @module
 */
import { workerNotFound } from "../../core/rules.ts";
import {
  type Diagnostic,
  DiagnosticLog,
  type DiagnosticReport,
  type Notice,
} from "../../core/diagnostics.ts";
import { type FileSpot, isRuntimeError, RuntimeError } from "../../core/errors.ts";
import type { RuntimeEvent } from "../../core/events.ts";
import { type RuntimeId, type WorkerId, workerIdOf } from "../../core/ids.ts";
import { limits } from "../../core/limits.ts";
import { unknownEvents } from "../../core/opening.ts";
import { overviewOf, type RuntimeOverview } from "../../core/overview.ts";
import {
  type EventPage,
  type PageOptions,
  pageRange,
  readEventPage,
  readTranscriptPage,
  type TranscriptPage,
} from "../../core/reading.ts";
import type { WorkerListOptions, WorkerPage } from "../../core/runtime.ts";
import type { WorkerState } from "../../core/state.ts";
import type { ReadEvents, ReadTranscript, StoredEvents } from "../../core/store.ts";
import { readConfig } from "../../fs/place/config.ts";
import { DenoFileSystem } from "../../fs/disk/deno_file_system.ts";
import type { FileSystem } from "../../fs/disk/file_system.ts";
import { LogPages } from "../../fs/log/pages.ts";
import { cursorExpired, segmentSpot } from "../../fs/log/segments.ts";
import { LogFollower, type PendingTail, sleep } from "./follower.ts";
import { findPlace, type FoundPlace, type StoreLocation } from "../options.ts";
import { untilSteady } from "../steady.ts";
import { transcriptTexts } from "./transcripts.ts";

/** A worker by its id, or by a reference of this runtime. */
export type WorkerName = string | { readonly runtimeId: string; readonly workerId: string };

/** Options of {@linkcode ReadOnlyRuntime.follow}. */
export interface FollowOptions {
  /** Begin after this event id: 0 for all that is kept. @default the newest event */
  readonly after?: number | undefined;
  /** Only events of this worker. */
  readonly worker?: WorkerName | undefined;
  /** Ends the following quietly. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds between two looks. @default {250} */
  readonly pollMs?: number | undefined;
}

/** What reading without the lock may be given besides. */
export interface ReadEnvironment {
  /** The disk. @default the real one */
  readonly fileSystem?: FileSystem | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
  /** Hears of every diagnostic as it is found. */
  readonly onDiagnostic?: ((diagnostic: Diagnostic) => void) | undefined;
}

/**
 * Opens a runtime for reading only. Takes no lock, needs `--allow-read` of
 * the store alone, and works while a writer has it open.
 *
 * A damaged log is no error here: what lies before the damage can be read,
 * and {@linkcode ReadOnlyRuntime.damage} says what is wrong. Throws
 * `store_missing`, `store_version`, `store_permission`, `store_io`.
 *
 * @example Usage
 * ```ts
 * import { Runtime } from "@yoi/worker-runtime";
 * import { FsRuntimeStore, openReadOnly } from "@yoi/worker-runtime/fs-store";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * await using writer = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
 * await writer.createWorker({ workerId: "reviewer", intent: { kind: "assistant" } });
 *
 * await using reader = await openReadOnly({ root, runtimeId: "local" });
 * assertEquals(reader.overview().workers.running, 1);
 * ```
 */
export async function openReadOnly(
  location: StoreLocation,
  environment: ReadEnvironment = {},
): Promise<ReadOnlyRuntime> {
  const fs = environment.fileSystem ?? new DenoFileSystem();
  const runtime = new ReadOnlyRuntime(findPlace(fs, location), environment);
  await runtime.begin();
  return runtime;
}

/** A runtime that can only be read; see {@linkcode openReadOnly}. Reads see what was there at the last look. */
export class ReadOnlyRuntime implements AsyncDisposable {
  readonly #place: FoundPlace;
  readonly #follower: LogFollower;
  readonly #diagnostics: DiagnosticLog;
  readonly #spotOf = (eventId: number): FileSpot =>
    segmentSpot(this.#place.layout, this.#follower.segments, eventId);
  #pages: LogPages;
  #displayName: string | undefined;
  #closed = new AbortController();
  #looking: Promise<void> | undefined;

  /** @internal use {@linkcode openReadOnly} */
  constructor(place: FoundPlace, environment: ReadEnvironment) {
    this.#place = place;
    this.#diagnostics = new DiagnosticLog(environment.now ?? Date.now, environment.onDiagnostic);
    this.#follower = new LogFollower(place, (notice) => this.#diagnostics.add(notice));
    this.#pages = new LogPages(place.fs, place.layout, place.runtimeId);
  }

  /** The runtime's id. */
  get runtimeId(): RuntimeId {
    return this.#place.runtimeId;
  }

  /** The directory of the runtime. */
  get directory(): string {
    return this.#place.layout.directory;
  }

  /** The last event that was there at the last look. */
  get lastEventId(): number {
    return this.#follower.lastEventId;
  }

  /** The last event that the checkpoint in use covers; 0 without one. */
  get checkpointThrough(): number {
    return this.#follower.base.through;
  }

  /** What lay behind the last event: a write in progress, or what a crash left of one. */
  get pending(): PendingTail {
    return this.#follower.pending;
  }

  /** Why the log cannot be read further than `lastEventId`; `undefined` for a log that is whole. */
  get damage(): RuntimeError | undefined {
    return this.#follower.damage;
  }

  /** First event ids of the segments of the log, in order. */
  get segments(): readonly number[] {
    return this.#follower.segments;
  }

  /** @internal called once by {@linkcode openReadOnly} */
  async begin(): Promise<void> {
    this.#displayName = this.#readName();
    await this.#follower.begin();
    if (this.#follower.unknownCount > 0) this.#diagnostics.add(unknownEvents(this.#follower.unknownCount));
  }

  /** Looks again, and takes in what was added since. */
  async refresh(): Promise<void> {
    this.#assertOpen();
    this.#looking ??= this.#follower.advance().finally(() => this.#looking = undefined);
    const [oldest] = this.segments;
    await this.#looking;
    // Open files would keep the disk space of pruned segments in use.
    if (this.segments[0] !== oldest) this.#pages.close();
  }

  /** Counts by status and usage totals. */
  overview(): RuntimeOverview {
    return overviewOf(this.#follower.ledger, this.#displayName);
  }

  /** A page of workers in the order of their creation. */
  workers(options: WorkerListOptions = {}): WorkerPage {
    const { after = 0, limit = limits.pageItemsDefault, status } = options;
    pageRange({ after, limit }, 0, "list workers");
    const items: WorkerState[] = [];
    let cursor = after;
    for (const state of this.#follower.ledger.workersAfter(after)) {
      if (items.length === limit) return { items, next: cursor };
      cursor = state.createdEventId;
      if (status === undefined || state.status === status) items.push({ ...state });
    }
    return { items, next: null };
  }

  /** Every worker, in the order of their creation. */
  *allWorkers(): Generator<WorkerState> {
    yield* this.#follower.ledger.workers();
  }

  /** The state of a worker. Throws `worker_not_found`, `wrong_runtime`. */
  worker(worker: WorkerName): WorkerState {
    const workerId = workerIdOf(worker, this.runtimeId);
    const state = this.#follower.ledger.worker(workerId);
    if (state === undefined) throw workerNotFound(workerId);
    return state;
  }

  /** A page of events, of all or of one worker: the newest unless `after` or `before` say otherwise. Throws `cursor_expired`. */
  async events(options: PageOptions & { readonly worker?: WorkerName | undefined } = {}): Promise<EventPage> {
    this.#assertOpen();
    const workerId = options.worker === undefined ? undefined : workerIdOf(options.worker, this.runtimeId);
    const range = pageRange(options, this.lastEventId, "read events");
    const store = { readEvents: (read: ReadEvents) => this.#readEvents(read), spotOf: this.#spotOf };
    return await readEventPage(store, this.lastEventId, range, workerId);
  }

  /** A page of a worker's transcript. Throws `worker_not_found`, and `store_corrupt` when neither file nor log has it. */
  async transcript(worker: WorkerName, options: PageOptions = {}): Promise<TranscriptPage> {
    this.#assertOpen();
    const state = this.worker(worker);
    const { record: { workerId }, transcriptLength: length } = state;
    const range = pageRange(options, length, "read transcript");
    const store = {
      readTranscript: (read: ReadTranscript) => this.#readTranscript(state, read),
      spotOf: this.#spotOf,
    };
    return await readTranscriptPage(store, workerId, length, range);
  }

  /**
   * Events as they are added: catches up from `after`, then stays live, until
   * `signal` aborts or this is closed. The newest may be seen a moment before
   * they are durable; `Runtime.watch`, in the host itself, never does. Throws
   * `cursor_expired`.
   */
  async *follow(options: FollowOptions = {}): AsyncGenerator<RuntimeEvent, void, void> {
    const { after = this.lastEventId, worker, pollMs = 250 } = options;
    pageRange({ after }, 0, "follow");
    const closed = this.#closed.signal;
    const signal = options.signal === undefined ? closed : AbortSignal.any([options.signal, closed]);
    let cursor = after;
    while (!signal.aborted) {
      const page = await this.events({ after: cursor, limit: limits.watchItemsMax, worker });
      for (const event of page.items) {
        if (signal.aborted) return;
        yield event;
      }
      cursor = Math.max(cursor, page.next ?? page.lastEventId);
      if (page.next !== null || signal.aborted) continue;
      await this.refresh();
      if (this.lastEventId <= cursor) await sleep(pollMs, signal);
    }
  }

  /** What was noticed while reading. Plain JSON. */
  diagnostics(): DiagnosticReport {
    return this.#diagnostics.report();
  }

  /** Closes its files and ends what follows. Harmless when repeated. */
  close(): Promise<void> {
    this.#closed.abort();
    this.#pages.close();
    return Promise.resolve();
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #readName(): string | undefined {
    const { fs, layout } = this.#place;
    try {
      return readConfig(fs, layout.config).displayName;
    } catch (error) {
      if (!isRuntimeError(error)) throw error;
      this.#diagnostics.add({
        code: "foreign_entry",
        severity: "warning",
        message: error.message,
        file: "config.jsonc",
      });
      return undefined;
    }
  }

  async #readEvents(read: ReadEvents): Promise<StoredEvents> {
    return await untilSteady(() => this.#page(read), async () => {
      await this.refresh();
      const [oldest = 1] = this.segments;
      if (read.keep === "first" && read.from < oldest) throw cursorExpired(read.from - 1, oldest);
    });
  }

  #page(read: ReadEvents): StoredEvents {
    const { lastEventId, position, segments } = this.#follower;
    const log = {
      segments: segments.filter((segment) => segment <= (position?.segment ?? 1)),
      lastEventId,
      offset: position?.offset ?? 0,
    };
    return this.#pages.read(log, read);
  }

  async #readTranscript(state: WorkerState, read: ReadTranscript): Promise<readonly string[]> {
    try {
      const { texts, notices } = await untilSteady(
        () => this.#transcriptTexts(state, read),
        () => this.#assertSameLife(state),
      );
      if (notices.length === 0) return texts;
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
    }
    // Damage, or the worker was purged since the last refresh.
    await this.#assertSameLife(state);
    const { texts, notices } = await this.#transcriptTexts(state, read);
    for (const notice of notices) this.#diagnostics.add(notice);
    return texts;
  }

  async #transcriptTexts(
    { record: { workerId }, createdEventId, transcriptLength: length }: WorkerState,
    read: ReadTranscript,
  ): Promise<{ readonly texts: readonly string[]; readonly notices: readonly Notice[] }> {
    const owner = { runtimeId: this.runtimeId, workerId: workerId as WorkerId, createdEventId };
    const { segments, lastEventId, base } = this.#follower;
    const log = { segments, lastEventId, base };
    const notices: Notice[] = [];
    const query = { owner, length, read };
    const texts = await transcriptTexts(this.#place, log, query, (notice) => notices.push(notice));
    return { texts, notices };
  }

  /** Refreshes the view. Throws `worker_not_found` if the worker was purged. */
  async #assertSameLife({ record: { workerId }, createdEventId }: WorkerState): Promise<void> {
    await this.refresh();
    if (this.worker(workerId).createdEventId !== createdEventId) throw workerNotFound(workerId);
  }

  #assertOpen(): void {
    if (!this.#closed.signal.aborted) return;
    const { runtimeId } = this;
    const message = `Cannot use runtime ${JSON.stringify(runtimeId)}: it is closed`;
    throw new RuntimeError("runtime_closed", message, { runtimeId });
  }
}

/**
 * A file system store that is open: appends to the log, and keeps transcripts,
 * projections and checkpoints up to date with it.
 *
 * @module
 */
import type { Notice } from "../core/diagnostics.ts";
import { fencedAppend, type RuntimeError, storeClosed } from "../core/errors.ts";
import type { EventRecord } from "../core/events.ts";
import type { RuntimeId, WorkerId } from "../core/ids.ts";
import type {
  AppendBatch,
  AppendResult,
  PrunedEvents,
  PruneEvents,
  ReadEvents,
  ReadTranscript,
  Snapshot,
  StoredEvents,
  StoreHost,
  StoreInfo,
} from "../core/store.ts";
import { checkpointRows } from "./checkpoint/checkpoint.ts";
import { Checkpoints } from "./checkpoint/checkpoints.ts";
import { OneAtATime } from "./checkpoint/one_at_a_time.ts";
import { CheckpointSchedule } from "./checkpoint/schedule.ts";
import { guardedAsync, storeFault } from "./disk/faults.ts";
import type { FileSystem } from "./disk/file_system.ts";
import { retryOnEmfile } from "./disk/handle_room.ts";
import { IdleTimer } from "./disk/idle_timer.ts";
import type { RuntimeLayout } from "./layout.ts";
import type { PlacedLine } from "./lines/waiting_lines.ts";
import { type DurableLog, LogPages } from "./log/pages.ts";
import { prunable, removeSegments } from "./log/pruning.ts";
import type { LogWriter } from "./log/writer.ts";
import type { StoreConfig } from "./place/config.ts";
import { isVanished } from "./place/guard.ts";
import type { OpenedPlace } from "./place/place.ts";
import { Quarantine } from "./quarantine.ts";
import { recoverStore } from "./recovery/open.ts";
import type { LogPosition } from "./log/segments.ts";
import type { TranscriptLength } from "./transcripts/length.ts";
import { Transcripts } from "./transcripts/transcripts.ts";
import { checkPathLengths } from "./workers/directory.ts";
import { Projections } from "./workers/projections.ts";
import { PurgedWorkers } from "./workers/purging.ts";

/** How many times the buffer for transcripts may be exceeded before appends wait for it. */
const PRESSING = 4;

/** A store from its recovery to its closing. */
export class OpenStore {
  readonly #runtimeId: RuntimeId;
  readonly #fs: FileSystem;
  readonly #layout: RuntimeLayout;
  readonly #place: OpenedPlace;
  readonly #host: StoreHost;
  readonly #config: StoreConfig;
  readonly #pages: LogPages;
  readonly #transcripts: Transcripts;
  readonly #projections: Projections;
  readonly #purged: PurgedWorkers;
  readonly #quarantine: Quarantine;
  readonly #checkpoints: Checkpoints;
  readonly #schedule: CheckpointSchedule;
  readonly #timer: IdleTimer;
  /** Serializes checkpoints and prunings: each changes the state that the other plans with. */
  readonly #checkpointing = new OneAtATime();
  /** Absent until the log is recovered. */
  #writer: LogWriter | undefined;
  /** The last event whose effects on transcripts are applied. */
  #appliedEventId = 0;
  #flushing: Promise<void> | undefined;
  #relieving: Promise<void> | undefined;
  /** True if names in the directory of workers were not synced. */
  #namesUnsynced = false;
  #closing = false;

  /** A store that is to be recovered. */
  constructor(layout: RuntimeLayout, runtimeId: RuntimeId, place: OpenedPlace, host: StoreHost) {
    const notice = (found: Notice) => host.notice(found);
    const quarantine = async (path: string) => void await this.#quarantine.keep(path);
    const fs = this.#fs = retryOnEmfile(place.fs, () => this.#transcripts.makeRoom());
    const { displayName, limits } = this.#config = place.config;
    place.guard.onLost = (error) => this.#lost(error);
    this.#runtimeId = runtimeId;
    this.#layout = layout;
    this.#place = place;
    this.#host = host;
    this.#pages = new LogPages(fs, layout, runtimeId);
    this.#quarantine = new Quarantine(fs, layout, limits, notice);
    this.#schedule = new CheckpointSchedule(limits);
    this.#checkpoints = new Checkpoints(fs, layout, runtimeId, notice);
    this.#purged = new PurgedWorkers(fs, layout, notice);
    this.#projections = new Projections(fs, layout, runtimeId, {
      view: host.view,
      displayName,
      notice,
      quarantine,
    });
    this.#transcripts = new Transcripts(fs, layout, runtimeId, {
      notice,
      quarantine,
      log: () => this.#durableLog(),
    });
    this.#timer = new IdleTimer(() => this.#flushQuietly());
  }

  /** Recovers the store and pushes its content to the host. */
  async recover(): Promise<StoreInfo> {
    for (const found of this.#place.notices) this.#host.notice(found);
    const { writer, start, end, checkpointBytes, unrecorded } = await recoverStore({
      fs: this.#fs,
      layout: this.#layout,
      runtimeId: this.#runtimeId,
      place: this.#place,
      host: this.#host,
      checkpoints: this.#checkpoints,
      transcripts: this.#transcripts,
      purged: this.#purged,
      quarantine: this.#quarantine,
      purge: (workerId, id) => this.#removeWorker(workerId, id),
      flushIfFull: () => this.#keepReplayBounded(),
      lost: (error) => this.#lost(error),
    });
    if (end.lastEventId === 0) this.#projections.begin();
    this.#appliedEventId = end.lastEventId;
    this.#writer = writer;
    this.#schedule.begin(start.through, end.bytesRead, checkpointBytes);
    this.#timer.touch();
    return { displayName: this.#config.displayName, unrecorded };
  }

  /** Throws once the place is lost or the store is closed. */
  assertOpen(): void {
    const { failure } = this.#place.guard;
    if (failure !== undefined) throw failure;
    if (this.#closing) throw storeClosed(this.#runtimeId);
  }

  /** Throws `invalid_request` if the paths of a worker's files would be too long for the file system. */
  admits(workerId: WorkerId): void {
    checkPathLengths(this.#fs, this.#layout, workerId);
  }

  /** Appends a batch to the log; resolves when it is durable. */
  async append(batch: AppendBatch): Promise<AppendResult> {
    const writer = this.#open;
    if (batch.expectedLastEventId !== writer.lastEventId) {
      writer.fail(fencedAppend(batch.expectedLastEventId, writer.lastEventId));
    }
    const lines = await writer.append(batch.events);
    for (let index = 0; index < batch.events.length; index++) {
      this.#applyRecord(batch.events[index], lines[index]);
    }
    await this.#keepTranscriptsBounded();
    this.#projections.touch(batch.touched, writer.lastEventId);
    this.#timer.touch();
    return { snapshotDue: this.#schedule.isDue(this.#appliedEventId) };
  }

  /** A page of events. */
  async readEvents(read: ReadEvents): Promise<StoredEvents> {
    return await Promise.resolve(this.#pages.read(this.#durableLog(), read));
  }

  /** The events that hold a page of a transcript. */
  async readTranscript(read: ReadTranscript): Promise<readonly string[]> {
    return await this.#transcripts.read(read);
  }

  /** First event ids of the segments, in order. */
  get segments(): readonly number[] | undefined {
    return this.#writer?.segments;
  }

  /** Writes a checkpoint. One that is due syncs some of the transcripts, in turn; one for its own sake syncs all. */
  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    const writer = this.#open;
    if (snapshot.through !== writer.lastEventId) {
      throw new TypeError(
        `Cannot save snapshot: it is of event ${snapshot.through}, not ${writer.lastEventId}`,
      );
    }
    // A consistent view of this moment, taken before the first await.
    const { position } = writer;
    const turn = this.#schedule.isDue(this.#appliedEventId) ? this.#schedule.nextTurn() : undefined;
    const lengths = this.#transcripts.lengths();
    const saved = this.#schedule.start();
    const work = () => this.#saveCheckpoint(snapshot, position, lengths, turn);
    saved(snapshot.through, await this.#checkpointing.run(work));
  }

  /**
   * Writes a checkpoint and returns its size. A worker whose files cannot be
   * written does not prevent it: the log has the lines.
   */
  async #saveCheckpoint(
    snapshot: Snapshot,
    position: LogPosition,
    lengthsThen: ReadonlyMap<string, TranscriptLength>,
    turn: number | undefined,
  ): Promise<number> {
    const writer = this.#open;
    await writer.syncNow();
    this.#removeLeftovers();
    await this.#syncTranscripts(turn);
    // Transcripts that were rebuilt just now have a length again, if nothing was added to them meanwhile.
    const lengths = writer.lastEventId === snapshot.through ? this.#transcripts.lengths() : lengthsThen;
    const { through, runtimeJson } = snapshot;
    const rows = checkpointRows(snapshot, this.#transcripts.withSynced(lengths));
    return await this.#checkpoints.save({
      runtimeId: this.#runtimeId,
      through,
      position,
      runtimeJson,
      // Covered purges are not replayed again.
      purgedLeft: this.#purged.left().filter(([, purgedEventId]) => purgedEventId <= through),
      rows,
    });
  }

  /** Deletes whole segments that neither checkpoint needs. */
  async prune({ through, dryRun }: PruneEvents): Promise<PrunedEvents> {
    const writer = this.#open;
    const unneeded = () => Math.min(through, this.#checkpoints.lastUnneeded());
    const plan = (bound: number) =>
      prunable(this.#fs, this.#layout, writer.segments, Math.min(bound, this.#transcripts.firstNeeded() - 1));
    if (dryRun) return plan(unneeded()).pruned;
    return await this.#checkpointing.run(async () => {
      // Events that become removable during the sync of transcripts are kept: the sync may have missed their lines.
      const bound = unneeded();
      if (plan(bound).gone.length === 0) return plan(bound).pruned;
      // Transcripts must do without these events from now on: they have to be right, and to last.
      await this.#transcripts.verifyAll();
      await this.#syncTranscripts();
      const { gone, pruned } = plan(bound);
      writer.forget(new Set(gone));
      this.#pages.close();
      await removeSegments(this.#fs, this.#layout, gone);
      return pruned;
    });
  }

  /**
   * Writes transcripts and projections, one flush at a time. Also resolves if
   * files of individual workers could not be written: a diagnostic `projection_failed`
   * names each, its events are safe in the log, and the next flush tries again.
   */
  async flush(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
    this.#removeLeftovers();
    const flushing = this.#transcripts.flushAll().then(() => this.#projections.flush());
    this.#flushing = flushing;
    await flushing.finally(() => this.#flushing = undefined);
  }

  /** Writes what is not written yet, and releases the place. Called once. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#timer.stop();
    try {
      if (this.#writer !== undefined && !this.#isLost) await this.flush();
    } catch (error) {
      this.#flushFailed(error);
    } finally {
      await this.#flushing?.catch(() => {});
      await this.#relieving?.catch(() => {});
      // Nothing may be removed or renamed after the lock is released.
      await this.#checkpointing.idle();
      this.#transcripts.close();
      this.#pages.close();
      this.#writer?.finish();
      this.#place.guard.release();
      this.#place.lock.release();
    }
  }

  /** Bounds the transcript lines in memory during the replay, which writes them as late as possible. */
  async #keepReplayBounded(): Promise<void> {
    const { transcriptBufferBytes } = this.#config.limits;
    if (this.#transcripts.pendingBytes > PRESSING * transcriptBufferBytes) await this.#transcripts.flushAll();
  }

  #applyRecord(record: EventRecord | undefined, line: PlacedLine | undefined): void {
    if (record === undefined || line === undefined) return;
    const { workerId, effect, id, count } = record;
    this.#appliedEventId = id;
    this.#schedule.add(line.end - line.start);
    if (workerId === undefined) return;
    if (effect === "created") this.#transcripts.create(workerId, id);
    else if (effect === "transcript") this.#transcripts.add(workerId, line, count);
    else if (effect === "purged") {
      this.#transcripts.forget(workerId);
      this.#removeWorker(workerId, id);
    }
  }

  #removeWorker(workerId: WorkerId, purgedEventId: number): void {
    this.#projections.forget(workerId, purgedEventId);
    this.#namesUnsynced = true;
    this.#purged.remove(workerId, purgedEventId);
  }

  /** Retries the removal of purged workers' files, unless a new worker has the id. */
  #removeLeftovers(): void {
    for (const [workerId, purgedEventId] of this.#purged.left()) {
      if (this.#transcripts.has(workerId)) this.#purged.forget(workerId);
      else this.#removeWorker(workerId, purgedEventId);
    }
  }

  /** The log through the last event whose effects on transcripts are applied. */
  #durableLog(): DurableLog {
    return this.#open.through(this.#appliedEventId);
  }

  /**
   * Bounds the transcript lines in memory: past the bound they are written
   * concurrently with appends; far past it, appends wait.
   */
  async #keepTranscriptsBounded(): Promise<void> {
    const { pendingBytes } = this.#transcripts;
    const { transcriptBufferBytes } = this.#config.limits;
    if (pendingBytes <= transcriptBufferBytes) return;
    const relieving = this.#relieving ??= this.#transcripts.flushAll().finally(() =>
      this.#relieving = undefined
    );
    if (pendingBytes > PRESSING * transcriptBufferBytes) await relieving;
  }

  async #syncTranscripts(turn?: number): Promise<void> {
    if (await this.#transcripts.syncAll(turn)) this.#namesUnsynced = true;
    if (!this.#namesUnsynced) return;
    const { workers } = this.#layout;
    this.#namesUnsynced = false;
    await guardedAsync("sync", workers, () => this.#fs.syncDirectory(workers)).catch((error) => {
      this.#namesUnsynced = true;
      throw error;
    });
  }

  #flushQuietly(): void {
    if (this.#closing || this.#isLost || this.#projections.idle) return;
    this.flush().catch((error) => this.#flushFailed(error));
  }

  #flushFailed(error: unknown): void {
    // A lost place has been reported already.
    if (isVanished(error)) return;
    const { message } = storeFault(error, "flush", this.#layout.directory);
    this.#host.notice({ code: "projection_failed", severity: "warning", message });
  }

  /** True if nothing more may be written. */
  get #isLost(): boolean {
    return this.#writer?.failure !== undefined || this.#place.guard.failure !== undefined;
  }

  #lost(error: RuntimeError): void {
    this.#timer.stop();
    this.#host.lost(error);
  }

  get #open(): LogWriter {
    this.assertOpen();
    if (this.#writer === undefined) throw new Error("Cannot use store: it is not recovered yet");
    return this.#writer;
  }
}

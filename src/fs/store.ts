/**
 * The file system store: appends to the log, and keeps transcripts,
 * projections and checkpoints up to date with it.
 *
 * @module
 */
import { fencedAppend, type FileSpot, type RuntimeError, storeClosed } from "../core/errors.ts";
import type { EventRecord } from "../core/event_types.ts";
import { parseRuntimeId, type RuntimeId, type WorkerId } from "../core/ids.ts";
import type { BlobHash } from "../core/sha256.ts";
import type {
  AppendBatch,
  AppendResult,
  BlobFacts,
  BlobInput,
  BlobOwner,
  NewWorker,
  PrunedEvents,
  PruneEvents,
  ReadEvents,
  ReadTranscript,
  RuntimeStore,
  Snapshot,
  StoredEvents,
  StoreHost,
  StoreInfo,
  StoreSupports,
} from "../core/store.ts";
import { Blobs, listBlobs, newHash, readBlob } from "./blobs/blobs.ts";
import { Checkpoints } from "./checkpoint/checkpoints.ts";
import { OneAtATime } from "./checkpoint/one_at_a_time.ts";
import { CheckpointSchedule } from "./checkpoint/schedule.ts";
import { DenoFileSystem } from "./disk/deno_file_system.ts";
import { storeFault } from "./disk/faults.ts";
import { IdleTimer } from "./disk/idle_timer.ts";
import { absolutePath, type Place, runtimeLayout, type WatchedPlace } from "./layout.ts";
import type { PlacedLine } from "./lines/buffer.ts";
import { type DurableLog, LogPages } from "./log/pages.ts";
import { listSegments, prunable, removeSegments, segmentSpot } from "./log/segments.ts";
import type { LogWriter } from "./log/writer.ts";
import { type FsStoreEnvironment, type FsStoreOptions, settingsOf } from "./options.ts";
import { isVanished } from "./place/guard.ts";
import { newOwner } from "./place/lock.ts";
import { Quarantine } from "./quarantine.ts";
import { recoverStore } from "./recovery/open.ts";
import { type OpenedPlace, openPlace, type PlaceOptions } from "./recovery/place.ts";
import { Transcripts } from "./transcripts/transcripts.ts";
import { checkPathLengths, PurgedWorkers } from "./workers/directories.ts";
import { Projections } from "./workers/projections.ts";

export type { FsStoreEnvironment, FsStoreOptions } from "./options.ts";

/** Multiple of the transcript buffer beyond which appends wait for it to be written. */
const PRESSING = 4;

/**
 * A {@linkcode RuntimeStore} in a directory. Requires `--allow-read` and
 * `--allow-write` for its root directory.
 */
export class FsRuntimeStore implements RuntimeStore {
  /** The runtime that the store keeps. */
  readonly runtimeId: RuntimeId;
  /** Capabilities. */
  readonly supports: StoreSupports = Object.freeze({ persistent: true, exclusive: true });
  /** The directory of this runtime. */
  readonly directory: string;
  readonly #options: Omit<PlaceOptions, "owner">;
  readonly #now: () => number;
  /** The files on the disk as it is, without the guard. */
  readonly #files: Place;
  #acquiring: Promise<StoreInfo> | undefined;
  #closing: Promise<void> | undefined;
  /** Absent until the store is locked; so are the parts that follow. */
  #place!: OpenedPlace;
  #host!: StoreHost;
  #pages!: LogPages;
  #transcripts!: Transcripts;
  #projections!: Projections;
  #purged!: PurgedWorkers;
  #blobs!: Blobs;
  #checkpoints!: Checkpoints;
  #schedule!: CheckpointSchedule;
  #timer!: IdleTimer;
  /** Absent until the log is recovered. */
  #writer: LogWriter | undefined;
  /** Serializes checkpoints and prunings: each changes the state that the other plans with. */
  readonly #checkpointing = new OneAtATime();
  /** The last event whose effects on transcripts are applied. */
  #appliedEventId = 0;
  readonly #flushing = new OneAtATime();
  #relieving: Promise<void> | undefined;
  /** True if names in the directory of workers were not synced. */
  #namesUnsynced = false;

  /** Creates a store for `Runtime.open`, without I/O. Throws `invalid_request` for invalid options. */
  constructor(options: FsStoreOptions, environment: FsStoreEnvironment = {}) {
    this.runtimeId = parseRuntimeId(options.runtimeId);
    const { runtimeId } = this;
    const root = absolutePath(options.root);
    this.#options = { root, create: options.create ?? true, ...settingsOf(options) };
    const layout = runtimeLayout(root, runtimeId);
    this.#files = { fs: environment.fileSystem ?? new DenoFileSystem(), layout, runtimeId };
    this.#now = environment.now ?? Date.now;
    this.directory = layout.directory;
  }

  /**
   * Opens the store: creates it unless it exists, locks it until it is closed,
   * recovers it, and pushes its content to the host.
   *
   * Throws `store_locked` while it is open elsewhere (after `lockWaitMs`), `store_missing`,
   * `store_corrupt`, `store_version`, `store_permission` with the flag to add,
   * `no_space`, `store_io`, and `invalid_request` for an invalid config.
   */
  async acquire(host: StoreHost): Promise<StoreInfo> {
    if (this.#closing !== undefined) throw storeClosed(this.runtimeId);
    if (this.#acquiring !== undefined) throw new TypeError("Cannot open store: it was opened before");
    return await (this.#acquiring = this.#acquire(host).catch((error) => {
      this.#release();
      throw error;
    }));
  }

  /** Throws `invalid_request` if the paths of a worker's files would be too long for the file system. */
  admits(workerId: WorkerId): void {
    this.#assertOpen();
    if (this.#mayHaveEarlierBlobs(workerId)) this.#purged.removeBlobs(workerId);
    checkPathLengths(this.#place, workerId);
  }

  /** Appends a batch to the log; resolves when it is durable. */
  async append(batch: AppendBatch): Promise<AppendResult> {
    const writer = this.#assertOpen();
    if (batch.expectedLastEventId !== writer.lastEventId) {
      writer.fail(fencedAppend(batch.expectedLastEventId, writer.lastEventId));
    }
    const lines = await this.#append(writer, batch.events);
    for (let index = 0; index < batch.events.length; index++) {
      this.#applyRecord(batch.events[index], lines[index]);
    }
    if (this.#place.config.durability === "synced") this.#blobs.creations.settle();
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
    this.#assertOpen();
    return await this.#transcripts.read(read);
  }

  /** The segment that holds an event. */
  spotOf(eventId: number): FileSpot {
    const segments = this.#writer?.segments ?? listSegments(this.#files).firstEventIds;
    return segmentSpot(this.#files.layout, segments, eventId);
  }

  /** Keeps a blob. Throws `no_space` and `store_io`, besides the errors of every store. */
  async putBlob(owner: BlobOwner | NewWorker, input: BlobInput): Promise<BlobFacts> {
    this.#assertOpen();
    return await this.#blobs.put(owner, input);
  }

  /** Removes the blobs of a creation that was not appended. */
  async discardBlobs(owner: NewWorker): Promise<void> {
    const { failure } = this.#assertOpen();
    if (failure !== undefined) throw failure;
    await this.#discard(owner);
  }

  /** A new hash of the platform. */
  newHash(): BlobHash {
    return newHash();
  }

  /** Size of a blob. */
  async blobSize(workerId: WorkerId, sha256: string): Promise<number | undefined> {
    this.#assertOpen();
    return await this.#blobs.size(workerId, sha256);
  }

  /** Bytes of a blob. */
  async readBlob(workerId: WorkerId, blob: BlobFacts): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    this.#assertOpen();
    return await Promise.resolve(readBlob(this.#place, workerId, blob));
  }

  /** Blobs of a worker. */
  async blobs(workerId: WorkerId): Promise<readonly BlobFacts[]> {
    this.#assertOpen();
    return await Promise.resolve(listBlobs(this.#place, workerId));
  }

  /** Removes blobs. */
  async removeBlobs(workerId: WorkerId, hashes: readonly string[]): Promise<void> {
    this.#assertOpen();
    await this.#blobs.remove(workerId, hashes);
  }

  /** Writes a checkpoint. A scheduled one syncs some of the transcripts, in turn; an explicit one syncs all. */
  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    const writer = this.#assertOpen();
    if (snapshot.through !== writer.lastEventId) {
      throw new TypeError(
        `Cannot save snapshot: it is of event ${snapshot.through}, not ${writer.lastEventId}`,
      );
    }
    // A consistent view of this moment, taken before the first await.
    const { position } = writer;
    const turn = this.#schedule.isDue(this.#appliedEventId) ? this.#schedule.nextTurn() : undefined;
    const lengthsThen = this.#transcripts.lengths();
    const saved = this.#schedule.start();
    // A worker whose files cannot be written does not prevent the checkpoint: the log has the lines.
    const checkpointBytes = await this.#checkpointing.run(async () => {
      await this.#assertOpen().syncNow();
      this.#blobs.creations.settle();
      this.#removeLeftovers();
      await this.#syncTranscripts(turn);
      // Transcripts that were rebuilt just now have a length again, if nothing was added to them meanwhile.
      const lengths = writer.lastEventId === snapshot.through ? this.#transcripts.lengths() : lengthsThen;
      return await this.#checkpoints.save({
        snapshot,
        position,
        lengths: this.#transcripts.withSynced(lengths),
        // Covered purges are not replayed again.
        purgedLeft: this.#purged.left().filter(([, purgedEventId]) => purgedEventId <= snapshot.through),
      });
    });
    saved(snapshot.through, checkpointBytes);
  }

  /** Deletes whole segments that neither checkpoint needs. */
  async prune({ through, dryRun }: PruneEvents): Promise<PrunedEvents> {
    const writer = this.#assertOpen();
    const unneeded = () => Math.min(through, this.#checkpoints.lastUnneeded());
    const plan = (bound: number) =>
      prunable(this.#place, writer.segments, Math.min(bound, this.#transcripts.firstNeeded() - 1));
    if (dryRun) return plan(unneeded()).pruned;
    return await this.#checkpointing.run(async () => {
      // Events that become removable during the sync of transcripts are kept: the sync may have missed their lines.
      const bound = unneeded();
      if (plan(bound).gone.length === 0) return plan(bound).pruned;
      // Transcripts can no longer be rebuilt from these events: they must be intact and durable first.
      await this.#transcripts.verifyAll();
      await this.#syncTranscripts();
      const { gone, pruned } = plan(bound);
      writer.forget(new Set(gone));
      this.#pages.close();
      await removeSegments(this.#place, gone);
      return pruned;
    });
  }

  /**
   * Writes transcripts and projections, one flush at a time. Also resolves if
   * files of individual workers could not be written: a diagnostic `projection_failed`
   * names each, its events are safe in the log, and the next flush tries again.
   */
  async flush(): Promise<void> {
    this.#assertOpen();
    await this.#flush();
  }

  /** Writes all buffered data, and releases the lock. Idempotent. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #flush(): Promise<void> {
    await this.#flushing.run(async () => {
      this.#removeLeftovers();
      await this.#transcripts.flushAll();
      await this.#projections.flush();
    });
  }

  async #acquire(host: StoreHost): Promise<StoreInfo> {
    const files: WatchedPlace = { ...this.#files, notice: (found) => host.notice(found) };
    const place = this.#place = await openPlace(files, { ...this.#options, owner: newOwner(this.#now) });
    const { displayName, limits } = place.config;
    const kept = new Quarantine(place, limits);
    const quarantine = async (path: string) => void await kept.keep(path);
    place.guard.onLost = (error) => this.#lost(error);
    this.#host = host;
    this.#pages = new LogPages(place);
    this.#checkpoints = new Checkpoints(place);
    this.#purged = new PurgedWorkers(place);
    this.#blobs = new Blobs(place, (workerId) => this.#transcripts.createdEventId(workerId));
    this.#projections = new Projections({ ...place, view: host.view, displayName, quarantine });
    this.#transcripts = new Transcripts({ ...place, quarantine, log: () => this.#durableLog() });
    place.guard.makeRoom = () => this.#transcripts.makeRoom();
    const creations = await this.#blobs.clear();
    this.#timer = new IdleTimer(() => this.#flushQuietly());
    const { writer, start, end, checkpointBytes, unrecorded } = await recoverStore({
      ...place,
      host,
      checkpoints: this.#checkpoints,
      transcripts: this.#transcripts,
      purged: this.#purged,
      quarantine: kept,
      purge: (workerId, id, keepsBlobs) => this.#removeWorker(workerId, id, keepsBlobs),
      // Lines are written as late as possible during the replay.
      flushIfFull: async () => {
        const isPressing = this.#transcripts.pendingBytes > PRESSING * limits.transcriptBufferBytes;
        if (isPressing) await this.#transcripts.flushAll();
      },
    });
    if (end.lastEventId === 0) this.#projections.begin();
    this.#appliedEventId = end.lastEventId;
    this.#writer = writer;
    for (const creation of creations) await this.#finishCreation(creation);
    this.#schedule = new CheckpointSchedule(limits, start.through, end.bytesRead, checkpointBytes);
    this.#timer.touch();
    return { displayName, unrecorded };
  }

  async #close(): Promise<void> {
    await this.#acquiring?.catch(() => {});
    if (this.#writer === undefined) return;
    this.#timer.stop();
    try {
      if (!this.#isLost) await this.#flush();
    } catch (error) {
      this.#flushFailed(error);
    } finally {
      await this.#flushing.idle();
      await this.#relieving?.catch(() => {});
      // Nothing may be removed or renamed after the lock is released.
      await this.#checkpointing.idle();
      this.#release();
    }
  }

  /** Closes all files, and releases the lock. */
  #release(): void {
    if (this.#place === undefined) return;
    this.#transcripts.close();
    this.#pages.close();
    this.#writer?.finish();
    this.#place.guard.release();
    this.#place.lock.release();
  }

  #applyRecord(record: EventRecord | undefined, line: PlacedLine | undefined): void {
    if (record === undefined || line === undefined) return;
    const { id, workerId, purges, creates } = record;
    if (creates && workerId !== undefined) this.#removeLeftBy(workerId);
    this.#appliedEventId = id;
    this.#schedule.add(line.end - line.start);
    this.#transcripts.apply(record, line);
    if (purges && workerId !== undefined) this.#removeWorker(workerId, id);
  }

  #removeWorker(workerId: WorkerId, purgedEventId: number, keepsBlobs = false): void {
    this.#projections.forget(workerId, purgedEventId);
    this.#blobs.forget(workerId);
    this.#namesUnsynced = true;
    this.#purged.remove(workerId, purgedEventId, keepsBlobs);
  }

  /** Appends events to the log. The workers that they create have their blobs before, and lose them if that fails. */
  async #append(writer: LogWriter, events: readonly EventRecord[]): Promise<readonly PlacedLine[]> {
    const creations = events.flatMap(({ workerId, adopts }) =>
      workerId === undefined || adopts === undefined ? [] : [{ workerId, creation: adopts }]
    );
    try {
      await this.#settlePurges(events);
      for (const creation of creations) await this.#adopt(creation);
      const lines = await writer.append(events);
      for (const creation of creations) this.#blobs.creations.created(creation);
      return lines;
    } catch (error) {
      // If the store is lost, it is not known whether the events were written.
      for (const { workerId } of this.#isLost ? [] : creations) {
        this.#removeWorker(workerId, this.#appliedEventId);
      }
      throw error;
    }
  }

  /** Makes the removal of earlier blobs durable before ids are used again. */
  async #settlePurges(events: readonly EventRecord[]): Promise<void> {
    for (const { creates, workerId } of events) {
      if (!creates || workerId === undefined || !this.#mayHaveEarlierBlobs(workerId)) continue;
      await this.#blobs.idle();
      await this.#purged.settle(workerId);
    }
  }

  /** Gives a worker the blobs of its creation. From here on, nothing may be removed for an earlier worker. */
  async #adopt(creation: NewWorker): Promise<void> {
    this.#removeLeftBy(creation.workerId);
    this.#purged.forget(creation.workerId);
    await this.#blobs.creations.adopt(creation);
  }

  /** Removes the blobs of a creation that was not appended, also those that its worker has. */
  async #discard(creation: NewWorker): Promise<void> {
    const { workerId } = creation;
    if (this.#mayHaveEarlierBlobs(workerId)) await this.#purged.settle(workerId);
    this.#blobs.creations.discard(creation);
  }

  /** Ends a creation that a crash interrupted. What cannot be removed is left to the next opening. */
  async #finishCreation(creation: NewWorker): Promise<void> {
    const { workerId } = creation;
    if (this.#transcripts.has(workerId)) return this.#blobs.creations.created(creation);
    this.#removeWorker(workerId, this.#appliedEventId);
    try {
      await this.#discard(creation);
      const message = `Removed blobs of worker ${JSON.stringify(workerId)}, which was never created`;
      this.#host.notice({ code: "temporary_removed", severity: "info", message, file: "incoming" });
    } catch (error) {
      if (isVanished(error)) throw error;
    }
  }

  /** Returns true if an id that is not in use may have blobs of an earlier worker. */
  #mayHaveEarlierBlobs(workerId: WorkerId): boolean {
    return this.#purged.mayHaveBlobs(workerId) && !this.#transcripts.has(workerId);
  }

  /** Retries the removal of purged workers' files, unless a new worker has the id. */
  #removeLeftovers(): void {
    for (const [workerId, purgedEventId] of this.#purged.left()) {
      if (this.#transcripts.has(workerId)) this.#purged.forget(workerId);
      else this.#removeWorker(workerId, purgedEventId);
    }
  }

  /** Retries the removal of a purged worker's files before its id is used again: its blobs would be the new worker's. */
  #removeLeftBy(workerId: WorkerId): void {
    const [left] = this.#purged.left().filter(([purged]) => purged === workerId);
    if (left !== undefined) this.#removeWorker(...left);
  }

  /** The log through the last event whose effects on transcripts are applied. */
  #durableLog(): DurableLog {
    return this.#assertOpen().through(this.#appliedEventId);
  }

  /**
   * Bounds the transcript lines in memory: past the bound they are written
   * concurrently with appends; far past it, appends wait.
   */
  async #keepTranscriptsBounded(): Promise<void> {
    const { pendingBytes } = this.#transcripts;
    const { transcriptBufferBytes } = this.#place.config.limits;
    if (pendingBytes <= transcriptBufferBytes) return;
    const relieving = this.#relieving ??= this.#transcripts.flushAll().finally(() =>
      this.#relieving = undefined
    );
    if (pendingBytes > PRESSING * transcriptBufferBytes) await relieving;
  }

  async #syncTranscripts(turn?: number): Promise<void> {
    if (await this.#transcripts.syncAll(turn)) this.#namesUnsynced = true;
    if (!this.#namesUnsynced) return;
    this.#namesUnsynced = false;
    await this.#purged.sync().catch((error) => {
      this.#namesUnsynced = true;
      throw error;
    });
  }

  #flushQuietly(): void {
    if (this.#closing !== undefined || this.#isLost || this.#projections.idle) return;
    this.#flush().catch((error) => this.#flushFailed(error));
  }

  #flushFailed(error: unknown): void {
    // A lost place has been reported already.
    if (isVanished(error)) return;
    const { message } = storeFault(error, "flush", this.directory);
    this.#host.notice({ code: "projection_failed", severity: "warning", message });
  }

  /** True if nothing more may be written. */
  get #isLost(): boolean {
    return this.#writer?.failure !== undefined || this.#place?.guard.failure !== undefined;
  }

  #lost(error: RuntimeError): void {
    this.#timer.stop();
    this.#host.lost(error);
  }

  /** Returns the writer. Throws unless the store is open. */
  #assertOpen(): LogWriter {
    const failure = this.#place?.guard.failure;
    if (failure !== undefined) throw failure;
    if (this.#closing !== undefined) throw storeClosed(this.runtimeId);
    if (this.#writer === undefined) throw new TypeError("Cannot use store: it is not open");
    return this.#writer;
  }
}

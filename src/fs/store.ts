/**
 * The file system store: the seam to the runtime on one side, the parts that
 * know the files on the other.
 *
 * @module
 */
import type { Notice } from "../core/diagnostics.ts";
import { fencedAppend, type FileSpot, RuntimeError } from "../core/errors.ts";
import type { EventRecord } from "../core/events.ts";
import { parseRuntimeId, type RuntimeId, type WorkerId } from "../core/ids.ts";
import type { StateView } from "../core/state.ts";
import type {
  AppendBatch,
  AppendResult,
  LoadedStore,
  PrunedEvents,
  PruneEvents,
  ReadEvents,
  ReadTranscript,
  RuntimeStore,
  Snapshot,
  StoredEvents,
  StoreHost,
  StoreSupports,
} from "../core/store.ts";
import { flushAll, rebuildAll, syncAll, verifyTails, verifyUnsynced } from "./transcripts/all.ts";
import { type Checkpoint, checkpointRows } from "./checkpoint/checkpoint.ts";
import { CheckpointSchedule } from "./checkpoint/schedule.ts";
import { Checkpoints } from "./checkpoint/checkpoints.ts";
import type { StoreConfig } from "./place/config.ts";
import { DenoFileSystem } from "./disk/deno_file_system.ts";
import { guardedAsync, storeFault } from "./disk/faults.ts";
import type { FileSystem } from "./disk/file_system.ts";
import { IdleTimer } from "./disk/idle_timer.ts";
import { absolutePath, type RuntimeLayout, runtimeLayout } from "./layout.ts";
import type { TranscriptLength } from "./transcripts/transcript.ts";
import { type DurableLog, LogPages } from "./log/pages.ts";
import type { LogEnd, LogStart } from "./recovery/recover.ts";
import { replayLog } from "./recovery/replay.ts";
import { newOwner } from "./place/lock.ts";
import { LogWriter } from "./log/writer.ts";
import { Projections } from "./workers/projections.ts";
import { prunable, removeSegments } from "./log/pruning.ts";
import { PurgedWorkers } from "./workers/purging.ts";
import { Quarantine } from "./quarantine.ts";
import { unrecordedSalvage } from "./recovery/salvage_record.ts";
import { listSegments, type LogPosition, segmentSpot, sweepStrays } from "./log/segments.ts";
import { retryOnEmfile } from "./disk/handle_room.ts";
import { OneAtATime } from "./checkpoint/one_at_a_time.ts";
import { isVanished } from "./place/guard.ts";
import { type OpenedPlace, openPlace } from "./place/place.ts";
import type { FsStoreEnvironment, FsStoreOptions } from "./options.ts";
import { mendTail, uncleanOpening } from "./recovery/tail.ts";
import { completeTranscripts } from "./recovery/completion.ts";
import { assertRebuildable, rebuildTranscript } from "./transcripts/rebuild.ts";
import type { TranscriptWitness } from "./recovery/witness.ts";
import { Transcripts } from "./transcripts/transcripts.ts";
import type { PlacedLine } from "./lines/waiting_lines.ts";
import { checkPathLengths } from "./workers/directory.ts";

export type { FsStoreEnvironment, FsStoreOptions } from "./options.ts";

const supports: StoreSupports = Object.freeze({ persistent: true, exclusive: true });
/** How many times the buffer for transcripts may be exceeded before appends wait for it. */
const PRESSING = 4;

/** A {@linkcode RuntimeStore} in a directory. */
export class FsRuntimeStore implements RuntimeStore {
  /** The runtime that the store keeps. */
  readonly runtimeId: RuntimeId;
  /** What the store can do. */
  readonly supports: StoreSupports = supports;
  /** The directory of this runtime. */
  readonly directory: string;
  readonly #fs: FileSystem;
  readonly #layout: RuntimeLayout;
  readonly #place: OpenedPlace;
  readonly #config: StoreConfig;
  readonly #pages: LogPages;
  readonly #transcripts: Transcripts;
  readonly #quarantine: Quarantine;
  readonly #checkpoints: Checkpoints;
  readonly #schedule: CheckpointSchedule;
  readonly #timer: IdleTimer;
  /** Serializes checkpoints and prunings: each changes the state that the other plans with. */
  readonly #checkpointing = new OneAtATime();
  #notices: Notice[];
  #host: StoreHost | undefined;
  #writer: LogWriter | undefined;
  #projections: Projections | undefined;
  /** The last event whose effects on transcripts are taken in. */
  #appliedEventId = 0;
  #flushing: Promise<void> | undefined;
  #relieving: Promise<void> | undefined;
  readonly #purged: PurgedWorkers;
  /** Whether names in the directory of workers were not synced. */
  #namesUnsynced = false;
  #closing: Promise<void> | undefined;

  private constructor(layout: RuntimeLayout, runtimeId: RuntimeId, place: OpenedPlace) {
    const notice = (found: Notice) => this.#notice(found);
    const fs = this.#fs = retryOnEmfile(place.fs, () => this.#transcripts.makeRoom());
    place.guard.onLost = (error) => this.#lost(error);
    this.runtimeId = runtimeId;
    this.directory = layout.directory;
    this.#layout = layout;
    this.#place = place;
    this.#config = place.config;
    this.#notices = [...place.notices];
    this.#pages = new LogPages(fs, layout, runtimeId);
    this.#quarantine = new Quarantine(fs, layout, place.config.limits, notice);
    this.#schedule = new CheckpointSchedule(place.config.limits);
    this.#checkpoints = new Checkpoints(fs, layout, runtimeId, notice);
    this.#purged = new PurgedWorkers(fs, layout, notice);
    this.#transcripts = new Transcripts(fs, layout, runtimeId, {
      notice,
      quarantine: async (path) => void await this.#quarantine.keep(path),
      assertRebuildable: (owner, path) => assertRebuildable(layout, owner, path, this.#durableLog()),
      rebuild: (owner, path, lost) => rebuildTranscript(fs, layout, owner, path, this.#durableLog(), lost),
    });
    this.#timer = new IdleTimer(() => this.#flushQuietly());
  }

  /**
   * Opens the store of a runtime below `root`, creating it unless `create` is
   * false, and holds it alone until closed.
   *
   * Requires `--allow-read` and `--allow-write` for `root`.
   *
   * Throws `store_locked` when it is open elsewhere, `store_missing`,
   * `store_corrupt`, `store_version`, `store_permission` with the flag to add,
   * `no_space`, `store_io`, and `invalid_request` for a bad id or config.
   */
  static async open(options: FsStoreOptions, environment: FsStoreEnvironment = {}): Promise<FsRuntimeStore> {
    const fs = environment.fileSystem ?? new DenoFileSystem();
    const owner = newOwner(environment.now ?? Date.now);
    const runtimeId = parseRuntimeId(options.runtimeId);
    const root = absolutePath(options.root);
    const layout = runtimeLayout(root, runtimeId);
    const { create = true } = options;
    const place = await openPlace(fs, layout, { root, runtimeId, create, owner });
    return new FsRuntimeStore(layout, runtimeId, place);
  }

  /** The operator's name of the runtime, from `config.jsonc`. */
  get displayName(): string | undefined {
    return this.#config.displayName;
  }

  /** Gives back the newest checkpoint and the events after it, and mends the end of the log. */
  async load(host: StoreHost): Promise<LoadedStore> {
    this.#assertOpen();
    if (this.#host !== undefined) throw new TypeError("Cannot load store: it was loaded already");
    this.#host = host;
    for (const found of this.#notices.splice(0)) host.notice(found);
    this.#projections = this.#newProjections(host.view);
    const checkpoint = this.#checkpoints.load();
    this.#transcripts.beginReplay();
    for (const row of checkpoint?.rows ?? []) this.#transcripts.restore(row);
    this.#purged.restore(checkpoint?.purgedLeft ?? []);
    const notice = (found: Notice) => this.#notice(found);
    const unrecorded = unrecordedSalvage(this.#fs, this.#layout, this.runtimeId, notice);
    const { snapshot } = checkpoint ?? {};
    return await Promise.resolve({ snapshot, events: this.#replay(checkpoint), unrecorded });
  }

  /** Throws `invalid_request` if the paths of a worker's files would be too long for the file system. */
  admits(workerId: WorkerId): void {
    this.#assertOpen();
    checkPathLengths(this.#fs, this.#layout, workerId);
  }

  /** Appends a batch to the log; resolves when it is durable. */
  async append(batch: AppendBatch): Promise<AppendResult> {
    const writer = this.#loadedWriter();
    if (batch.expectedLastEventId !== writer.lastEventId) {
      writer.fail(fencedAppend(batch.expectedLastEventId, writer.lastEventId));
    }
    const lines = await writer.append(batch.events);
    for (let index = 0; index < batch.events.length; index++) {
      this.#applyRecord(batch.events[index], lines[index]);
    }
    await this.#keepTranscriptsBounded();
    this.#projections?.touch(batch.touched, writer.lastEventId);
    this.#timer.touch();
    return { snapshotDue: this.#schedule.isDue(this.#appliedEventId) };
  }

  /** A page of events. */
  async readEvents(read: ReadEvents): Promise<StoredEvents> {
    this.#loadedWriter();
    return await Promise.resolve(this.#pages.read(this.#durableLog(), read));
  }

  /** The events that hold a page of a transcript. */
  async readTranscript(read: ReadTranscript): Promise<readonly string[]> {
    this.#loadedWriter();
    return await this.#transcripts.read(read);
  }

  /** The segment that holds an event. */
  spotOf(eventId: number): FileSpot {
    const segments = this.#writer?.segments ?? listSegments(this.#fs, this.#layout).firstEventIds;
    return segmentSpot(this.#layout, segments, eventId);
  }

  /** Writes a checkpoint. One that is due syncs some of the transcripts, in turn; one for its own sake syncs all. */
  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    const writer = this.#loadedWriter();
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
    const writer = this.#loadedWriter();
    await writer.syncNow();
    this.#removeLeftovers();
    await this.#syncTranscripts(turn);
    // Transcripts that were rebuilt just now have a length again, if nothing was added to them meanwhile.
    const lengths = writer.lastEventId === snapshot.through ? this.#transcripts.lengths() : lengthsThen;
    const { through, runtimeJson } = snapshot;
    const rows = checkpointRows(snapshot, this.#transcripts.withSynced(lengths));
    return await this.#checkpoints.save({
      runtimeId: this.runtimeId,
      through,
      position,
      runtimeJson,
      // Covered purges are not replayed again.
      purgedLeft: this.#purged.left().filter(([, purgedEventId]) => purgedEventId <= through),
      rows,
    });
  }

  /** Gives up whole segments that neither checkpoint needs. */
  async prune({ through, dryRun }: PruneEvents): Promise<PrunedEvents> {
    const writer = this.#loadedWriter();
    const unneeded = () => Math.min(through, this.#checkpoints.lastUnneeded());
    const plan = (bound: number) =>
      prunable(this.#fs, this.#layout, writer.segments, Math.min(bound, this.#transcripts.firstNeeded() - 1));
    if (dryRun) return plan(unneeded()).pruned;
    return await this.#checkpointing.run(async () => {
      // Events that become removable during the sync of transcripts are kept: the sync may have missed their lines.
      const bound = unneeded();
      if (plan(bound).gone.length === 0) return plan(bound).pruned;
      // Transcripts must do without these events from now on: they have to be right, and to last.
      await verifyUnsynced(this.#transcripts);
      await this.#syncTranscripts();
      const { gone, pruned } = plan(bound);
      writer.forget(new Set(gone));
      this.#pages.close();
      await removeSegments(this.#fs, this.#layout, gone);
      return pruned;
    });
  }

  /**
   * Waits until transcripts and projections are written. Also resolves if
   * files of individual workers could not be written: a diagnostic `projection_failed`
   * names each, its events are safe in the log, and the next flush tries again.
   */
  async flush(): Promise<void> {
    this.#loadedWriter();
    await this.#flush();
  }

  /** Writes what is behind, and lets the place go. Harmless when repeated. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async *#replay(checkpoint: Checkpoint | undefined): AsyncGenerator<readonly string[]> {
    const start = { through: checkpoint?.snapshot.through ?? 0, position: checkpoint?.position };
    const listing = listSegments(this.#fs, this.#layout);
    const { firstEventIds: segments } = listing;
    const notice = (found: Notice) => this.#notice(found);
    sweepStrays(this.#fs, this.#layout, listing, notice);
    const reading = {
      fs: this.#fs,
      layout: this.#layout,
      runtimeId: this.runtimeId,
      segments,
      transcripts: this.#transcripts,
      flushIfFull: () => this.#keepReplayBounded(),
    };
    if (checkpoint !== undefined) await completeTranscripts({ ...reading, checkpoint, notice });
    const end = yield* replayLog({
      ...reading,
      start,
      wasSynced: this.#place.wasSynced,
      purge: (workerId, id) => this.#removeWorker(workerId, id),
      mend: (end, witness) => this.#mend(end, witness),
    });
    await this.#begin(end, segments, start);
    this.#schedule.begin(start.through, end.bytesRead, checkpoint?.bytes ?? 0);
  }

  /** While the log is replayed, writing transcripts waits for later as long as it can. */
  async #keepReplayBounded(): Promise<void> {
    const { transcriptBufferBytes } = this.#config.limits;
    if (this.#transcripts.pendingBytes > PRESSING * transcriptBufferBytes) await flushAll(this.#transcripts);
  }

  /** Mends the end of the log, and what transcripts hold past it. */
  async #mend(end: LogEnd, transcripts: TranscriptWitness): Promise<void> {
    const notice = (found: Notice) => this.#notice(found);
    await mendTail(this.#fs, this.#layout, end, this.#quarantine, notice);
    await transcripts.mend(end.lastEventId, this.#quarantine, notice);
    await this.#place.rememberConfig();
    this.#transcripts.endReplay();
  }

  /** Begins to write where the log ends. An end that was in doubt is left behind in its segment. */
  async #begin(end: LogEnd, segments: readonly number[], start: LogStart): Promise<void> {
    const wasUsed = end.lastEventId > 0;
    // A segment without events may have a header that was never synced.
    const isBare = wasUsed && end.lineOffset === 0;
    const isClean = end.tail === undefined && end.bytesRead === 0 && end.segment === segments.at(-1) &&
      !isBare;
    const kept = end.tail?.row.verdict === "remove_segment"
      ? segments.filter((id) => id !== end.segment)
      : segments;
    const { durability, limits: { segmentBytes } } = this.#config;
    const writer = new LogWriter(this.#fs, this.#layout, this.runtimeId, { ...end, segments: kept }, {
      durability,
      segmentBytes,
      guard: this.#place.guard,
      notice: (found) => this.#notice(found),
      lost: (error) => this.#lost(error),
    });
    if (!isClean) await writer.startSegment();
    if (!wasUsed) this.#projections?.begin();
    if (!isClean && wasUsed) this.#notice(uncleanOpening(start.through, end.lastEventId));
    this.#appliedEventId = end.lastEventId;
    this.#writer = writer;
    this.#timer.touch();
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
    this.#projections?.forget(workerId, purgedEventId);
    this.#namesUnsynced = true;
    this.#purged.remove(workerId, purgedEventId);
  }

  /** Tries again to remove what could not be removed; a worker that has the id by now writes over it. */
  #removeLeftovers(): void {
    for (const [workerId, purgedEventId] of this.#purged.left()) {
      if (this.#transcripts.has(workerId)) this.#purged.forget(workerId);
      else this.#removeWorker(workerId, purgedEventId);
    }
  }

  /** What may be read: events whose effects on transcripts are taken in too. */
  #durableLog(): DurableLog {
    return this.#loadedWriter().through(this.#appliedEventId);
  }

  /**
   * Lines for transcripts are kept in memory up to a bound; past it they are
   * written beside what goes on, and far past it nothing goes on before.
   */
  async #keepTranscriptsBounded(): Promise<void> {
    const { pendingBytes } = this.#transcripts;
    const { transcriptBufferBytes } = this.#config.limits;
    if (pendingBytes <= transcriptBufferBytes) return;
    const relieving = this.#relieving ??= flushAll(this.#transcripts).finally(() =>
      this.#relieving = undefined
    );
    if (pendingBytes > PRESSING * transcriptBufferBytes) await relieving;
  }

  async #syncTranscripts(turn?: number): Promise<void> {
    await verifyTails(this.#transcripts, turn);
    await rebuildAll(this.#transcripts);
    await flushAll(this.#transcripts);
    if (this.#transcripts.unsynced().length > 0) this.#namesUnsynced = true;
    await syncAll(this.#transcripts, turn);
    if (!this.#namesUnsynced) return;
    const { workers } = this.#layout;
    this.#namesUnsynced = false;
    await guardedAsync("sync", workers, () => this.#fs.syncDirectory(workers)).catch((error) => {
      this.#namesUnsynced = true;
      throw error;
    });
  }

  /** One flush at a time; one that was asked for meanwhile comes after it. */
  async #flush(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
    this.#removeLeftovers();
    const flushing = flushAll(this.#transcripts).then(() => this.#projections?.flush());
    this.#flushing = flushing;
    await flushing.finally(() => this.#flushing = undefined);
  }

  #flushQuietly(): void {
    if (this.#closing !== undefined || this.#isLost || this.#projections?.idle !== false) return;
    this.#flush().catch((error) => this.#flushFailed(error));
  }

  #flushFailed(error: unknown): void {
    // A lost place has been reported already.
    if (isVanished(error)) return;
    const { message } = storeFault(error, "flush", this.#layout.directory);
    this.#notice({ code: "projection_failed", severity: "warning", message });
  }

  async #close(): Promise<void> {
    this.#timer.stop();
    try {
      if (this.#writer !== undefined && !this.#isLost) await this.#flush();
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

  #newProjections(view: StateView): Projections {
    return new Projections(this.#fs, this.#layout, this.runtimeId, {
      view,
      displayName: this.displayName,
      notice: (found) => this.#notice(found),
      quarantine: async (path) => void await this.#quarantine.keep(path),
    });
  }

  #notice(found: Notice): void {
    if (this.#host === undefined) this.#notices.push(found);
    else this.#host.notice(found);
  }

  /** True if nothing more may be written. */
  get #isLost(): boolean {
    return this.#writer?.failure !== undefined || this.#place.guard.failure !== undefined;
  }

  #lost(error: RuntimeError): void {
    this.#timer.stop();
    this.#host?.lost(error);
  }

  #assertOpen(): void {
    const { failure } = this.#place.guard;
    if (failure !== undefined) throw failure;
    if (this.#closing === undefined) return;
    const message = `Cannot use store of runtime ${JSON.stringify(this.runtimeId)}: it is closed`;
    throw new RuntimeError("runtime_closed", message, { runtimeId: this.runtimeId });
  }

  #loadedWriter(): LogWriter {
    this.#assertOpen();
    if (this.#writer === undefined) {
      throw new TypeError("Cannot use store: it must be loaded, and read to the end, first");
    }
    return this.#writer;
  }
}

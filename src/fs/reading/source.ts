/**
 * The read-only source of a runtime on disk: takes no lock and writes
 * nothing, on a store that may be in use, damaged, or a copy.
 *
 * @module
 */
import { cursorExpired, type FileSpot, isRuntimeError, type RuntimeError } from "../../core/errors.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import { workerNotFound } from "../../core/rules.ts";
import type { WorkerState } from "../../core/state.ts";
import type {
  BlobFacts,
  ReadEvents,
  ReadTranscript,
  RuntimeSource,
  SourceInfo,
  StoredEvents,
  StoreHost,
} from "../../core/store.ts";
import { blobSize, listBlobs, readBlob } from "../blobs/blobs.ts";
import { OneAtATime } from "../checkpoint/one_at_a_time.ts";
import { readConfig } from "../place/config.ts";
import { lastSettings } from "../place/identity.ts";
import { DenoFileSystem } from "../disk/deno_file_system.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { LogPages } from "../log/pages.ts";
import { segmentSpot } from "../log/segments.ts";
import { LogFollower, type PendingTail, sleep, untilSteady } from "./follower.ts";
import { absoluteLocation, findPlace, type FoundPlace, type StoreLocation } from "../place/find.ts";
import { transcriptOwner } from "../transcripts/file.ts";
import { readTranscriptPage, type TranscriptPage } from "./transcripts.ts";

/** Further options of a {@linkcode FsRuntimeSource}. */
export interface FsSourceEnvironment {
  /** The disk. @default the real one */
  readonly fileSystem?: FileSystem | undefined;
  /** Milliseconds between two reads while a watch waits for events. @default {250} */
  readonly pollMs?: number | undefined;
}

/** State of a source once it is loaded. */
interface OpenedLog {
  readonly host: StoreHost;
  readonly follower: LogFollower;
  readonly pages: LogPages;
}

/**
 * A runtime on disk, for a `RuntimeReader`. Takes no lock, needs
 * `--allow-read` of the store alone, and works while a writer has it open.
 * Constructed without I/O.
 *
 * A damaged log is no error: what precedes the damage can be read, and
 * {@linkcode FsRuntimeSource.damage} says what is wrong. Loading throws
 * `store_missing`, `store_version`, `store_permission`, `store_io`.
 *
 * @example Usage
 * ```ts
 * import { Runtime, RuntimeReader } from "@yoi/worker-runtime";
 * import { FsRuntimeSource, FsRuntimeStore } from "@yoi/worker-runtime/fs-store";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * await using owner = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
 * await owner.createWorker({ workerId: "reviewer", intent: { kind: "assistant" } });
 *
 * const source = new FsRuntimeSource({ root, runtimeId: "local" });
 * await using reader = await RuntimeReader.open({ source });
 * assertEquals(reader.worker("reviewer").status, "running");
 * assertEquals(source.damage, undefined);
 * ```
 */
export class FsRuntimeSource implements RuntimeSource {
  readonly #fs: FileSystem;
  readonly #location: StoreLocation;
  readonly #pollMs: number;
  #found: FoundPlace | undefined;
  #opened: OpenedLog | undefined;
  readonly #reading = new OneAtATime();
  /** The reading after the one in progress. */
  #next: Promise<void> | undefined;

  /** The runtime at a location; a relative path is resolved immediately. */
  constructor(location: StoreLocation, { fileSystem, pollMs = 250 }: FsSourceEnvironment = {}) {
    this.#fs = fileSystem ?? new DenoFileSystem();
    this.#location = absoluteLocation(location);
    this.#pollMs = pollMs;
  }

  /** The runtime's id. Of a directory it is read from there. Throws `store_missing`. */
  get runtimeId(): RuntimeId {
    return this.#place.runtimeId;
  }

  /** The directory of the runtime. */
  get directory(): string {
    return this.#place.layout.directory;
  }

  /** The last event that the checkpoint in use covers; 0 without one. */
  get checkpointThrough(): number {
    return this.#log.follower.base.through;
  }

  /** The end of the log that was not read: a write in progress, or the remains of one. */
  get pending(): PendingTail {
    return this.#log.follower.pending;
  }

  /** The error that prevents reading further; `undefined` for an intact log. */
  get damage(): RuntimeError | undefined {
    return this.#log.follower.damage;
  }

  /** First event ids of the segments of the log, in order. */
  get segments(): readonly number[] {
    return this.#log.follower.segments;
  }

  /** Reads the newest usable checkpoint and the log after it. */
  async load(host: StoreHost): Promise<SourceInfo> {
    const displayName = this.#readName(host);
    const follower = new LogFollower(this.#place, host);
    this.#opened = { host, follower, pages: new LogPages(this.#place) };
    await follower.begin();
    return { displayName };
  }

  /** A page of events. */
  async readEvents(read: ReadEvents): Promise<StoredEvents> {
    return await untilSteady(() => this.#page(read), async () => {
      await this.#advance();
      const [oldest = 1] = this.segments;
      if (read.keep === "first" && read.from < oldest) throw cursorExpired(read.from - 1, oldest);
    });
  }

  /** A page of a transcript, from its file, or from the log if the file is damaged. */
  async readTranscript(read: ReadTranscript): Promise<readonly string[]> {
    const state = this.#worker(read.workerId);
    try {
      const { texts, notice } = await untilSteady(
        () => this.#transcriptPage(state, read),
        () => this.#assertSameLife(state),
      );
      if (notice === undefined) return texts;
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
    }
    // Damage, or the worker was purged since the last refresh.
    await this.#assertSameLife(state);
    const { texts, notice } = await this.#transcriptPage(state, read);
    if (notice !== undefined) this.#log.host.notice(notice);
    return texts;
  }

  /** Size of a blob. */
  async blobSize(workerId: WorkerId, sha256: string): Promise<number | undefined> {
    return await Promise.resolve(blobSize(this.#place, workerId, sha256));
  }

  /** Bytes of a blob. */
  async readBlob(workerId: WorkerId, blob: BlobFacts): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return await Promise.resolve(readBlob(this.#place, workerId, blob));
  }

  /** Blobs of a worker. */
  async blobs(workerId: WorkerId): Promise<readonly BlobFacts[]> {
    return await Promise.resolve(listBlobs(this.#place, workerId));
  }

  /** Reads the log until there are events after `after`. */
  async news(after: number, signal: AbortSignal): Promise<number> {
    const { follower } = this.#log;
    do {
      await this.#advance();
      if (follower.lastEventId > after) break;
      await sleep(this.#pollMs, signal);
    } while (!signal.aborted);
    return follower.lastEventId;
  }

  /** The segment of an event. */
  spotOf(eventId: number): FileSpot {
    return segmentSpot(this.#place.layout, this.#opened?.follower.segments ?? [], eventId);
  }

  /** Closes its files. */
  async close(): Promise<void> {
    await this.#reading.idle();
    this.#opened?.pages.close();
  }

  get #place(): FoundPlace {
    return this.#found ??= findPlace(this.#fs, this.#location);
  }

  get #log(): OpenedLog {
    if (this.#opened === undefined) throw new TypeError("Cannot use source: it must be loaded first");
    return this.#opened;
  }

  #readName(host: StoreHost): string | undefined {
    const { fs, layout } = this.#place;
    try {
      return readConfig(fs, layout.config, lastSettings(this.#place)).displayName;
    } catch (error) {
      if (!isRuntimeError(error)) throw error;
      const { message } = error;
      host.notice({ code: "foreign_entry", severity: "warning", message, file: "config.jsonc" });
      return undefined;
    }
  }

  /** Reads what was added to the log. Calls during a reading share the next one: the former may be past the end. */
  async #advance(): Promise<void> {
    const { follower, pages } = this.#log;
    const [oldest] = follower.segments;
    await (this.#next ??= this.#reading.run(() => {
      this.#next = undefined;
      return follower.advance();
    }));
    // Open files would keep the disk space of pruned segments in use.
    if (follower.segments[0] !== oldest) pages.close();
  }

  #page(read: ReadEvents): StoredEvents {
    const { follower: { lastEventId, position, segments }, pages } = this.#log;
    const log = {
      segments: segments.filter((segment) => segment <= (position?.segment ?? 1)),
      lastEventId,
      offset: position?.offset ?? 0,
    };
    return pages.read(log, read);
  }

  async #transcriptPage(
    state: WorkerState,
    { from, to, keep }: ReadTranscript,
  ): Promise<TranscriptPage> {
    const owner = transcriptOwner(this.runtimeId, state);
    const range = { from, to: Math.min(to, state.transcriptLength) + 1, keep };
    return await readTranscriptPage(this.#place, this.#log.follower, owner, range);
  }

  #worker(workerId: WorkerId): WorkerState {
    const state = this.#log.host.view.worker(workerId);
    if (state === undefined) throw workerNotFound(workerId);
    return state;
  }

  /** Reads the log on. Throws `worker_not_found` if the worker was purged. */
  async #assertSameLife({ record: { workerId }, createdEventId }: WorkerState): Promise<void> {
    await this.#advance();
    if (this.#worker(workerId).createdEventId !== createdEventId) throw workerNotFound(workerId);
  }
}

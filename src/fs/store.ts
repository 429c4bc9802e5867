/**
 * The file system store.
 *
 * @module
 */
import { type FileSpot, storeClosed } from "../core/errors.ts";
import { parseRuntimeId, type RuntimeId, type WorkerId } from "../core/ids.ts";
import type {
  AppendBatch,
  AppendResult,
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
import { DenoFileSystem } from "./disk/deno_file_system.ts";
import type { FileSystem } from "./disk/file_system.ts";
import { absolutePath, type RuntimeLayout, runtimeLayout } from "./layout.ts";
import { listSegments, segmentSpot } from "./log/segments.ts";
import { OpenStore } from "./open_store.ts";
import type { FsStoreEnvironment, FsStoreOptions } from "./options.ts";
import { newOwner } from "./place/lock.ts";
import { openPlace } from "./place/place.ts";

export type { FsStoreEnvironment, FsStoreOptions } from "./options.ts";

const supports: StoreSupports = Object.freeze({ persistent: true, exclusive: true });

/**
 * A {@linkcode RuntimeStore} in a directory. Requires `--allow-read` and
 * `--allow-write` for its root directory.
 */
export class FsRuntimeStore implements RuntimeStore {
  /** The runtime that the store keeps. */
  readonly runtimeId: RuntimeId;
  /** Capabilities. */
  readonly supports: StoreSupports = supports;
  /** The directory of this runtime. */
  readonly directory: string;
  readonly #root: string;
  readonly #create: boolean;
  readonly #fs: FileSystem;
  readonly #now: () => number;
  readonly #layout: RuntimeLayout;
  #acquiring: Promise<StoreInfo> | undefined;
  #opened: OpenStore | undefined;
  #closing: Promise<void> | undefined;

  /** Creates a store for `Runtime.open`, without I/O. Throws `invalid_request` for an invalid id or root. */
  constructor(options: FsStoreOptions, environment: FsStoreEnvironment = {}) {
    this.runtimeId = parseRuntimeId(options.runtimeId);
    this.#root = absolutePath(options.root);
    this.#create = options.create ?? true;
    this.#fs = environment.fileSystem ?? new DenoFileSystem();
    this.#now = environment.now ?? Date.now;
    this.#layout = runtimeLayout(this.#root, this.runtimeId);
    this.directory = this.#layout.directory;
  }

  /**
   * Opens the store: creates it unless it exists, locks it until it is closed,
   * recovers it, and pushes its content to the host.
   *
   * Throws `store_locked` while it is open elsewhere, `store_missing`,
   * `store_corrupt`, `store_version`, `store_permission` with the flag to add,
   * `no_space`, `store_io`, and `invalid_request` for an invalid config.
   */
  async acquire(host: StoreHost): Promise<StoreInfo> {
    if (this.#closing !== undefined) throw storeClosed(this.runtimeId);
    if (this.#acquiring !== undefined) throw new TypeError("Cannot open store: it was opened before");
    return await (this.#acquiring = this.#acquire(host));
  }

  /** Throws `invalid_request` if the paths of the worker's files would be too long for the file system. */
  admits(workerId: WorkerId): void {
    this.#store.admits(workerId);
  }

  /** Appends a batch to the log; resolves when it is durable. */
  async append(batch: AppendBatch): Promise<AppendResult> {
    return await this.#store.append(batch);
  }

  /** A page of events. */
  async readEvents(read: ReadEvents): Promise<StoredEvents> {
    return await this.#store.readEvents(read);
  }

  /** The events that hold a page of a transcript. */
  async readTranscript(read: ReadTranscript): Promise<readonly string[]> {
    return await this.#store.readTranscript(read);
  }

  /** The segment that holds an event. */
  spotOf(eventId: number): FileSpot {
    const segments = this.#opened?.segments ?? listSegments(this.#fs, this.#layout).firstEventIds;
    return segmentSpot(this.#layout, segments, eventId);
  }

  /** Writes a checkpoint. */
  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    await this.#store.saveSnapshot(snapshot);
  }

  /** Deletes whole segments that neither checkpoint needs. */
  async prune(prune: PruneEvents): Promise<PrunedEvents> {
    return await this.#store.prune(prune);
  }

  /** Writes transcripts and projections. */
  async flush(): Promise<void> {
    await this.#store.flush();
  }

  /** Writes what is not written yet, and releases the lock. Idempotent. */
  close(): Promise<void> {
    return this.#closing ??= this.#opened?.close() ?? this.#closeUnopened();
  }

  async #acquire(host: StoreHost): Promise<StoreInfo> {
    const { runtimeId } = this;
    const [fs, layout] = [this.#fs, this.#layout];
    const options = { root: this.#root, runtimeId, create: this.#create, owner: newOwner(this.#now) };
    const store = new OpenStore(layout, runtimeId, await openPlace(fs, layout, options), host);
    try {
      const info = await store.recover();
      this.#opened = store;
      return info;
    } catch (error) {
      // An error of closing would hide this one.
      await store.close().catch(() => {});
      throw error;
    }
  }

  async #closeUnopened(): Promise<void> {
    await this.#acquiring?.catch(() => {});
    await this.#opened?.close();
  }

  get #store(): OpenStore {
    if (this.#opened === undefined) {
      throw this.#closing === undefined
        ? new TypeError("Cannot use store: it is not open")
        : storeClosed(this.runtimeId);
    }
    this.#opened.assertOpen();
    return this.#opened;
  }
}

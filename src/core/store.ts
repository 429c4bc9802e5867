/**
 * The store interface. It is narrow: a store keeps the texts of events in
 * order and returns them; it interprets nothing. Validation, ids, folding,
 * idempotency and group commit are implemented once, above it. It is
 * asynchronous throughout, and an append carries the id of the event that it
 * follows, so a store may be on another machine.
 *
 * The conformance suite in `./testing` is the contract in full.
 *
 * @module
 */
import type { BlobRef } from "./blob_ref.ts";
import type { Notice } from "./diagnostics.ts";
import type { FileSpot, RuntimeError } from "./errors.ts";
import type { EventRecord } from "./event_types.ts";
import type { RuntimeId, WorkerId } from "./ids.ts";
import type { JsonObject } from "./json.ts";
import type { BlobHash } from "./sha256.ts";
import type { StateView } from "./state.ts";

/** Capabilities of a store, which the conformance suite relies on. */
export interface StoreSupports {
  /** Appended events survive the process that wrote them. */
  readonly persistent: boolean;
  /** A second store on the same place is rejected with `store_locked` while this one is open. */
  readonly exclusive: boolean;
}

/** Receives the snapshot and the events that a store or a source keeps. */
export interface StoreHost {
  /** The state folded from what was pushed, always current. */
  readonly view: StateView;
  /**
   * Restores a snapshot in place of the state: at most once, before the first
   * event; a source restores again if events that it had not pushed were
   * pruned. Throws `store_corrupt`, and then changes nothing.
   */
  restore(snapshot: LoadedSnapshot): void;
  /**
   * Folds the events that follow, oldest first. Those that add to a transcript
   * may lack their `entries`. Throws `store_corrupt` at the first event that
   * does not follow; those before it are folded.
   */
  replay(texts: readonly string[]): void;
  /** Receives diagnostics. */
  notice(notice: Notice): void;
  /**
   * Reports that the place or its ownership is lost, as soon as this is known,
   * also between commands. `error` is final (`store_vanished`, `store_fenced`,
   * `store_rolled_back`, `store_poisoned`); the same error rejects every later call.
   * Called again with the same code once more is known, such as the new owner.
   */
  lost(error: RuntimeError): void;
}

/** Facts known once a source is loaded. */
export interface SourceInfo {
  /** Name of the runtime for people, if the operator gave one. */
  readonly displayName?: string | undefined;
}

/** Facts known once a store is open. */
export interface StoreInfo extends SourceInfo {
  /** Events that an interrupted operation on the store left unrecorded; the opening records them. */
  readonly unrecorded?: readonly UnrecordedEvent[] | undefined;
}

/** A custom event of the runtime to record exactly once. */
export interface UnrecordedEvent {
  /** Its name. */
  readonly name: string;
  /** Its data. */
  readonly data: JsonObject;
  /** Idempotency key. The log may already contain an event with this key. */
  readonly key: string;
  /** Fingerprint for the key. */
  readonly request: string;
  /** The event is recorded only if the log ends before this event; otherwise the operation has not taken effect. */
  readonly endsBefore: number;
  /** Called when the event is durable. Does not reject. */
  recorded(): Promise<void>;
}

/** A snapshot as it was saved. */
export interface LoadedSnapshot {
  /** The last event that it covers. */
  readonly through: number;
  /** The runtime's part. */
  readonly runtimeJson: string;
  /** A part for each worker, in the order they were given. */
  readonly workers: Iterable<string>;
}

/** A snapshot to save: a consistent state, which does not change while it is written. */
export interface Snapshot {
  /** The last event that it covers. */
  readonly through: number;
  /** The runtime's part: one JSON object without line breaks. */
  readonly runtimeJson: string;
  /** The parts of all workers, in the order of their creation, created on demand. Iterated once. */
  readonly workers: AsyncIterable<SnapshotPart>;
  /** Workers created, changed or purged since the last snapshot that was saved. */
  readonly changed: ReadonlySet<WorkerId>;
}

/** One worker's part of a snapshot. */
export interface SnapshotPart {
  /** The worker. */
  readonly workerId: WorkerId;
  /** One JSON object without line breaks. */
  readonly json: string;
}

/** A batch to append: all of it or nothing. */
export interface AppendBatch {
  /** Id of the last event known to the writer; the batch starts one after it. */
  readonly expectedLastEventId: number;
  /** At least one event, with ids in order and no gaps. */
  readonly events: readonly EventRecord[];
  /** Workers whose state the batch changes. */
  readonly touched: ReadonlySet<WorkerId>;
}

/** Result of an append. */
export interface AppendResult {
  /** A snapshot is due, to keep the next opening short. */
  readonly snapshotDue: boolean;
}

/** A range of event ids or sequences, resolved by the core. It may be empty, or reach past the newest item. */
export interface ReadRange {
  /** The first. */
  readonly from: number;
  /** The last. */
  readonly to: number;
  /** The end that stays if the range exceeds `limits.pageBytesMax`: at least one item does. */
  readonly keep: "first" | "last";
}

/** Events to read. */
export interface ReadEvents extends ReadRange {
  /**
   * Only the events of this worker, including earlier workers with its id. Then the
   * range may be long, and the store may stop after a bounded scan.
   */
  readonly workerId?: WorkerId | undefined;
  /** With `workerId`: the store may stop after so many events. */
  readonly limit?: number | undefined;
}

/** A page of events. */
export interface StoredEvents {
  /** Their texts, oldest first. */
  readonly events: readonly string[];
  /** The farthest id examined from the end that `keep` names: the range is complete if it is the other end. */
  readonly scanned: number;
  /** The oldest event that is still kept; one past the last if none is. */
  readonly firstEventId: number;
}

/** Transcript entries to read, by sequence. */
export interface ReadTranscript extends ReadRange {
  /** The worker. */
  readonly workerId: WorkerId;
}

/** One life of a worker. */
export interface BlobOwner {
  /** The worker. */
  readonly workerId: WorkerId;
  /** The event that created it. */
  readonly createdEventId: number;
}

/**
 * A worker that is yet to be created. Blobs are put for it first; the event that creates it adopts them. Until then
 * no worker has them: not even one of the same id that exists, or is created or purged, meanwhile.
 */
export interface NewWorker {
  /** The worker. */
  readonly workerId: WorkerId;
  /** Number of its creation: 1, 2, 3 ... while the store is open. */
  readonly creation: number;
}

/** Identity and size of a blob. */
export type BlobFacts = Omit<BlobRef, "mediaType">;

/**
 * The bytes of a blob to keep. Iterated once; a chunk is valid until the next one.
 * The iteration throws `limit_exceeded` beyond `limits.blobBytesMax`, and the error of the source.
 */
export interface BlobInput extends AsyncIterable<Uint8Array> {
  /** Hash and size of the bytes, known once they have been iterated. */
  readonly facts: BlobFacts;
}

/** Events to delete. */
export interface PruneEvents {
  /** The last event that may be deleted. */
  readonly through: number;
  /** Report only what would be deleted. */
  readonly dryRun: boolean;
}

/** Deleted events, or those that would be deleted. */
export interface PrunedEvents {
  /** The oldest event that is kept. */
  readonly firstEventId: number;
  /** Number of deleted events. */
  readonly events: number;
  /** Bytes of deleted events. */
  readonly bytes: number;
}

/** The part that a store and a source have in common: events and transcripts to read. */
export interface StoredRuntime {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** A page of events. Throws `cursor_expired` if `keep` is "first" and `from` precedes the oldest event kept. */
  readEvents(read: ReadEvents): Promise<StoredEvents>;
  /** The texts of the events that hold a page of a worker's transcript, oldest first. */
  readTranscript(read: ReadTranscript): Promise<readonly string[]>;
  /** The location of an event, for errors about it; a runtime that is not in files has none. */
  spotOf?(eventId: number): FileSpot;
  /**
   * Size of a worker's blob in bytes; `undefined` if it has no such blob. The
   * owner may refer to the blob once this resolves: it is durable.
   */
  blobSize(workerId: WorkerId, sha256: string): Promise<number | undefined>;
  /**
   * The bytes of a worker's blob, verified as they are read. Throws
   * `blob_missing`, and `blob_corrupt` if the size differs; the stream ends with
   * `blob_corrupt` if the hash does.
   */
  readBlob(workerId: WorkerId, blob: BlobFacts): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
  /** The blobs of a worker, in no particular order. */
  blobs(workerId: WorkerId): Promise<readonly BlobFacts[]>;
  /** Releases everything. Idempotent. */
  close(): Promise<void>;
}

/** Keeps a runtime for its owner. Constructed without I/O, and opened once, by `Runtime.open`. */
export interface RuntimeStore extends StoredRuntime {
  /** Capabilities. */
  readonly supports: StoreSupports;
  /**
   * Opens the store: locks it, recovers it, and pushes the newest usable
   * snapshot and all later events to `host`. Called once, before anything
   * else. Releases everything if it fails.
   */
  acquire(host: StoreHost): Promise<StoreInfo>;
  /**
   * Throws `invalid_request` if the store cannot keep a worker of this id, for
   * example because of a limit on paths. Called before each creation.
   */
  admits?(workerId: WorkerId): void;
  /**
   * Makes a batch durable; resolves when it is, as far as `supports` says.
   * An event that purges deletes all data of its worker besides the log. The
   * same batch may create a worker with this id again; the core does so in a later
   * batch, so that a store can make the deletion durable first.
   * An event that `adopts` gives its worker the blobs that were put for this creation: all
   * of them if the event is appended, none otherwise, also after a crash. It follows
   * no purge of its worker in the same batch.
   * Never called again before it settled. After a rejection nothing of the
   * batch was appended, unless the code is final (`store_poisoned`,
   * `store_vanished`, `store_fenced`, `store_rolled_back`): then it is not known,
   * and every later append is rejected. A batch that does not follow the last
   * event is `store_fenced`, and nothing of it was appended: another writer appended.
   */
  append(batch: AppendBatch): Promise<AppendResult>;
  /**
   * Keeps bytes as a blob of a worker; resolves when they are durable, or, for a worker that is yet to be
   * created, will be once its creation is. A blob that exists already is written again,
   * which repairs it. Throws `worker_not_found` if the worker was purged, `limit_exceeded` beyond
   * `limits.blobBytesMax`, and the error of the source; then nothing is kept.
   */
  putBlob(owner: BlobOwner | NewWorker, input: BlobInput): Promise<BlobFacts>;
  /**
   * Removes the blobs of a creation that was not appended. Idempotent, and not called while one is put. Those that
   * a crash leaves are removed by the next `acquire`.
   */
  discardBlobs(owner: NewWorker): Promise<void>;
  /** A new SHA-256 of the platform, for the blobs to put. @default one in JavaScript, which is slower */
  newHash?(): BlobHash;
  /** Removes blobs of a worker. */
  removeBlobs(workerId: WorkerId, hashes: readonly string[]): Promise<void>;
  /** Saves a snapshot. Appends may continue meanwhile. */
  saveSnapshot(snapshot: Snapshot): Promise<void>;
  /**
   * Deletes whole stretches of the oldest events, up to `through`, and none that a
   * snapshot (or the one before it) needs. Only on request. With `through` just
   * before the `firstEventId` of a dry run it deletes exactly what that one
   * reported, regardless of snapshots in between.
   */
  prune(prune: PruneEvents): Promise<PrunedEvents>;
  /** Writes all data buffered besides the log. */
  flush(): Promise<void>;
}

/** A runtime that someone else may own: read only. Loaded once, by `RuntimeReader.open`. */
export interface RuntimeSource extends StoredRuntime {
  /** Pushes the newest usable snapshot, if there is one, and all later events. Called once, before anything else. */
  load(host: StoreHost): Promise<SourceInfo>;
  /**
   * Resolves with the last durable event once events after `after` were pushed,
   * or once `signal` has aborted. Checks at least once for new events, even if
   * `signal` has aborted already. May be called again while an earlier call runs.
   */
  news(after: number, signal: AbortSignal): Promise<number>;
}

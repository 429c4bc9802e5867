/**
 * The PostgreSQL store: one statement per batch, which carries the fence.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { fencedAppend, type RuntimeError, storeClosed } from "../core/errors.ts";
import { parseRuntimeId, type RuntimeId, type WorkerId } from "../core/ids.ts";
import { workerNotFound } from "../core/rules.ts";
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
import { APPEND, appendParameters, creationLife } from "./append.ts";
import { nameUpload, removeBlobs, removeUpload, uploadChunks } from "./blobs.ts";
import { column, Database, type PostgresClient } from "./client.ts";
import { type Clock, processClock } from "./clock.ts";
import { FENCE, Fence, HOLDS } from "./fence.ts";
import { Kept } from "./kept.ts";
import { Lease } from "./lease.ts";
import { checkOptions, DEFAULT_SPACE } from "./location.ts";
import { checkSchema } from "./schema.ts";
import { writeSnapshot } from "./snapshot.ts";

/** Options of {@linkcode PostgresRuntimeStore}. */
export interface PostgresStoreOptions {
  /** Runs statements: a client or a pool. */
  readonly client: PostgresClient;
  /** The runtime: 1 to 80 bytes of UTF-8. */
  readonly runtimeId: string;
  /** Separates runtimes of different programs in one database. @default {"default"} */
  readonly space?: string | undefined;
  /** Describes this process to others, for example in `store_locked`. @default the process id */
  readonly owner?: string | undefined;
  /** Address at which others may reach this process, as the directory shows it. */
  readonly address?: string | undefined;
  /** Time in milliseconds after which others may take over if this process is silent, 1,000 or more. @default {15_000} */
  readonly leaseMs?: number | undefined;
  /** Time in milliseconds to wait for another owner to release the runtime, or for the end of its lease. @default {0} */
  readonly lockWaitMs?: number | undefined;
  /** Creates the runtime unless it exists; otherwise opening throws `store_missing`. @default {true} */
  readonly create?: boolean | undefined;
  /** Name of the runtime for people. */
  readonly displayName?: string | undefined;
}

/** Parts that a host shares among its stores, and a clock for tests. */
export interface PostgresEnvironment {
  /** Clock and timers. */
  readonly clock?: Clock | undefined;
  /** A lease that is held already. @default a lease of this store alone */
  readonly lease?: Lease | undefined;
  /** Called when the store has lost its runtime. */
  readonly onLost?: ((error: RuntimeError) => void) | undefined;
}

/** Shares of a lease within which a statement must answer. */
export const ANSWER_SHARE = 3;
/** Default time of a lease. */
export const LEASE_MS = 15_000;
/** Events after which a snapshot is due, and the ratio of their bytes to those of a snapshot. */
const SNAPSHOT_EVENTS = 10_000;
const SNAPSHOT_RATIO = 4;
/** Events that a statement deletes or measures at most. */
const PRUNE_EVENTS = 20_000;

/**
 * A {@linkcode RuntimeStore} in a PostgreSQL database (12 or later). Requires
 * `--allow-net=HOST:PORT` for the client, and the tables of {@linkcode createSchema}.
 */
export class PostgresRuntimeStore implements RuntimeStore {
  /** The runtime that the store keeps. */
  readonly runtimeId: RuntimeId;
  /** Capabilities. */
  readonly supports: StoreSupports = Object.freeze({ persistent: true, exclusive: true });
  readonly #options: PostgresStoreOptions;
  readonly #space: string;
  readonly #database: Database;
  readonly #lease: Lease;
  readonly #ownsLease: boolean;
  readonly #fence: Fence;
  #host!: StoreHost;
  #kept!: Kept;
  #state: "new" | "open" | "closed" = "new";
  #firstEventId = 1;
  #snapshotThrough = 0;
  #snapshotUnits = 0;
  #unitsSince = 0;

  /** Creates a store for `Runtime.open`, without I/O. Throws `invalid_request`. */
  constructor(options: PostgresStoreOptions, environment: PostgresEnvironment = {}) {
    const { clock = processClock, lease, onLost = () => {} } = environment;
    const { leaseMs = lease?.leaseMs ?? LEASE_MS, owner = defaultOwner(), address = null } = options;
    this.runtimeId = parseRuntimeId(options.runtimeId);
    checkOptions("create store", options);
    this.#options = options;
    this.#space = options.space ?? DEFAULT_SPACE;
    this.#database = new Database(options.client, leaseMs / ANSWER_SHARE, clock);
    const holder = { host: crypto.randomUUID(), space: this.#space, owner, address };
    this.#lease = lease ?? new Lease(this.#database, holder, leaseMs, clock);
    this.#ownsLease = lease === undefined;
    this.#fence = new Fence({
      database: this.#database,
      lease: this.#lease,
      space: this.#space,
      runtimeId: this.runtimeId,
      clock,
      onLost: (error) => {
        if (this.#ownsLease) this.#lease.abandon();
        if (this.#state === "open") this.#host.lost(error);
        onLost(error);
      },
    });
  }

  /**
   * Opens the store: claims the runtime, and pushes its content to the host. Throws
   * `store_locked` while another process holds its lease, `store_missing` without
   * tables, `store_version`, `store_permission`, `store_io`.
   */
  async acquire(host: StoreHost): Promise<StoreInfo> {
    if (this.#state === "closed") throw storeClosed(this.runtimeId);
    this.#host = host;
    await checkSchema(this.#database);
    const { create = true, lockWaitMs = 0, displayName } = this.#options;
    try {
      if (this.#ownsLease) await this.#lease.acquire();
      if (create) await addRuntime(this.#database, this.#space, this.runtimeId);
      const row = await this.#fence.claim(lockWaitMs);
      this.#kept = new Kept(this.#database, row.no);
      this.#state = "open";
      this.#firstEventId = row.firstId;
      await this.#removeLeftovers();
      const { snapshotUnits, eventUnits } = await this.#kept.push(host, row);
      this.#snapshotThrough = row.snapshotThrough;
      this.#snapshotUnits = snapshotUnits;
      this.#unitsSince = eventUnits;
      this.#fence.assertHeld();
      return { displayName };
    } catch (error) {
      await this.close().catch(() => {});
      throw error;
    }
  }

  /**
   * Appends a batch with one statement, which carries the fence. Throws `store_fenced`,
   * `store_rolled_back`; `no_space` and `store_io` if the batch has not happened.
   */
  async append({ expectedLastEventId, events }: AppendBatch): Promise<AppendResult> {
    this.#assertUsable();
    const fence = this.#fence;
    const through = expectedLastEventId + events.length;
    if (expectedLastEventId !== fence.acknowledged) {
      throw fence.end(fencedAppend(expectedLastEventId, fence.acknowledged));
    }
    const { params, units } = appendParameters(events, expectedLastEventId, (id) => this.#lifeOf(id));
    await fence.append("append events", APPEND, params, through);
    this.#unitsSince += units;
    const isLong = through - this.#snapshotThrough > SNAPSHOT_EVENTS;
    return { snapshotDue: isLong && this.#unitsSince > SNAPSHOT_RATIO * this.#snapshotUnits };
  }

  /** A page of events. */
  async readEvents(read: ReadEvents): Promise<StoredEvents> {
    this.#assertOpen();
    return await this.#kept.events(read, this.#firstEventId, this.#fence.acknowledged);
  }

  /** The events that hold a page of a transcript. */
  async readTranscript(read: ReadTranscript): Promise<readonly string[]> {
    this.#assertOpen();
    const life = this.#lifeOf(read.workerId);
    return life === undefined ? [] : await this.#kept.transcript(read, life);
  }

  /** Keeps a blob, in chunks of 1 MiB; the statement that finishes it carries the fence. */
  async putBlob(owner: BlobOwner | NewWorker, input: BlobInput): Promise<BlobFacts> {
    this.#assertUsable();
    const upload = crypto.randomUUID();
    try {
      await uploadChunks(this.#fence, upload, input);
      await nameUpload(this.#fence, upload, this.#currentLife(owner), input.facts);
      this.#currentLife(owner);
      return input.facts;
    } catch (error) {
      await removeUpload(this.#fence, upload).catch(() => {});
      throw error;
    }
  }

  /** Removes the blobs of a creation that was not appended. */
  async discardBlobs({ creation }: NewWorker): Promise<void> {
    this.#assertUsable();
    await removeBlobs(this.#fence, creationLife(creation));
  }

  /** A new hash of the platform. */
  newHash(): BlobHash {
    return createHash("sha256");
  }

  /** Size of a blob. */
  async blobSize(workerId: WorkerId, sha256: string): Promise<number | undefined> {
    this.#assertOpen();
    const life = this.#lifeOf(workerId);
    return life === undefined ? undefined : await this.#kept.blobSize(life, sha256);
  }

  /** Bytes of a blob. */
  async readBlob(workerId: WorkerId, blob: BlobFacts): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    this.#assertOpen();
    return await this.#kept.readBlob(workerId, this.#lifeOf(workerId) ?? 0, blob);
  }

  /** Blobs of a worker. */
  async blobs(workerId: WorkerId): Promise<readonly BlobFacts[]> {
    this.#assertOpen();
    const life = this.#lifeOf(workerId);
    return life === undefined ? [] : await this.#kept.blobs(life);
  }

  /** Removes blobs. */
  async removeBlobs(workerId: WorkerId, hashes: readonly string[]): Promise<void> {
    this.#assertUsable();
    await removeBlobs(this.#fence, this.#lifeOf(workerId) ?? 0, hashes);
  }

  /** Saves a snapshot in parts, which take effect at once. */
  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    this.#assertUsable();
    const { through } = snapshot;
    if (through <= this.#snapshotThrough) return;
    const covered = this.#unitsSince;
    const units = await writeSnapshot(this.#fence, snapshot);
    [this.#snapshotThrough, this.#snapshotUnits] = [through, units];
    this.#unitsSince -= covered;
    const gone = `DELETE FROM worker_runtime.snapshots WHERE rt = $1 AND through < $2`;
    await this.#kept.rows("remove snapshot", gone, through);
  }

  /** Deletes events that the snapshot covers, except those that hold transcripts. */
  async prune({ through, dryRun }: PruneEvents): Promise<PrunedEvents> {
    this.#assertUsable();
    const first = this.#firstEventId;
    const last = Math.min(through, this.#snapshotThrough);
    if (last < first) return { firstEventId: first, events: 0, bytes: 0 };
    const size = `SELECT coalesce(sum(octet_length(json)), 0) AS bytes FROM worker_runtime.events
      WHERE rt = $1 AND id BETWEEN $2 AND $3`;
    const pruned = { firstEventId: last + 1, events: last + 1 - first, bytes: 0 };
    for (const range of ranges(first, last)) {
      const [row] = await this.#kept.rows("measure events", size, ...range);
      pruned.bytes += Number(row?.bytes);
    }
    if (dryRun) return pruned;
    const raise =
      `UPDATE worker_runtime.runtimes SET first_id = greatest(first_id, $3) WHERE ${HOLDS} RETURNING no`;
    await this.#fence.run("prune events", raise, [last + 1]);
    this.#firstEventId = last + 1;
    // An earlier pruning may have been interrupted.
    const oldest = `SELECT min(id) AS id FROM worker_runtime.events WHERE rt = $1`;
    const [row] = await this.#kept.rows("prune events", oldest);
    const gone = `DELETE FROM worker_runtime.events AS e WHERE rt = $1 AND id BETWEEN $2 AND $3 AND (
        first_seq IS NULL OR EXISTS (SELECT FROM worker_runtime.purges AS p WHERE p.rt = $1 AND p.life = e.life)
      )`;
    for (const range of ranges(Number(row?.id ?? last + 1), last)) {
      await this.#kept.rows("prune events", gone, ...range);
    }
    const done = `DELETE FROM worker_runtime.purges WHERE rt = $1 AND id < $2`;
    await this.#kept.rows("prune events", done, last + 1);
    return pruned;
  }

  /** Does nothing: nothing is buffered. */
  async flush(): Promise<void> {
    this.#assertOpen();
    await Promise.resolve();
  }

  /** Releases the runtime. Idempotent. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    await this.#fence.release().catch(() => {});
    if (this.#ownsLease) await this.#lease.release().catch(() => {});
  }

  /**
   * Removes what earlier owners have left: uploads without an end, snapshots without
   * effect, blobs of workers that were purged or never created. Fenced: later, it would remove those in progress.
   */
  async #removeLeftovers(): Promise<void> {
    const removals = [
      `DELETE FROM worker_runtime.blobs AS b USING fence WHERE b.rt = fence.no AND b.life < 0`,
      `DELETE FROM worker_runtime.blobs AS b USING fence, worker_runtime.purges AS p
        WHERE b.rt = fence.no AND p.rt = fence.no AND p.life = b.life`,
      `DELETE FROM worker_runtime.blob_chunks AS chunk USING fence WHERE chunk.rt = fence.no
        AND NOT EXISTS (SELECT FROM worker_runtime.blobs AS b WHERE b.rt = fence.no AND b.upload = chunk.upload)`,
      `DELETE FROM worker_runtime.snapshots AS s USING fence, worker_runtime.runtimes AS r
        WHERE s.rt = fence.no AND r.no = fence.no AND s.through <> r.snapshot_through`,
    ];
    for (const removal of removals) {
      const text = `WITH ${FENCE}, gone AS (${removal}) SELECT no FROM fence`;
      await this.#fence.run("remove leftovers", text, []);
    }
  }

  /** The life to which blobs of an owner belong. Throws `worker_not_found` for a worker that was purged. */
  #currentLife(owner: BlobOwner | NewWorker): number {
    if ("creation" in owner) return creationLife(owner.creation);
    const { workerId, createdEventId } = owner;
    if (this.#lifeOf(workerId) !== createdEventId) throw workerNotFound(workerId, "put blob");
    return createdEventId;
  }

  #lifeOf(workerId: WorkerId): number | undefined {
    return this.#host.view.worker(workerId)?.createdEventId;
  }

  #assertOpen(): void {
    if (this.#state !== "open") throw storeClosed(this.runtimeId);
  }

  #assertUsable(): void {
    this.#assertOpen();
    this.#fence.assertHeld();
  }
}

/** A description of this process. */
export function defaultOwner(): string {
  return `process ${Deno.pid}`;
}

/** Adds a runtime that nobody owns, unless it exists. */
export async function addRuntime(database: Database, space: string, runtimeId: RuntimeId): Promise<void> {
  const text = `INSERT INTO worker_runtime.runtimes (space, runtime) VALUES ($1, $2) ON CONFLICT DO NOTHING`;
  await database.rows("create runtime", text, space, column(runtimeId));
}

/** Divides a range of events. */
function* ranges(first: number, last: number): Generator<[first: number, last: number], void, void> {
  for (let from = first; from <= last; from += PRUNE_EVENTS) {
    yield [from, Math.min(from + PRUNE_EVENTS - 1, last)];
  }
}

/**
 * The PostgreSQL store: one statement per batch, which carries the fence.
 *
 * @module
 */
import { RuntimeError, storeClosed } from "../core/errors.ts";
import type { EventRecord } from "../core/event_types.ts";
import { parseRuntimeId, type RuntimeId, type WorkerId } from "../core/ids.ts";
import { workerNotFound } from "../core/rules.ts";
import type {
  AppendBatch,
  AppendResult,
  BlobFacts,
  BlobInput,
  BlobOwner,
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
import { column, Database, type Parameter, type PostgresClient } from "./client.ts";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { BlobHash } from "../core/sha256.ts";
import { Kept, ROW_COLUMNS, runtimeMissing, type RuntimeRow, runtimeRow } from "./kept.ts";
import { type Clock, Lease, processClock } from "./lease.ts";
import { checkSchema } from "./schema.ts";

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
  /** Address at which others may reach this process. */
  readonly address?: string | undefined;
  /** Time after which others may take over if this process is silent, 1,000 or more. @default {15_000} */
  readonly leaseMs?: number | undefined;
  /** Waits so long for another owner to release the runtime. @default {0} */
  readonly lockWaitMs?: number | undefined;
  /** Creates the runtime unless it exists. @default {true} */
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
const ANSWER_SHARE = 3;
/** Default time of a lease. */
export const LEASE_MS = 15_000;
const POLL_MS = 200;
/** Events after which a snapshot is due, and the ratio of their bytes to those of a snapshot. */
const SNAPSHOT_EVENTS = 10_000;
const SNAPSHOT_RATIO = 4;
const PART_UNITS = 262_144;
const CHUNK_BYTES = 1_048_576;

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
  readonly #onLost: (error: RuntimeError) => void;
  readonly #leaseLost = () => void this.#lost();
  #host!: StoreHost;
  #kept!: Kept;
  #state: "new" | "open" | "closed" = "new";
  /** The fence: raised with each claim, and to settle a statement whose answer was lost. */
  #epoch = 0;
  #firstEventId = 1;
  #lastEventId = 0;
  /** The error of every further call. */
  #failure: RuntimeError | undefined;
  #snapshotThrough = 0;
  #snapshotBytes = 0;
  #bytesSince = 0;

  /** Creates a store for `Runtime.open`, without I/O. Throws `invalid_request`. */
  constructor(options: PostgresStoreOptions, environment: PostgresEnvironment = {}) {
    const { clock = processClock, lease, onLost = () => {} } = environment;
    const { leaseMs = lease?.leaseMs ?? LEASE_MS, owner = defaultOwner(), address = null } = options;
    this.runtimeId = parseRuntimeId(options.runtimeId);
    this.#options = options;
    this.#space = options.space ?? "default";
    this.#database = new Database(options.client, leaseMs / ANSWER_SHARE);
    const holder = { host: crypto.randomUUID(), space: this.#space, owner, address };
    this.#lease = lease ?? new Lease(this.#database, holder, leaseMs, clock);
    this.#ownsLease = lease === undefined;
    this.#onLost = onLost;
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
    if (this.#ownsLease) await this.#lease.acquire();
    this.#lease.lost.add(this.#leaseLost);
    try {
      const row = await this.#claim();
      this.#kept = new Kept(this.#database, row.no);
      this.#state = "open";
      this.#epoch = row.epoch;
      this.#firstEventId = row.firstId;
      this.#lastEventId = row.lastId;
      await this.#removeLeftovers();
      const { snapshotBytes, eventBytes } = await this.#kept.push(host, row);
      this.#snapshotThrough = row.snapshotThrough;
      this.#snapshotBytes = snapshotBytes;
      this.#bytesSince = eventBytes;
      return { displayName: this.#options.displayName };
    } catch (error) {
      await this.close().catch(() => {});
      throw error;
    }
  }

  /**
   * Appends a batch with one statement, which fails if the fence was raised. If its
   * answer is lost, raises the fence, so that it can no longer happen, and reads
   * whether it has.
   */
  async append({ expectedLastEventId, events }: AppendBatch): Promise<AppendResult> {
    this.#assertUsable();
    const through = expectedLastEventId + events.length;
    if (expectedLastEventId !== this.#lastEventId) await this.#fail(await this.#fencedError());
    const { text, params, bytes } = this.#appendStatement(events, expectedLastEventId, through);
    let rows;
    try {
      rows = await this.#database.rows("append events", text, ...params);
    } catch (error) {
      await this.#settle(error as RuntimeError, expectedLastEventId, through);
      rows = [{}];
    }
    if (rows.length === 0) await this.#fail(await this.#fencedError());
    // A process that was stopped may be past its lease: it acknowledges nothing.
    if (!this.#lease.isHeld()) throw this.#failure ?? await this.#lost();
    this.#lastEventId = through;
    this.#bytesSince += bytes;
    const isLong = through - this.#snapshotThrough > SNAPSHOT_EVENTS;
    return { snapshotDue: isLong && this.#bytesSince > SNAPSHOT_RATIO * this.#snapshotBytes };
  }

  /** A page of events. */
  async readEvents(read: ReadEvents): Promise<StoredEvents> {
    this.#assertOpen();
    return await this.#kept.events(read, this.#firstEventId, this.#lastEventId);
  }

  /** The events that hold a page of a transcript. */
  async readTranscript(read: ReadTranscript): Promise<readonly string[]> {
    this.#assertOpen();
    const life = this.#lifeOf(read.workerId);
    return life === undefined ? [] : await this.#kept.transcript(read, life);
  }

  /** Keeps a blob, in chunks of 1 MiB; the statement that finishes it carries the fence. */
  async putBlob(owner: BlobOwner, input: BlobInput): Promise<BlobFacts> {
    this.#assertUsable();
    const upload = crypto.randomUUID();
    try {
      await this.#upload(upload, input);
      const { workerId, createdEventId } = owner;
      if (this.#lifeOf(workerId) !== createdEventId) throw workerNotFound(workerId, "put blob");
      await this.#finish(upload, createdEventId, input.facts);
      if (this.#lifeOf(workerId) !== createdEventId) throw workerNotFound(workerId, "put blob");
      return input.facts;
    } catch (error) {
      const gone = `DELETE FROM worker_runtime.blob_chunks WHERE rt = $1 AND upload = $2
        AND NOT EXISTS (SELECT FROM worker_runtime.blobs WHERE rt = $1 AND upload = $2)`;
      await this.#kept.rows("remove blob", gone, upload).catch(() => {});
      throw error;
    }
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
    const life = this.#lifeOf(workerId) ?? 0;
    const text = `WITH ${FENCE}, gone AS (
        DELETE FROM worker_runtime.blobs USING fence WHERE rt = fence.no AND life = $3
          AND sha256 = ANY(string_to_array($4, ',')) RETURNING rt, upload
      ), chunks AS (
        DELETE FROM worker_runtime.blob_chunks AS chunk USING gone
        WHERE chunk.rt = gone.rt AND chunk.upload = gone.upload
      ) SELECT no FROM fence`;
    await this.#fenced("remove blobs", text, life, hashes.join(","));
  }

  /** Saves a snapshot in parts, which take effect at once. */
  async saveSnapshot({ through, runtimeJson, workers }: Snapshot): Promise<void> {
    this.#assertUsable();
    if (through <= this.#snapshotThrough) return;
    const covered = this.#bytesSince;
    let [body, part, bytes] = [runtimeJson, 0, 0];
    const save = async () => {
      const text = `WITH ${FENCE} INSERT INTO worker_runtime.snapshots (rt, through, part, body)
        SELECT no, $3, $4, $5 FROM fence ON CONFLICT (rt, through, part) DO UPDATE SET body = excluded.body
        RETURNING rt`;
      await this.#fenced("save snapshot", text, through, part++, body);
      bytes += body.length;
      body = "";
    };
    let isFirst = true;
    for await (const { json } of workers) {
      body += body === "" && !isFirst ? json : `\n${json}`;
      isFirst = false;
      if (body.length >= PART_UNITS) await save();
    }
    if (body !== "") await save();
    const flip = `WITH ${FENCE}, flip AS (
        UPDATE worker_runtime.runtimes AS r SET snapshot_through = $3 FROM fence WHERE r.no = fence.no RETURNING r.no
      ) SELECT no FROM flip`;
    await this.#fenced("save snapshot", flip, through);
    const gone = `DELETE FROM worker_runtime.snapshots WHERE rt = $1 AND through < $2`;
    await this.#kept.rows("remove snapshot", gone, through);
    this.#snapshotThrough = through;
    this.#snapshotBytes = bytes;
    this.#bytesSince -= covered;
  }

  /** Deletes events that the snapshot covers, except those that hold transcripts. */
  async prune({ through, dryRun }: PruneEvents): Promise<PrunedEvents> {
    this.#assertUsable();
    const first = this.#firstEventId;
    const last = Math.min(through, this.#snapshotThrough);
    if (last < first) return { firstEventId: first, events: 0, bytes: 0 };
    const size = `SELECT coalesce(sum(octet_length(json)), 0) AS bytes FROM worker_runtime.events
      WHERE rt = $1 AND id BETWEEN $2 AND $3`;
    const [row] = await this.#kept.rows("measure events", size, first, last);
    const pruned = { firstEventId: last + 1, events: last + 1 - first, bytes: Number(row?.bytes) };
    if (dryRun) return pruned;
    const raise =
      `UPDATE worker_runtime.runtimes SET first_id = $3 WHERE no = $1 AND epoch = $2 RETURNING no`;
    await this.#fenced("prune events", raise, last + 1);
    this.#firstEventId = last + 1;
    const gone = `DELETE FROM worker_runtime.events AS e WHERE rt = $1 AND id < $2 AND (
        first_seq IS NULL OR EXISTS (SELECT FROM worker_runtime.purges AS p WHERE p.rt = $1 AND p.life = e.life)
      )`;
    await this.#kept.rows("prune events", gone, last + 1);
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
    const wasOpen = this.#state === "open";
    this.#state = "closed";
    if (wasOpen) {
      const text = `UPDATE worker_runtime.runtimes SET host = NULL, claimed_until = NULL
        WHERE no = $1 AND epoch = $2`;
      await this.#kept.rows("release runtime", text, this.#epoch).catch(() => {});
    }
    this.#lease.lost.delete(this.#leaseLost);
    if (this.#ownsLease) await this.#lease.release().catch(() => {});
  }

  /** Claims the runtime: raises its epoch unless the lease of another holder still runs. */
  async #claim(): Promise<RuntimeRow> {
    const { create = true, lockWaitMs = 0 } = this.#options;
    const space = this.#space;
    if (create) {
      const text =
        `INSERT INTO worker_runtime.runtimes (space, runtime) VALUES ($1, $2) ON CONFLICT DO NOTHING`;
      await this.#database.rows("create runtime", text, space, column(this.runtimeId));
    }
    // The row of a holder that claims at the same moment may be invisible here: the claim itself holds for a lease.
    const text = `WITH held AS (
        SELECT no, host FROM worker_runtime.runtimes WHERE space = $1 AND runtime = $2
          AND (claimed_until IS NULL OR claimed_until < clock_timestamp()) FOR UPDATE
      ), live AS (
        SELECT h.host FROM worker_runtime.hosts AS h JOIN held ON h.host = held.host
        WHERE h.lease_until > clock_timestamp() FOR UPDATE OF h
      ) UPDATE worker_runtime.runtimes AS r SET epoch = epoch + 1, host = $3,
          claimed_until = clock_timestamp() + $4 * interval '1 millisecond'
        FROM held WHERE r.no = held.no AND NOT EXISTS (SELECT FROM live)
        RETURNING ${ROW_COLUMNS.split(", ").map((name) => `r.${name}`).join(", ")}`;
    const { holder, leaseMs } = this.#lease;
    for (const until = performance.now() + lockWaitMs;;) {
      const row = await this.#database.row(
        "claim runtime",
        text,
        space,
        column(this.runtimeId),
        holder.host,
        leaseMs,
      );
      if (row !== undefined) return runtimeRow(row);
      if (performance.now() >= until) throw await this.#lockedError();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async #lockedError(): Promise<RuntimeError> {
    const owner = await this.#ownerNow();
    if (owner === undefined) return runtimeMissing(this.#space, this.runtimeId);
    const path = `${this.#space}/${this.runtimeId}`;
    const message = `Cannot open store ${JSON.stringify(path)}: ${owner.name} has it open`;
    return new RuntimeError("store_locked", message, { path, owner: owner.name });
  }

  /** The present owner of the runtime. */
  async #ownerNow(): Promise<{ name: string; epoch: number; lastId: number; host: string } | undefined> {
    const text = `SELECT r.epoch, r.last_id, r.host, h.owner FROM worker_runtime.runtimes AS r
      LEFT JOIN worker_runtime.hosts AS h ON h.host = r.host WHERE r.space = $1 AND r.runtime = $2`;
    const row = await this.#database.row("read owner", text, this.#space, column(this.runtimeId));
    if (row === undefined) return undefined;
    const { epoch, last_id: lastId, host, owner } = row;
    return {
      name: String(owner ?? "nobody"),
      epoch: Number(epoch),
      lastId: Number(lastId),
      host: String(host),
    };
  }

  /** Reads whether a statement without an answer has happened, after making sure that it can no longer happen. */
  async #settle(error: RuntimeError, before: number, through: number): Promise<void> {
    const text =
      `UPDATE worker_runtime.runtimes SET epoch = epoch + 1 WHERE no = $1 AND epoch = $2 AND host = $3
      RETURNING epoch, last_id`;
    while (this.#lease.isHeld()) {
      try {
        const [row] = await this.#kept.rows("settle events", text, this.#epoch, this.#lease.holder.host);
        if (row === undefined) await this.#fail(await this.#fencedError());
        this.#epoch = Number(row?.epoch);
        const lastId = Number(row?.last_id);
        if (lastId === through) return;
        if (lastId === before) throw error;
        await this.#fail(await this.#fencedError());
      } catch (again) {
        if (again === error || again === this.#failure) throw again;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    }
    throw this.#failure ?? await this.#lost();
  }

  /** The error of a fence that another owner has raised, or of a failover that has undone events. */
  async #fencedError(): Promise<RuntimeError> {
    const owner = await this.#ownerNow().catch(() => undefined);
    const isOurs = owner?.host === this.#lease.holder.host && owner.epoch === this.#epoch;
    if (isOurs && owner.lastId < this.#lastEventId) {
      const [lastEventId, acknowledged] = [owner.lastId, this.#lastEventId];
      const message = `Cannot append events: the database ends with event ${lastEventId}, ` +
        `although event ${acknowledged} was acknowledged`;
      return new RuntimeError("store_rolled_back", message, { lastEventId, acknowledged });
    }
    const { epoch = 0, name = "unknown" } = owner ?? {};
    const by = isOurs ? "another writer" : name;
    const message = `Cannot append events: ${by} has taken over`;
    return new RuntimeError("store_fenced", message, { epoch, owner: by });
  }

  /** Ends the store with an error: it is thrown, and by every later call. */
  async #fail(error: RuntimeError): Promise<never> {
    if (this.#failure === undefined) {
      this.#failure = error;
      this.#onLost(error);
    }
    if (this.#ownsLease) this.#lease.abandon();
    await Promise.resolve();
    throw this.#failure;
  }

  /** Ends the store because its lease has run out. */
  #lost(): RuntimeError {
    const message = `Cannot use store of runtime ${JSON.stringify(this.runtimeId)}: its lease has run out`;
    const error = new RuntimeError("store_fenced", message, { epoch: 0, owner: "unknown" });
    if (this.#failure !== undefined) return this.#failure;
    this.#failure = error;
    if (this.#state === "open") this.#host.lost(error);
    this.#onLost(error);
    return error;
  }

  /** Runs a statement that begins with the fence: `$1` and `$2` are the runtime and its epoch. */
  async #fenced(operation: string, text: string, ...params: Parameter[]): Promise<void> {
    const rows = await this.#kept.rows(operation, text, this.#epoch, ...params);
    if (rows.length === 0) await this.#fail(await this.#fencedError());
  }

  #appendStatement(
    events: readonly EventRecord[],
    before: number,
    through: number,
  ): { text: string; params: Parameter[]; bytes: number } {
    const lives = new Map<string, number | undefined>();
    const purged: string[] = [];
    const columns: string[][] = [[], [], [], [], []];
    let bytes = 0;
    for (const { id, json, workerId, creates, purges, seq, count = 0 } of events) {
      if (workerId !== undefined && creates) lives.set(workerId, id);
      const life = workerId === undefined
        ? undefined
        : lives.has(workerId)
        ? lives.get(workerId)
        : this.#lifeOf(workerId);
      const row = [
        json,
        workerId === undefined ? "" : column(workerId),
        `${life ?? ""}`,
        `${seq ?? ""}`,
        seq === undefined ? "" : `${seq + count - 1}`,
      ];
      for (const [index, value] of row.entries()) columns[index]?.push(value);
      bytes += json.length;
      if (workerId === undefined || !purges) continue;
      if (life !== undefined) purged.push(`${life},${id}`);
      lives.set(workerId, undefined);
    }
    const params = [
      this.#kept.no,
      this.#epoch,
      before,
      through,
      ...columns.map((column) => column.join("\n")),
    ];
    if (purged.length === 0) return { text: APPEND, params, bytes };
    return { text: APPEND_PURGING, params: [...params, purged.join("\n")], bytes };
  }

  /** Writes chunks of a blob. */
  async #upload(upload: string, input: BlobInput): Promise<void> {
    const text = `WITH ${FENCE} INSERT INTO worker_runtime.blob_chunks (rt, upload, part, body)
      SELECT no, $3, $4, decode($5, 'base64') FROM fence RETURNING rt`;
    let part = 0;
    let waiting = new Uint8Array(CHUNK_BYTES);
    let used = 0;
    const write = async () => {
      const body = Buffer.from(waiting.buffer, 0, used).toString("base64");
      used = 0;
      await this.#fenced("put blob", text, upload, part++, body);
    };
    for await (const chunk of input) {
      for (let at = 0; at < chunk.length;) {
        const length = Math.min(chunk.length - at, CHUNK_BYTES - used);
        waiting.set(chunk.subarray(at, at + length), used);
        used += length;
        at += length;
        if (used === CHUNK_BYTES) await write();
      }
    }
    if (used > 0) await write();
    waiting = new Uint8Array(0);
  }

  /** Gives chunks the name of their blob, in place of those that it had. */
  async #finish(upload: string, life: number, { sha256, bytes }: BlobFacts): Promise<void> {
    const text = `WITH ${FENCE}, before AS (
        SELECT b.rt, b.upload FROM worker_runtime.blobs AS b JOIN fence ON b.rt = fence.no
        WHERE b.life = $3 AND b.sha256 = $4
      ), named AS (
        INSERT INTO worker_runtime.blobs (rt, life, sha256, bytes, upload)
        SELECT no, $3, $4, $5, $6 FROM fence
        ON CONFLICT (rt, life, sha256) DO UPDATE SET bytes = excluded.bytes, upload = excluded.upload
        RETURNING rt
      ), gone AS (
        DELETE FROM worker_runtime.blob_chunks AS chunk USING before
        WHERE chunk.rt = before.rt AND chunk.upload = before.upload
      ) SELECT rt FROM named`;
    await this.#fenced("put blob", text, life, sha256, bytes, upload);
  }

  /** Removes what earlier owners have left: uploads without an end, snapshots without effect, blobs of purged workers. */
  async #removeLeftovers(): Promise<void> {
    const statements = [
      `DELETE FROM worker_runtime.blobs AS b USING worker_runtime.purges AS p
        WHERE b.rt = $1 AND p.rt = $1 AND p.life = b.life`,
      `DELETE FROM worker_runtime.blob_chunks AS chunk WHERE rt = $1
        AND NOT EXISTS (SELECT FROM worker_runtime.blobs AS b WHERE b.rt = $1 AND b.upload = chunk.upload)`,
      `DELETE FROM worker_runtime.snapshots AS s USING worker_runtime.runtimes AS r
        WHERE s.rt = $1 AND r.no = $1 AND s.through <> r.snapshot_through`,
    ];
    for (const statement of statements) await this.#kept.rows("remove leftovers", statement);
  }

  #lifeOf(workerId: WorkerId): number | undefined {
    return this.#host.view.worker(workerId)?.createdEventId;
  }

  #assertOpen(): void {
    if (this.#state !== "open") throw storeClosed(this.runtimeId);
  }

  #assertUsable(): void {
    this.#assertOpen();
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** A description of this process. */
export function defaultOwner(): string {
  return `process ${Deno.pid}`;
}

/** The runtime's row, if its epoch is still that of the caller. Locked, so that nobody raises it meanwhile. */
const FENCE = `fence AS (
    SELECT no FROM worker_runtime.runtimes WHERE no = $1 AND epoch = $2 FOR SHARE
  )`;

const APPEND_HEAD = `WITH fence AS (
    UPDATE worker_runtime.runtimes SET last_id = $4 WHERE no = $1 AND epoch = $2 AND last_id = $3
    RETURNING no, first_id
  ), added AS (
    INSERT INTO worker_runtime.events (rt, id, worker, life, first_seq, last_seq, json)
    SELECT fence.no, $3::bigint + e.n, nullif(e.worker, ''), nullif(e.life, '')::bigint,
      nullif(e.first_seq, '')::bigint, nullif(e.last_seq, '')::bigint, e.json
    FROM fence, unnest(
      string_to_array($5, E'\\n'), string_to_array($6, E'\\n'), string_to_array($7, E'\\n'),
      string_to_array($8, E'\\n'), string_to_array($9, E'\\n')
    ) WITH ORDINALITY AS e(json, worker, life, first_seq, last_seq, n)
  )`;

/** Appends events: `$5` to `$9` are columns, a line for each event. */
const APPEND = `${APPEND_HEAD} SELECT no FROM fence`;

/** Appends events some of which purge workers: `$10` has the life and the event of each, in lines. */
const APPEND_PURGING = `${APPEND_HEAD}, purged AS (
    SELECT split_part(line, ',', 1)::bigint AS life, split_part(line, ',', 2)::bigint AS id
    FROM unnest(string_to_array($10, E'\\n')) AS line
  ), noted AS (
    INSERT INTO worker_runtime.purges (rt, life, id) SELECT fence.no, purged.life, purged.id FROM fence, purged
    ON CONFLICT DO NOTHING
  ), blobs_gone AS (
    DELETE FROM worker_runtime.blobs AS b USING fence, purged WHERE b.rt = fence.no AND b.life = purged.life
    RETURNING b.rt, b.upload
  ), chunks_gone AS (
    DELETE FROM worker_runtime.blob_chunks AS c USING blobs_gone
    WHERE c.rt = blobs_gone.rt AND c.upload = blobs_gone.upload
  ), events_gone AS (
    DELETE FROM worker_runtime.events AS e USING fence, purged
    WHERE e.rt = fence.no AND e.life = purged.life AND e.id < fence.first_id
  ) SELECT no FROM fence`;

/**
 * A runtime in a PostgreSQL database that another process may own: read only.
 *
 * @module
 */
import { RuntimeError, storeClosed } from "../core/errors.ts";
import { parseRuntimeId, type RuntimeId, type WorkerId } from "../core/ids.ts";
import type {
  BlobFacts,
  ReadEvents,
  ReadTranscript,
  RuntimeSource,
  SourceInfo,
  StoredEvents,
  StoreHost,
} from "../core/store.ts";
import { column, Database, type PostgresClient } from "./client.ts";
import { Kept, ROW_COLUMNS, runtimeMissing, type RuntimeRow, runtimeRow, SnapshotGone } from "./kept.ts";
import { checkSchema } from "./schema.ts";

/** Options of {@linkcode PostgresRuntimeSource}. */
export interface PostgresSourceOptions {
  /** Runs statements: a client or a pool. */
  readonly client: PostgresClient;
  /** The runtime. */
  readonly runtimeId: string;
  /** Space of the runtime. @default {"default"} */
  readonly space?: string | undefined;
  /** Time between two looks for new events, in milliseconds. @default {100} */
  readonly pollMs?: number | undefined;
}

/** Bounds each statement. */
const ANSWER_MS = 30_000;

/** Durable events only. Requires `--allow-net=HOST:PORT` for the client. */
export class PostgresRuntimeSource implements RuntimeSource {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  readonly #space: string;
  readonly #pollMs: number;
  readonly #database: Database;
  #host!: StoreHost;
  #kept!: Kept;
  #row!: RuntimeRow;
  #isClosed = false;

  /** Creates a source for `RuntimeReader.open`, without I/O. Throws `invalid_request`. */
  constructor({ client, runtimeId, space = "default", pollMs = 100 }: PostgresSourceOptions) {
    this.runtimeId = parseRuntimeId(runtimeId);
    this.#space = space;
    this.#pollMs = pollMs;
    this.#database = new Database(client, ANSWER_MS);
  }

  /** Pushes the snapshot and all later events. Throws `store_missing`, `store_version`, `store_permission`, `store_io`. */
  async load(host: StoreHost): Promise<SourceInfo> {
    this.#assertOpen();
    this.#host = host;
    await checkSchema(this.#database);
    const text = `SELECT ${ROW_COLUMNS} FROM worker_runtime.runtimes WHERE space = $1 AND runtime = $2`;
    const row = await this.#database.row("open store", text, this.#space, column(this.runtimeId));
    if (row === undefined) throw runtimeMissing(this.#space, this.runtimeId);
    this.#row = runtimeRow(row);
    this.#kept = new Kept(this.#database, this.#row.no);
    await this.#push();
    return {};
  }

  /** Looks for new events every `pollMs` until there are some. */
  async news(after: number, signal: AbortSignal): Promise<number> {
    for (;;) {
      this.#assertOpen();
      const before = this.#row.lastId;
      const row = await this.#kept.row();
      if (row === undefined) throw runtimeMissing(this.#space, this.runtimeId);
      if (row.lastId < before) throw rolledBack(row.lastId, before);
      if (row.lastId > before) {
        // Events that were pruned before they were read are in the snapshot.
        const isPruned = row.firstId > before + 1;
        this.#row = row;
        if (isPruned) await this.#push();
        else await this.#kept.pushEvents(this.#host, before, row.lastId);
      } else this.#row = row;
      if (row.lastId > after || signal.aborted) return row.lastId;
      await pause(this.#pollMs, signal);
    }
  }

  /** A page of events. */
  async readEvents(read: ReadEvents): Promise<StoredEvents> {
    this.#assertOpen();
    // The owner may have pruned events since the last look.
    const { firstId } = await this.#kept.row() ?? this.#row;
    return await this.#kept.events(read, firstId, this.#row.lastId);
  }

  /** The events that hold a page of a transcript. */
  async readTranscript(read: ReadTranscript): Promise<readonly string[]> {
    this.#assertOpen();
    const life = this.#lifeOf(read.workerId);
    return life === undefined ? [] : await this.#kept.transcript(read, life);
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

  /** Ends the source. The client stays open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.resolve();
  }

  /** Pushes the snapshot and all later events; again if the owner replaces the snapshot meanwhile. */
  async #push(): Promise<void> {
    for (;;) {
      try {
        await this.#kept.push(this.#host, this.#row);
        return;
      } catch (error) {
        if (!(error instanceof SnapshotGone)) throw error;
        this.#row = await this.#kept.row() ?? this.#row;
      }
    }
  }

  #lifeOf(workerId: WorkerId): number | undefined {
    return this.#host.view.worker(workerId)?.createdEventId;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw storeClosed(this.runtimeId);
  }
}

/** Resolves after `ms`, or once `signal` has aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}

function rolledBack(lastEventId: number, acknowledged: number): RuntimeError<"store_rolled_back"> {
  const message = `Cannot follow events: the database ends with event ${lastEventId}, ` +
    `although event ${acknowledged} was read before`;
  return new RuntimeError("store_rolled_back", message, { lastEventId, acknowledged });
}

/**
 * A runtime in a PostgreSQL database that another process may own: read only.
 *
 * @module
 */
import { isRuntimeError, RuntimeError, storeClosed } from "../core/errors.ts";
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
import { column, Database, isRepeatable, type PostgresClient } from "./client.ts";
import { Kept, ROW_COLUMNS, runtimeMissing, type RuntimeRow, runtimeRow } from "./kept.ts";
import { type MatchingEvents, matchingEvents, type MatchingRange } from "./matching.ts";
import { ANSWER_MS, checkOptions, DEFAULT_SPACE } from "./location.ts";
import { checkSchema } from "./schema.ts";

/** Options of {@linkcode PostgresRuntimeSource}. */
export interface PostgresSourceOptions {
  /** Runs statements: a client or a pool. */
  readonly client: PostgresClient;
  /** The runtime: 1 to 80 bytes of UTF-8. */
  readonly runtimeId: string;
  /** Space of the runtime. @default {"default"} */
  readonly space?: string | undefined;
  /** Time between two looks for new events, in milliseconds. @default {100} */
  readonly pollMs?: number | undefined;
}

/** Default time between two looks. */
const POLL_MS = 100;

/**
 * A runtime in a PostgreSQL database, for a `RuntimeReader` on any machine: committed
 * events only, by SELECT statements alone. Requires `--allow-net=HOST:PORT` for the
 * client.
 */
export class PostgresRuntimeSource implements RuntimeSource {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  readonly #space: string;
  readonly #pollMs: number;
  readonly #database: Database;
  #host!: StoreHost;
  #kept!: Kept;
  #looking: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** Creates a source for `RuntimeReader.open`, without I/O. Throws `invalid_request`. */
  constructor({ client, runtimeId, space = DEFAULT_SPACE, pollMs = POLL_MS }: PostgresSourceOptions) {
    this.runtimeId = parseRuntimeId(runtimeId);
    checkOptions("create source", { space, pollMs });
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
    this.#kept = new Kept(this.#database, runtimeRow(row).no);
    await this.#whileOwnerPrunes((row) => this.#kept.push(host, row));
    return {};
  }

  /**
   * Looks for new events every `pollMs` until there are some. Outlasts failures of the
   * database for 30 seconds. Throws `store_rolled_back`, `store_io`.
   */
  async news(after: number, signal: AbortSignal): Promise<number> {
    for (let goodAt = performance.now();;) {
      this.#assertOpen();
      // Another call may still be looking.
      this.#looking = this.#looking.catch(() => {}).then(() => this.#look());
      try {
        await this.#looking;
        goodAt = performance.now();
      } catch (error) {
        const isPassing = isRuntimeError(error) && error.code === "store_io" && isRepeatable(error);
        if (!isPassing || signal.aborted || performance.now() - goodAt > ANSWER_MS) throw error;
      }
      const { lastEventId } = this.#host.view.runtime;
      if (lastEventId > after || signal.aborted) return lastEventId;
      await pause(this.#pollMs, signal);
    }
  }

  /** Pushes new events, if there are any. */
  async #look(): Promise<void> {
    await this.#whileOwnerPrunes(async (row) => {
      const before = this.#host.view.runtime.lastEventId;
      if (row.lastId < before) throw rolledBack(row.lastId, before);
      // Events that were pruned before they were read are in the snapshot.
      if (row.firstId > before + 1) await this.#kept.push(this.#host, row);
      else await this.#kept.pushEvents(this.#host, before, row.lastId);
    });
  }

  /** A page of events. */
  async readEvents(read: ReadEvents): Promise<StoredEvents> {
    this.#assertOpen();
    const { lastEventId } = this.#host.view.runtime;
    return await this.#whileOwnerPrunes(({ firstId }) => this.#kept.events(read, firstId, lastEventId));
  }

  /** The events that hold a page of a transcript. */
  async readTranscript(read: ReadTranscript): Promise<readonly string[]> {
    this.#assertOpen();
    const life = this.#lifeOf(read.workerId);
    return life === undefined ? [] : await this.#kept.transcript(read, life);
  }

  /** @internal */
  async matchingEvents(range: MatchingRange): Promise<MatchingEvents> {
    this.#assertOpen();
    return await matchingEvents(this.#kept, range);
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

  /** Repeats a read during which the owner has replaced the snapshot or pruned events. */
  async #whileOwnerPrunes<T>(read: (row: RuntimeRow) => Promise<T>): Promise<T> {
    for (let row = await this.#current();;) {
      try {
        return await read(row);
      } catch (error) {
        if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
        const next = await this.#current();
        if (next.firstId === row.firstId && next.snapshotThrough === row.snapshotThrough) throw error;
        row = next;
      }
    }
  }

  async #current(): Promise<RuntimeRow> {
    const row = await this.#kept.row();
    if (row === undefined) throw runtimeMissing(this.#space, this.runtimeId);
    return row;
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

/**
 * Writes an imported runtime. Until it is complete it is in a reserved space: in its
 * own one the runtime is absent or complete at any moment.
 *
 * @module
 */
import { invalidRequest, RuntimeError } from "../core/errors.ts";
import type { EventRecord } from "../core/event_types.ts";
import type { RuntimeId, WorkerId } from "../core/ids.ts";
import type { BlobInput, BlobOwner, Snapshot } from "../core/store.ts";
import { APPEND, appendParameters } from "./append.ts";
import { nameUpload, uploadChunks } from "./blobs.ts";
import { column, Database, systemCodeOf } from "./client.ts";
import { processClock } from "./clock.ts";
import { RuntimeDirectory } from "./directory.ts";
import type { RuntimeFacts } from "./facts.ts";
import { FENCE, Fence, HOLDS } from "./fence.ts";
import { Lease } from "./lease.ts";
import { DEFAULT_SPACE, type PostgresSpace } from "./location.ts";
import { checkSchema } from "./schema.ts";
import { writeSnapshot } from "./snapshot.ts";
import { addRuntime, ANSWER_SHARE, LEASE_MS } from "./store.ts";

const UNIQUE_VIOLATION = "23505";
/** Tables with rows of a runtime, and the rows that one statement removes: some 64 MiB at most, as a rule. */
const TABLES = { events: 1_000, purges: 1_000, snapshots: 256, blobs: 1_000, blob_chunks: 64 } as const;

/** An event that precedes the log of a runtime whose older events were pruned, and holds a part of a transcript. */
export interface OldEvent {
  /** Its id. */
  readonly id: number;
  /** Its text. */
  readonly json: string;
  /** The worker. */
  readonly workerId: WorkerId;
  /** The sequence of its first entry. */
  readonly seq: number;
  /** Number of its entries. */
  readonly count: number;
}

/** Options of {@linkcode PostgresImport.begin}. */
export interface PostgresImportOptions extends PostgresSpace {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** The first event of the log. */
  readonly firstEventId: number;
  /** Time after which another import may remove what this one has left. @default {15_000} */
  readonly leaseMs?: number | undefined;
}

/** An import in progress, which owns the runtime in the reserved space. */
export class PostgresImport {
  readonly #options: PostgresImportOptions;
  readonly #space: string;
  readonly #reserved: string;
  readonly #database: Database;
  readonly #lease: Lease;
  readonly #fence: Fence;
  /** The event that created each worker, as of the last event that was appended. */
  readonly #lives = new Map<WorkerId, number>();
  #no = 0;

  private constructor(options: PostgresImportOptions) {
    const { client, space = DEFAULT_SPACE, runtimeId, leaseMs = LEASE_MS } = options;
    this.#options = options;
    this.#space = space;
    this.#reserved = reservedSpace(space);
    const database = this.#database = new Database(client, leaseMs / ANSWER_SHARE);
    const owner = `import of ${JSON.stringify(runtimeId)}`;
    const holder = { host: crypto.randomUUID(), space: this.#reserved, owner, address: null };
    const lease = this.#lease = new Lease(database, holder, leaseMs);
    const onLost = () => lease.abandon();
    this.#fence = new Fence({
      database,
      lease,
      space: this.#reserved,
      runtimeId,
      clock: processClock,
      onLost,
    });
  }

  /**
   * Begins an import; removes what a killed one of the same runtime has left. Throws
   * `invalid_request` if the runtime exists, `store_locked` if another import of it is
   * running, `store_missing` without tables.
   */
  static async begin(options: PostgresImportOptions): Promise<PostgresImport> {
    const begun = new PostgresImport(options);
    try {
      await begun.#begin();
      return begun;
    } catch (error) {
      await begun.abandon();
      throw error;
    }
  }

  async #begin(): Promise<void> {
    const { runtimeId, firstEventId } = this.#options;
    await checkSchema(this.#database);
    await this.#assertAbsent();
    await this.#lease.acquire();
    await addRuntime(this.#database, this.#reserved, runtimeId);
    const { no } = await this.#fence.claim(0);
    this.#no = no;
    await this.#removeRows();
    const start = `UPDATE worker_runtime.runtimes SET first_id = $3, last_id = $4, snapshot_through = 0
      WHERE ${HOLDS} RETURNING no`;
    await this.#fence.run("import runtime", start, [firstEventId, firstEventId - 1]);
    this.#fence.acknowledged = firstEventId - 1;
  }

  /** Begins the transcript of a worker that exists before the first event of the log. */
  create(workerId: WorkerId, createdEventId: number): void {
    this.#lives.set(workerId, createdEventId);
  }

  /** Adds events that precede the log. */
  async addOld(events: readonly OldEvent[]): Promise<void> {
    const columns: string[][] = [[], [], [], [], [], []];
    for (const { id, json, workerId, seq, count } of events) {
      const row = [json, id, column(workerId), this.#lives.get(workerId) ?? 0, seq, seq + count - 1];
      for (const [index, value] of row.entries()) columns[index]?.push(String(value));
    }
    await this.#fence.run("import events", ADD_OLD, columns.map((column) => column.join("\n")));
  }

  /** Appends a batch of events. */
  async append(events: readonly EventRecord[]): Promise<void> {
    const before = this.#fence.acknowledged;
    const through = before + events.length;
    const { params } = appendParameters(events, before, (workerId) => this.#lives.get(workerId));
    await this.#fence.append("import events", APPEND, params, through);
    for (const { id, workerId, creates, purges } of events) {
      if (workerId === undefined) continue;
      if (creates) this.#lives.set(workerId, id);
      if (purges) this.#lives.delete(workerId);
    }
  }

  /** Keeps a blob of a worker, which may be created later. */
  async putBlob({ createdEventId }: BlobOwner, input: BlobInput): Promise<void> {
    const upload = crypto.randomUUID();
    await uploadChunks(this.#fence, upload, input);
    await nameUpload(this.#fence, upload, createdEventId, input.facts);
  }

  /** Completes the import: writes a snapshot of the last event, and moves the runtime to its own space. */
  async finish(snapshot: Snapshot, { createdAt, config }: RuntimeFacts): Promise<void> {
    await writeSnapshot(this.#fence, snapshot);
    const move = `UPDATE worker_runtime.runtimes SET space = $3, created_at = $4, config = $5
      WHERE ${HOLDS} RETURNING no`;
    try {
      await this.#fence.run("import runtime", move, [this.#space, createdAt ?? null, config ?? null]);
    } catch (error) {
      if (error instanceof RuntimeError && systemCodeOf(error) === UNIQUE_VIOLATION) throw this.#exists();
      // All answers may have been lost.
      if (await this.#isReserved()) throw error;
    }
    const release = `UPDATE worker_runtime.runtimes SET host = NULL, claim = NULL, claimed_until = NULL
      WHERE no = $1 AND space = $2 AND host = $3`;
    const { host } = this.#lease.holder;
    await this.#database.rows("release runtime", release, this.#no, this.#space, host).catch(() => {});
    await this.#lease.release().catch(() => {});
  }

  /** Ends the import, and removes all that it wrote. What cannot be removed is left to the next import. */
  async abandon(): Promise<void> {
    try {
      if (this.#fence.failure !== undefined || !await this.#isReserved()) return;
      await this.#removeRows();
      const row = `DELETE FROM worker_runtime.runtimes WHERE ${HOLDS} RETURNING no`;
      await this.#fence.run("remove import", row, []);
    } catch {
      // The error that ended the import is reported.
    } finally {
      await this.#fence.release().catch(() => {});
      await this.#lease.release().catch(() => {});
    }
  }

  async #isReserved(): Promise<boolean> {
    const text = `SELECT no FROM worker_runtime.runtimes WHERE no = $1 AND space = $2`;
    return await this.#database.row("read runtime", text, this.#no, this.#reserved) !== undefined;
  }

  async #assertAbsent(): Promise<void> {
    const text = `SELECT no FROM worker_runtime.runtimes WHERE space = $1 AND runtime = $2`;
    const runtime = column(this.#options.runtimeId);
    if (await this.#database.row("read runtime", text, this.#space, runtime) !== undefined) {
      throw this.#exists();
    }
  }

  /** Removes all rows of the runtime but its own. */
  async #removeRows(): Promise<void> {
    for (const [name, count] of Object.entries(TABLES)) {
      const table = `worker_runtime.${name}`;
      const some = `SELECT FROM ${table} WHERE rt = $1 LIMIT 1`;
      const gone = `WITH ${FENCE}, gone AS (
          DELETE FROM ${table} WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM ${table} WHERE rt = (SELECT no FROM fence) LIMIT ${count}
          ))
        ) SELECT no FROM fence`;
      while (await this.#database.row("remove import", some, this.#no) !== undefined) {
        await this.#fence.run("remove import", gone, []);
      }
    }
  }

  #exists(): RuntimeError<"invalid_request"> {
    const issue = `runtime ${
      JSON.stringify(this.#options.runtimeId)
    } already exists; import into another space`;
    return invalidRequest(`import into space ${JSON.stringify(this.#space)}`, issue);
  }
}

/** Runtimes whose import into a space is running, or was interrupted. Requires `--allow-net=HOST:PORT` for the client. */
export async function unfinishedImports(
  { client, space = DEFAULT_SPACE }: PostgresSpace,
): Promise<RuntimeId[]> {
  const { items } = await new RuntimeDirectory({ client, space: reservedSpace(space) }).list({
    limit: 1_000,
  });
  return items.map(({ runtimeId }) => runtimeId);
}

/** The space that imports into another one work in: a name that no host gives. */
function reservedSpace(space: string): string {
  return `\nimport\n${space}`;
}

/** Adds events that precede the log: `$3` to `$8` are columns, a line for each event. */
const ADD_OLD = `WITH ${FENCE}, added AS (
    INSERT INTO worker_runtime.events (rt, id, worker, life, first_seq, last_seq, json)
    SELECT fence.no, e.id::bigint, e.worker, e.life::bigint, e.first_seq::bigint, e.last_seq::bigint, e.json
    FROM fence, unnest(
      string_to_array($3, E'\\n'), string_to_array($4, E'\\n'), string_to_array($5, E'\\n'),
      string_to_array($6, E'\\n'), string_to_array($7, E'\\n'), string_to_array($8, E'\\n')
    ) AS e(json, id, worker, life, first_seq, last_seq)
    ON CONFLICT DO NOTHING
  ) SELECT no FROM fence`;

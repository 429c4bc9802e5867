/**
 * Hand-written INSERTs: the same rows with the same client, inserted one by one, or
 * in batches of all that accumulate during the previous INSERT. No lease,
 * no fence, no keys and no states of workers; ids and sequences are counted in
 * memory. One of the two indices serves the events of a worker and its transcript.
 *
 * @module
 */
import type { PostgresRow } from "../../postgres_store.ts";
import type { Contender, Entry, Store, StoredEvent } from "./contender.ts";
import { connect, type Connection, loadDriver } from "./postgres_client.ts";
import { TickBatch } from "./tick_batch.ts";

await loadDriver();

const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS inputs (
    rt bigint NOT NULL, id bigint NOT NULL, worker text COLLATE "C", life bigint,
    first_seq bigint, last_seq bigint, json text COLLATE "C" NOT NULL, PRIMARY KEY (rt, id)
  )`,
  `CREATE INDEX IF NOT EXISTS transcripts ON inputs (rt, life, last_seq) WHERE first_seq IS NOT NULL`,
];

const COLUMNS = "rt, id, worker, life, first_seq, last_seq, json";
const INSERT = `INSERT INTO inputs (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)`;
const INSERT_BATCH = `INSERT INTO inputs (${COLUMNS})
  SELECT $1, e.* FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[]) AS e`;
const BATCH_MAX = 8_192;

/** Runs a statement. `pg` takes arrays as parameters, other than the library's type of a client says. */
type Query = (text: string, params: readonly unknown[]) => Promise<{ readonly rows: readonly PostgresRow[] }>;

/** A row without the number of its runtime. */
type Row = readonly [
  id: number,
  worker: string,
  life: number,
  firstSeq: number,
  lastSeq: number,
  json: string,
];

/** A runtime's counters, and its batches. */
interface Log {
  readonly no: number;
  lastId: number;
  readonly lengths: number[];
  readonly batch: TickBatch<Row, undefined> | undefined;
}

class InsertStore implements Store {
  readonly #connection: Connection;
  readonly #query: Query;
  readonly #logs: readonly Log[];

  constructor(connection: Connection, batched: boolean) {
    this.#connection = connection;
    this.#query = connection.client.query.bind(connection.client) as Query;
    this.#logs = Array.from({ length: connection.runtimes }, (_, no) => {
      const batch = batched
        ? new TickBatch((rows: readonly Row[]) => this.#insert(no, rows), BATCH_MAX)
        : undefined;
      return { no, lastId: 0, lengths: [], batch };
    });
  }

  async load(): Promise<void> {
    for (const statement of SCHEMA) await this.#query(statement, []);
    const counted = "SELECT rt, life, max(id) AS id, max(last_seq) AS length FROM inputs GROUP BY rt, life";
    for (const { rt, life, id, length } of (await this.#query(counted, [])).rows) {
      const log = this.#logs[Number(rt)];
      if (log === undefined) continue;
      log.lastId = Math.max(log.lastId, Number(id));
      log.lengths[Number(life)] = Number(length);
    }
  }

  createWorkers(): Promise<void> {
    return Promise.resolve();
  }

  async input(worker: number, content: string): Promise<number> {
    const log = this.#log(worker);
    const life = this.#life(worker);
    const [id, seq] = [++log.lastId, (log.lengths[life] ?? 0) + 1];
    log.lengths[life] = seq;
    const workerId = `worker-${life}`;
    const at = new Date().toISOString();
    const entries = [{ role: "user", content }];
    const json = JSON.stringify({ id, at, type: "worker.committed", workerId, seq, count: 1, entries });
    const row: Row = [id, workerId, life, seq, seq, json];
    if (log.batch === undefined) await this.#query(INSERT, [log.no, ...row]);
    else await log.batch.add(row);
    return id;
  }

  length(worker: number): Promise<number> {
    return Promise.resolve(this.#log(worker).lengths[this.#life(worker)] ?? 0);
  }

  async newestPage(worker: number, limit: number): Promise<readonly Entry[]> {
    const text = "SELECT json FROM inputs WHERE rt = $1 AND life = $2 AND first_seq IS NOT NULL " +
      "ORDER BY last_seq DESC LIMIT $3";
    const { rows } = await this.#query(text, [this.#log(worker).no, this.#life(worker), limit]);
    return rows.map(entryOf).reverse();
  }

  async pageAfter(worker: number, seq: number, limit: number): Promise<readonly Entry[]> {
    const text = "SELECT json FROM inputs WHERE rt = $1 AND life = $2 AND first_seq IS NOT NULL " +
      "AND last_seq > $3 ORDER BY last_seq LIMIT $4";
    const { rows } = await this.#query(text, [this.#log(worker).no, this.#life(worker), seq, limit]);
    return rows.map(entryOf);
  }

  async eventsAfter(id: number, limit: number): Promise<readonly StoredEvent[]> {
    const text = "SELECT json FROM inputs WHERE rt = $1 AND id > $2 ORDER BY id LIMIT $3";
    const { rows } = await this.#query(text, [0, id, limit]);
    return rows.map((row) => {
      const { id, at, type, entries: [entry] } = JSON.parse(String(row["json"]));
      return { id, at, type, content: entry.content };
    });
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    for (const { batch } of this.#logs) await batch?.idle();
    await this.#connection.end();
  }

  async #insert(no: number, rows: readonly Row[]): Promise<undefined[]> {
    const columns = [0, 1, 2, 3, 4, 5].map((column) => rows.map((row) => row[column]));
    await this.#query(INSERT_BATCH, [no, ...columns]);
    return rows.map(() => undefined);
  }

  #log(worker: number): Log {
    return this.#logs[worker % this.#logs.length] as Log;
  }

  #life(worker: number): number {
    return Math.floor(worker / this.#logs.length);
  }
}

function entryOf(row: PostgresRow): Entry {
  const { id: eventId, at, seq, entries: [{ role, content }] } = JSON.parse(String(row["json"]));
  return { seq, eventId, at, role, content };
}

function contender(batched: boolean): Contender {
  return {
    open: async (url) => {
      const store = new InsertStore(await connect(url), batched);
      await store.load();
      return store;
    },
  };
}

/** An INSERT per input. */
export const insertContender: Contender = contender(false);

/** An INSERT for all inputs that accumulate while the previous one runs. */
export const insertBatchedContender: Contender = contender(true);

/**
 * node:sqlite in WAL mode with synchronous=FULL: every commit is synced. The
 * text of an input is stored once, in the transcript, and an event finds it
 * by its rowid. Batched, the callers of a tick share a transaction.
 *
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Contender, Entry, Store, StoredEvent } from "./contender.ts";
import { TickBatch } from "./tick_batch.ts";

const SETTINGS = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -65536;
`;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS workers (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
  length INTEGER NOT NULL, last_event_id INTEGER NOT NULL, updated_at INTEGER NOT NULL, data TEXT
);
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, type TEXT NOT NULL, worker_id INTEGER,
  entry_id INTEGER, payload TEXT
);
CREATE TABLE IF NOT EXISTS transcript (
  id INTEGER PRIMARY KEY, worker_id INTEGER NOT NULL, seq INTEGER NOT NULL,
  event_id INTEGER NOT NULL, at INTEGER NOT NULL, role TEXT NOT NULL,
  content TEXT NOT NULL, name TEXT, metadata TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS transcript_by_worker ON transcript (worker_id, seq);
`;

const ENTRY = "SELECT seq, event_id AS eventId, at, role, content FROM transcript";

interface Input {
  readonly worker: number;
  readonly content: string;
}

class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #sql: Readonly<Record<keyof typeof statements, StatementSync>>;
  readonly #batch: TickBatch<Input, number> | undefined;
  #lastEventId: number;

  constructor(path: string, batched: boolean) {
    this.#db = new DatabaseSync(path);
    this.#db.exec(SETTINGS + SCHEMA);
    this.#sql = prepared(this.#db);
    this.#batch = batched ? new TickBatch((inputs) => this.#transaction(inputs), 8_192) : undefined;
    this.#lastEventId = number(this.#sql.lastEvent.get()?.["id"]);
  }

  createWorkers(count: number): Promise<void> {
    this.#db.exec("BEGIN IMMEDIATE");
    for (let id = 0; id < count; id++) this.#sql.createWorker.run(id, `worker-${id}`, Date.now());
    this.#db.exec("COMMIT");
    return Promise.resolve();
  }

  async input(worker: number, content: string): Promise<number> {
    if (this.#batch !== undefined) return await this.#batch.add({ worker, content });
    return this.#transaction([{ worker, content }])[0] ?? 0;
  }

  length(worker: number): Promise<number> {
    return Promise.resolve(number(this.#sql.worker.get(worker)?.["length"]));
  }

  newestPage(worker: number, limit: number): Promise<readonly Entry[]> {
    const rows = this.#sql.newestPage.all(worker, limit);
    return Promise.resolve(rows.reverse() as unknown as Entry[]);
  }

  pageAfter(worker: number, seq: number, limit: number): Promise<readonly Entry[]> {
    return Promise.resolve(this.#sql.pageAfter.all(worker, seq, limit) as unknown as Entry[]);
  }

  eventsAfter(id: number, limit: number): Promise<readonly StoredEvent[]> {
    return Promise.resolve(this.#sql.eventsAfter.all(id, limit) as unknown as StoredEvent[]);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#batch?.idle();
    this.#db.close();
  }

  #transaction(inputs: readonly Input[]): number[] {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const ids = inputs.map((input) => this.#insert(input));
      this.#db.exec("COMMIT");
      return ids;
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  #insert({ worker, content }: Input): number {
    const at = Date.now();
    const id = ++this.#lastEventId;
    const seq = number(this.#sql.advance.get(id, at, worker)?.["length"]);
    const { lastInsertRowid } = this.#sql.insertEntry.run(worker, seq, id, at, "user", content);
    this.#sql.insertEvent.run(id, at, "worker.input_accepted", worker, lastInsertRowid);
    return id;
  }
}

const statements = {
  createWorker: "INSERT OR IGNORE INTO workers VALUES (?, ?, 'running', 0, 0, ?, NULL)",
  worker: "SELECT * FROM workers WHERE id = ?",
  advance:
    "UPDATE workers SET length = length + 1, last_event_id = ?, updated_at = ? WHERE id = ? RETURNING length",
  insertEntry:
    "INSERT INTO transcript (worker_id, seq, event_id, at, role, content) VALUES (?, ?, ?, ?, ?, ?)",
  insertEvent: "INSERT INTO events VALUES (?, ?, ?, ?, ?, NULL)",
  lastEvent: "SELECT coalesce(max(id), 0) AS id FROM events",
  newestPage: `${ENTRY} WHERE worker_id = ? ORDER BY seq DESC LIMIT ?`,
  pageAfter: `${ENTRY} WHERE worker_id = ? AND seq > ? ORDER BY seq LIMIT ?`,
  eventsAfter: `SELECT e.id, e.at, e.type, e.worker_id AS worker, t.seq, t.role, t.content
    FROM events e LEFT JOIN transcript t ON t.id = e.entry_id WHERE e.id > ? ORDER BY e.id LIMIT ?`,
} as const;

function prepared(db: DatabaseSync): Readonly<Record<keyof typeof statements, StatementSync>> {
  const all = Object.entries(statements).map(([name, sql]) => [name, db.prepare(sql)]);
  return Object.fromEntries(all);
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function contender(batched: boolean): Contender {
  return {
    open: (directory) => Promise.resolve(new SqliteStore(`${directory}/runtime.sqlite`, batched)),
  };
}

/** A transaction per input. */
export const sqliteContender: Contender = contender(false);

/** A transaction per tick. */
export const sqliteBatchedContender: Contender = contender(true);

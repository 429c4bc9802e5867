// A custom store: one runtime in one SQLite database. tests/examples/sqlite_store_test.ts runs the conformance suite
// against it.

import { DatabaseSync } from "node:sqlite";
import { limits, parseRuntimeId, RuntimeError, type RuntimeId } from "@yoi/worker-runtime";
import {
  type AppendBatch,
  type AppendResult,
  type EventRecord,
  fencedAppend,
  type PrunedEvents,
  type ReadEvents,
  type ReadRange,
  type ReadTranscript,
  type RuntimeStore,
  scanEvents,
  type Snapshot,
  type StoredEvents,
  type StoreHost,
  type StoreInfo,
} from "@yoi/worker-runtime/store";

// An event whose `firstSeq` is not null is a line of its worker's transcript.
const SCHEMA = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, json TEXT NOT NULL, workerId TEXT, firstSeq INTEGER, lastSeq INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS transcripts ON events (workerId, firstSeq) WHERE firstSeq IS NOT NULL;
  CREATE TABLE IF NOT EXISTS snapshot (
    one INTEGER PRIMARY KEY CHECK (one = 1), through INTEGER, runtimeJson TEXT, workers TEXT
  ) STRICT;
  COMMIT;
`;

/** Events after which a snapshot is due: what opening has to fold at most, about. */
const SNAPSHOT_EVENTS = 10_000;

/** A {@linkcode RuntimeStore} in an SQLite database. Requires `--allow-read` and `--allow-write` for its file. */
export class SqliteRuntimeStore implements RuntimeStore {
  readonly runtimeId: RuntimeId;
  readonly supports = { persistent: true, exclusive: true };
  readonly #path: string;
  readonly #db: DatabaseSync;
  #closed = false;
  #lastEventId = 0;
  #snapshotThrough = 0;
  /** Error of every further append. */
  #fence: RuntimeError | undefined;

  constructor(options: { readonly path: string; readonly runtimeId: string }) {
    this.runtimeId = parseRuntimeId(options.runtimeId);
    this.#path = options.path;
    this.#db = new DatabaseSync(options.path, { open: false });
  }

  /** Opens the database, and holds it alone until closed. Throws `store_locked` while another process holds it. */
  async acquire(host: StoreHost): Promise<StoreInfo> {
    try {
      await this.#attempt("open", () => this.#lock());
      await this.#attempt("read", () => this.#push(host));
      return {};
    } catch (error) {
      if (this.#db.isOpen) this.#db.close();
      throw error;
    }
  }

  append({ expectedLastEventId: expected, events }: AppendBatch): Promise<AppendResult> {
    return this.#attempt("append", () => {
      if (expected !== this.#lastEventId) this.#fence ??= fencedAppend(expected, this.#lastEventId);
      if (this.#fence !== undefined) throw this.#fence;
      this.#inOneTransaction(() => events.forEach((event) => this.#insert(event)));
      this.#lastEventId += events.length;
      return { snapshotDue: this.#lastEventId - this.#snapshotThrough > SNAPSHOT_EVENTS };
    });
  }

  readEvents(read: ReadEvents): Promise<StoredEvents> {
    return this.#attempt("read", () => {
      const range = { ...read, to: Math.min(read.to, this.#lastEventId) };
      const texts = ({ from, to, keep }: ReadRange) =>
        this.#page("id BETWEEN ? AND ? ORDER BY id", keep, from, to);
      return { ...scanEvents(range, texts), firstEventId: 1 };
    });
  }

  readTranscript({ workerId, from, to, keep }: ReadTranscript): Promise<readonly string[]> {
    const where = "workerId = ? AND firstSeq <= ? AND lastSeq >= ? ORDER BY firstSeq";
    return this.#attempt("read", () => this.#page(where, keep, workerId, to, from));
  }

  async saveSnapshot({ through, runtimeJson, workers }: Snapshot): Promise<void> {
    const parts = JSON.stringify(await Array.fromAsync(workers, ({ json }) => json));
    await this.#attempt("save snapshot", () => {
      this.#db.prepare("INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?, ?)").run(
        through,
        runtimeJson,
        parts,
      );
      this.#snapshotThrough = through;
    });
  }

  /** Deletes nothing: transcripts are read from the events. */
  prune(): Promise<PrunedEvents> {
    return this.#attempt("prune", () => ({ firstEventId: 1, events: 0, bytes: 0 }));
  }

  flush(): Promise<void> {
    return this.#attempt("flush", () => {});
  }

  close(): Promise<void> {
    if (this.#db.isOpen) this.#db.close();
    this.#closed = true;
    return Promise.resolve();
  }

  #lock(): void {
    try {
      this.#db.open();
      this.#db.exec(SCHEMA);
    } catch (cause) {
      const message = `Cannot open store ${JSON.stringify(this.#path)}: ${cause}`;
      throw new RuntimeError("store_locked", message, { path: this.#path, owner: "another process" }, {
        cause,
      });
    }
  }

  #push(host: StoreHost): void {
    const row = this.#db.prepare("SELECT through, runtimeJson, workers FROM snapshot").get();
    if (row !== undefined) {
      this.#lastEventId = this.#snapshotThrough = Number(row.through);
      host.restore({
        through: this.#snapshotThrough,
        runtimeJson: String(row.runtimeJson),
        workers: JSON.parse(String(row.workers)),
      });
    }
    const rows = this.#db.prepare("SELECT id, json FROM events WHERE id > ? ORDER BY id");
    for (const { id, json } of rows.iterate(this.#snapshotThrough)) {
      host.replay([String(json)]);
      this.#lastEventId = Number(id);
    }
  }

  /** The texts of a page, oldest first: as many as fit it, from the end that is kept. */
  #page(where: string, keep: ReadRange["keep"], ...values: (string | number)[]): string[] {
    const order = keep === "first" ? "ASC" : "DESC";
    const rows = this.#db.prepare(`SELECT json FROM events WHERE ${where} ${order}`).iterate(...values);
    const texts: string[] = [];
    let bytes = 0;
    for (const { json } of rows) {
      const text = String(json);
      bytes += new TextEncoder().encode(text).length;
      if (texts.length > 0 && bytes > limits.pageBytesMax) break;
      texts.push(text);
    }
    return keep === "first" ? texts : texts.reverse();
  }

  #insert({ id, json, workerId, purges, seq, count = 0 }: EventRecord): void {
    const [firstSeq, lastSeq] = seq === undefined ? [null, null] : [seq, seq + count - 1];
    if (purges) {
      this.#db.prepare("UPDATE events SET firstSeq = NULL WHERE workerId = ?").run(workerId ?? null);
    }
    const insert = this.#db.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?)");
    insert.run(id, json, workerId ?? null, firstSeq, lastSeq);
  }

  #inOneTransaction(work: () => void): void {
    this.#db.exec("BEGIN");
    try {
      work();
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** Runs `work`; failures become errors of the library. */
  #attempt<T>(operation: string, work: () => T): Promise<T> {
    return new Promise((resolve) => {
      if (this.#closed) {
        const message = `Cannot ${operation} store ${JSON.stringify(this.#path)}: it is closed`;
        throw new RuntimeError("runtime_closed", message, { runtimeId: this.runtimeId });
      }
      try {
        resolve(work());
      } catch (cause) {
        if (cause instanceof RuntimeError) throw cause;
        const message = `Cannot ${operation} store ${JSON.stringify(this.#path)}: ${cause}`;
        const details = { operation, path: this.#path, systemCode: "" };
        throw new RuntimeError("store_io", message, details, { cause });
      }
    });
  }
}

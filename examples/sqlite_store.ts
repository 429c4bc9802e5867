// A custom store: one runtime in one SQLite database. tests/examples/sqlite_store_test.ts runs the conformance suite
// against it.

import { DatabaseSync } from "node:sqlite";
import { limits, parseRuntimeId, RuntimeError, type RuntimeId } from "@yoi/worker-runtime";
import type {
  AppendBatch,
  AppendResult,
  EventRecord,
  PrunedEvents,
  ReadEvents,
  ReadTranscript,
  RuntimeStore,
  Snapshot,
  StoredEvents,
  StoreHost,
  StoreInfo,
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
  CREATE INDEX IF NOT EXISTS workers ON events (workerId, id);
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
      const actual = this.#lastEventId;
      if (expected !== actual) {
        const message = `Cannot append events after ${expected}: the last one is ${actual}`;
        this.#fence ??= new RuntimeError("store_fenced", message, { epoch: 0, owner: "another writer" });
      }
      if (this.#fence !== undefined) throw this.#fence;
      this.#inOneTransaction(() => events.forEach((event) => this.#insert(event)));
      this.#lastEventId += events.length;
      return { snapshotDue: this.#lastEventId - this.#snapshotThrough > SNAPSHOT_EVENTS };
    });
  }

  readEvents({ from, to, keep, workerId, limit = -1 }: ReadEvents): Promise<StoredEvents> {
    return this.#attempt("read", () => {
      const [order, farthest] = keep === "first" ? ["ASC", Math.min(to, this.#lastEventId)] : ["DESC", from];
      const [filter, ...filtered] = workerId === undefined ? [""] : ["AND workerId = ?4", workerId];
      const rows = this.#db.prepare(
        `SELECT id, json FROM events WHERE id BETWEEN ?1 AND ?2 ${filter} ORDER BY id ${order} LIMIT ?3`,
      ).iterate(from, to, limit, ...filtered);
      const { texts, lastId, isCut } = page(rows, keep);
      const isWhole = !isCut && texts.length !== limit;
      return { events: texts, scanned: isWhole ? farthest : lastId, firstEventId: 1 };
    });
  }

  readTranscript({ workerId, from, to, keep }: ReadTranscript): Promise<readonly string[]> {
    return this.#attempt("read", () => {
      const rows = this.#db.prepare(
        `SELECT id, json FROM events WHERE workerId = ? AND firstSeq <= ? AND lastSeq >= ?
         ORDER BY firstSeq ${keep === "first" ? "ASC" : "DESC"}`,
      ).iterate(workerId, to, from);
      return page(rows, keep).texts;
    });
  }

  saveSnapshot({ through, runtimeJson, workers }: Snapshot): Promise<void> {
    return this.#attempt("save snapshot", () => {
      const parts = JSON.stringify(Array.from(workers, ({ json }) => json));
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

  #insert({ id, json, workerId, effect, seq, count }: EventRecord): void {
    const [firstSeq, lastSeq] = effect === "transcript" ? [seq, seq + count - 1] : [null, null];
    if (effect === "purged") {
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

/** The texts of a page, oldest first: as many as fit it, and the last id that was taken. */
function page(
  rows: Iterable<Record<string, unknown>>,
  keep: "first" | "last",
): { readonly texts: string[]; readonly lastId: number; readonly isCut: boolean } {
  const texts: string[] = [];
  let [bytes, lastId, isCut] = [0, 0, false];
  for (const { id, json } of rows) {
    const text = String(json);
    bytes += new TextEncoder().encode(text).length;
    isCut = texts.length > 0 && bytes > limits.pageBytesMax;
    if (isCut) break;
    texts.push(text);
    lastId = Number(id);
  }
  return { texts: keep === "first" ? texts : texts.reverse(), lastId, isCut };
}

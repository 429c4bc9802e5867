// A custom store: one runtime in one SQLite database. tests/examples/sqlite_store_test.ts runs the conformance suite
// against it.

import { createHash } from "node:crypto";
import { DatabaseSync, type SQLInputValue, type StatementResultingChanges } from "node:sqlite";
import { limits, parseRuntimeId, RuntimeError, type RuntimeId } from "@yoi/worker-runtime";
import {
  type AppendBatch,
  type AppendResult,
  type BlobFacts,
  type BlobHash,
  type BlobInput,
  blobMissing,
  type BlobOwner,
  type EventRecord,
  fencedAppend,
  type NewWorker,
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
  verifiedStream,
  type WorkerId,
  workerNotFound,
} from "@yoi/worker-runtime/store";

// An event whose `firstSeq` is not null adds to its worker's transcript. A blob without a hash is being put; one with a
// creation is that of a worker which is yet to be created.
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
  CREATE TABLE IF NOT EXISTS workers (workerId TEXT PRIMARY KEY, createdEventId INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS blobs (
    blob INTEGER PRIMARY KEY, workerId TEXT REFERENCES workers ON DELETE CASCADE, creation INTEGER,
    sha256 TEXT, size INTEGER, UNIQUE (workerId, sha256), CHECK ((workerId IS NULL) <> (creation IS NULL))
  ) STRICT;
  CREATE TABLE IF NOT EXISTS pieces (
    blob INTEGER NOT NULL REFERENCES blobs ON DELETE CASCADE, number INTEGER, bytes BLOB NOT NULL,
    PRIMARY KEY (blob, number)
  ) STRICT;
  DELETE FROM blobs WHERE sha256 IS NULL OR creation IS NOT NULL;
  COMMIT;
`;

/** Events after which a snapshot is due: about as many as opening has to fold at most. */
const SNAPSHOT_EVENTS = 10_000;
/** Bytes of a blob in one row; only its last piece is smaller. */
const PIECE_BYTES = 262_144;

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

  /** Keeps a blob in pieces, so that no call holds all of it in memory. */
  async putBlob(owner: BlobOwner | NewWorker, input: BlobInput): Promise<BlobFacts> {
    const blob = await this.#attempt("put blob", () => this.#beginBlob(owner));
    try {
      let number = 0;
      for await (const bytes of pieces(input)) {
        await this.#attempt("put blob", () => this.#insertPiece(owner, blob, number++, bytes));
      }
      return await this.#attempt("put blob", () => this.#nameBlob(owner, blob, input.facts));
    } catch (error) {
      if (this.#db.isOpen) this.#run("DELETE FROM blobs WHERE blob = ?", blob);
      throw error;
    }
  }

  discardBlobs({ creation }: NewWorker): Promise<void> {
    return this.#attempt(
      "discard blobs",
      () => void this.#run("DELETE FROM blobs WHERE creation = ?", creation),
    );
  }

  newHash(): BlobHash {
    return createHash("sha256");
  }

  blobSize(workerId: WorkerId, sha256: string): Promise<number | undefined> {
    return this.#attempt("read blob", () => this.#sizeOf(workerId, sha256));
  }

  readBlob(workerId: WorkerId, blob: BlobFacts): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const { sha256, bytes } = blob;
    return this.#attempt("read blob", () => {
      const size = this.#sizeOf(workerId, sha256);
      if (size === undefined) throw blobMissing(workerId, sha256);
      if (size !== bytes) throw blobCorrupt(workerId, sha256, `it has ${size} bytes, not ${bytes}`);
      const corrupt = (reason: string) => blobCorrupt(workerId, sha256, reason);
      return verifiedStream(this.#piecesOf(workerId, sha256), blob, corrupt, this.newHash());
    });
  }

  blobs(workerId: WorkerId): Promise<readonly BlobFacts[]> {
    const kept = "SELECT sha256, size FROM blobs WHERE workerId = ? AND sha256 IS NOT NULL";
    return this.#attempt("list blobs", () =>
      this.#db.prepare(kept).all(workerId).map(({ sha256, size }) => ({
        sha256: String(sha256),
        bytes: Number(size),
      })));
  }

  removeBlobs(workerId: WorkerId, hashes: readonly string[]): Promise<void> {
    return this.#attempt("remove blobs", () =>
      this.#inOneTransaction(() => {
        for (const sha256 of hashes) {
          this.#run("DELETE FROM blobs WHERE workerId = ? AND sha256 = ?", workerId, sha256);
        }
      }));
  }

  async saveSnapshot({ through, runtimeJson, workers }: Snapshot): Promise<void> {
    const parts = JSON.stringify(await Array.fromAsync(workers, ({ json }) => json));
    await this.#attempt("save snapshot", () => {
      this.#run("INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?, ?)", through, runtimeJson, parts);
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

  #insert({ id, json, creates, adopts, purges, seq, count = 0, ...of }: EventRecord): void {
    const workerId = of.workerId ?? null;
    const [firstSeq, lastSeq] = seq === undefined ? [null, null] : [seq, seq + count - 1];
    if (purges) {
      this.#run("UPDATE events SET firstSeq = NULL WHERE workerId = ?", workerId);
      this.#run("DELETE FROM workers WHERE workerId = ?", workerId);
    }
    if (creates) {
      this.#run("INSERT INTO workers VALUES (?, ?)", workerId, id);
      this.#run(
        "UPDATE blobs SET workerId = ?, creation = NULL WHERE creation = ?",
        workerId,
        adopts ?? null,
      );
    }
    this.#run("INSERT INTO events VALUES (?, ?, ?, ?, ?)", id, json, workerId, firstSeq, lastSeq);
  }

  #beginBlob(owner: BlobOwner | NewWorker): number {
    this.#assertCurrent(owner);
    const row = "creation" in owner ? [null, owner.creation] : [owner.workerId, null];
    const { lastInsertRowid } = this.#run("INSERT INTO blobs (workerId, creation) VALUES (?, ?)", ...row);
    return Number(lastInsertRowid);
  }

  #insertPiece(owner: BlobOwner | NewWorker, blob: number, number: number, bytes: Uint8Array): void {
    this.#assertCurrent(owner);
    this.#run("INSERT INTO pieces VALUES (?, ?, ?)", blob, number, bytes);
  }

  /** Sets the hash of a blob, which replaces one with the same hash. */
  #nameBlob(owner: BlobOwner | NewWorker, blob: number, facts: BlobFacts): BlobFacts {
    const { sha256, bytes } = facts;
    const [column, value] = "creation" in owner ? ["creation", owner.creation] : ["workerId", owner.workerId];
    this.#inOneTransaction(() => {
      this.#assertCurrent(owner);
      this.#run(`DELETE FROM blobs WHERE ${column} = ? AND sha256 = ?`, value, sha256);
      this.#run("UPDATE blobs SET sha256 = ?, size = ? WHERE blob = ?", sha256, bytes, blob);
    });
    return facts;
  }

  #assertCurrent(owner: BlobOwner | NewWorker): void {
    if ("creation" in owner) return;
    const { workerId, createdEventId } = owner;
    const row = this.#db.prepare("SELECT createdEventId FROM workers WHERE workerId = ?").get(workerId);
    if (row?.createdEventId !== createdEventId) throw workerNotFound(workerId, "put blob");
  }

  #sizeOf(workerId: WorkerId, sha256: string): number | undefined {
    const size = "SELECT size FROM blobs WHERE workerId = ? AND sha256 = ?";
    const row = this.#db.prepare(size).get(workerId, sha256);
    return row === undefined ? undefined : Number(row.size);
  }

  /** The pieces of a blob, read as they are asked for. */
  async *#piecesOf(workerId: WorkerId, sha256: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const piece =
      "SELECT bytes FROM blobs JOIN pieces USING (blob) WHERE workerId = ? AND sha256 = ? AND number = ?";
    for (let number = 0;; number++) {
      const row = await this.#attempt(
        "read blob",
        () => this.#db.prepare(piece).get(workerId, sha256, number),
      );
      if (!(row?.bytes instanceof Uint8Array)) return;
      yield row.bytes.slice();
    }
  }

  #run(sql: string, ...values: SQLInputValue[]): StatementResultingChanges {
    return this.#db.prepare(sql).run(...values);
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

/** Bytes in pieces of the same size. A piece is valid until the next one. */
async function* pieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(PIECE_BYTES);
  let length = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + PIECE_BYTES - length);
      piece.set(part, length);
      at += part.length;
      length += part.length;
      if (length === PIECE_BYTES) yield piece;
      length %= PIECE_BYTES;
    }
  }
  if (length > 0) yield piece.subarray(0, length);
}

function blobCorrupt(workerId: string, sha256: string, reason: string): RuntimeError<"blob_corrupt"> {
  const message = `Cannot read blob ${sha256} of worker ${JSON.stringify(workerId)}: ${reason}`;
  return new RuntimeError("blob_corrupt", message, { workerId, sha256, file: "", reason });
}

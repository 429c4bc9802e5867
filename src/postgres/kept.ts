/**
 * Reads of a runtime in the database: its snapshot, events, transcripts and
 * blobs. The owner's store and the source of readers have them in common.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { blobMissing, cursorExpired, RuntimeError } from "../core/errors.ts";
import { verifiedStream } from "../core/blob_stream.ts";
import type { RuntimeId, WorkerId } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type {
  BlobFacts,
  ReadEvents,
  ReadRange,
  ReadTranscript,
  StoredEvents,
  StoreHost,
} from "../core/store.ts";
import { column, type Database, type Parameter, type PostgresRow } from "./client.ts";

/** A runtime's row. */
export interface RuntimeRow {
  /** Its number. */
  readonly no: number;
  /** The fence, which rises with each claim. */
  readonly epoch: number;
  /** The oldest event of the log. */
  readonly firstId: number;
  /** The newest event. */
  readonly lastId: number;
  /** The last event that the snapshot covers; 0 without one. */
  readonly snapshotThrough: number;
}

/** Columns of {@linkcode RuntimeRow}. */
export const ROW_COLUMNS = "no, epoch, first_id, last_id, snapshot_through";

/** Converts a runtime's row. */
export function runtimeRow(row: PostgresRow): RuntimeRow {
  return {
    no: Number(row.no),
    epoch: Number(row.epoch),
    firstId: Number(row.first_id),
    lastId: Number(row.last_id),
    snapshotThrough: Number(row.snapshot_through),
  };
}

/** Creates the error of a runtime that the database does not have. */
export function runtimeMissing(space: string, runtimeId: RuntimeId): RuntimeError<"store_missing"> {
  const path = `${space}/${runtimeId}`;
  const message = `Cannot open store: space ${JSON.stringify(space)} has no runtime ${
    JSON.stringify(runtimeId)
  }`;
  return new RuntimeError("store_missing", message, { path });
}

/**
 * Selects from a page of `id`, `json` and the column of its order, bounded by its
 * bytes. Ids and last sequences of a life have the same order.
 */
function boundedPage(page: string, keep: ReadRange["keep"], by: "id" | "last_seq" = "id"): string {
  const order = `ORDER BY ${by} ${keep === "first" ? "ASC" : "DESC"}`;
  return `SELECT id, json FROM (
    SELECT id, json, sum(octet_length(json)) OVER (${order}) AS total, row_number() OVER (${order}) AS position
    FROM (${page} ${order} LIMIT ${limits.pageItemsMax + 1}) AS page
  ) AS bounded WHERE position = 1 OR total <= ${limits.pageBytesMax} ORDER BY id`;
}

/** Reads one runtime. */
export class Kept {
  readonly #database: Database;
  /** The runtime's number. */
  readonly no: number;

  /** Reads of the runtime of a number. */
  constructor(database: Database, no: number) {
    this.#database = database;
    this.no = no;
  }

  /** Rows of this runtime: `$1` is its number. */
  async rows(operation: string, text: string, ...params: Parameter[]): Promise<readonly PostgresRow[]> {
    return await this.#database.rows(operation, text, this.no, ...params);
  }

  /** The runtime's row. */
  async row(): Promise<RuntimeRow | undefined> {
    const [row] = await this.rows("read", `SELECT ${ROW_COLUMNS} FROM worker_runtime.runtimes WHERE no = $1`);
    return row === undefined ? undefined : runtimeRow(row);
  }

  /** Pushes the snapshot, if there is one, and the events after it up to `lastId`. Returns the units of both. */
  async push(host: StoreHost, row: RuntimeRow): Promise<{ snapshotUnits: number; eventUnits: number }> {
    const snapshotUnits = await this.#pushSnapshot(host, row.snapshotThrough);
    const eventUnits = await this.pushEvents(host, row.snapshotThrough, row.lastId);
    return { snapshotUnits, eventUnits };
  }

  async #pushSnapshot(host: StoreHost, through: number): Promise<number> {
    if (through === 0) return 0;
    const lines: string[] = [];
    let units = 0;
    for (let part = 0;; part++) {
      const text = `SELECT body FROM worker_runtime.snapshots WHERE rt = $1 AND through = $2 AND part = $3`;
      const [row] = await this.rows("read snapshot", text, through, part);
      if (row === undefined) break;
      const body = String(row.body);
      units += body.length;
      for (const line of body.split("\n")) lines.push(line);
    }
    const [runtimeJson, ...workers] = lines;
    if (runtimeJson === undefined) throw missing(`the snapshot of event ${through}`);
    host.restore({ through, runtimeJson, workers });
    return units;
  }

  /** Pushes the events after `after` up to `to`. Returns their units. */
  async pushEvents(host: StoreHost, after: number, to: number): Promise<number> {
    let units = 0;
    for (let from = after + 1; from <= to;) {
      const texts = await this.texts({ from, to, keep: "first" });
      host.replay(texts);
      for (const text of texts) units += text.length;
      from += texts.length;
    }
    return units;
  }

  /** Texts of a page of events, one at least. Throws `store_corrupt` if some are missing. */
  async texts({ from, to, keep }: ReadRange): Promise<string[]> {
    const page = `SELECT id, json FROM worker_runtime.events WHERE rt = $1 AND id BETWEEN $2 AND $3`;
    const rows = await this.rows("read events", boundedPage(page, keep), from, to);
    const first = keep === "first" ? from : to + 1 - rows.length;
    const isWhole = rows.length > 0 && Number(rows[0]?.id) === first &&
      Number(rows.at(-1)?.id) === first + rows.length - 1;
    if (!isWhole) throw missing(`an event of ${from} to ${to}`);
    return textsOf(rows);
  }

  /** A page of events of a log that begins with `firstEventId`. */
  async events(read: ReadEvents, firstEventId: number, lastEventId: number): Promise<StoredEvents> {
    const { keep, workerId, limit = Infinity } = read;
    if (keep === "first" && read.from < firstEventId) throw cursorExpired(read.from - 1, firstEventId);
    const [from, to] = [Math.max(read.from, firstEventId), Math.min(read.to, lastEventId)];
    if (workerId === undefined) {
      const events = from > to ? [] : await this.texts({ from, to, keep });
      const scanned = keep === "first" ? from - 1 + events.length : to + 1 - events.length;
      return { events, scanned, firstEventId };
    }
    const page =
      `SELECT id, json FROM worker_runtime.events WHERE rt = $1 AND worker = $2 AND id BETWEEN $3 AND $4`;
    const rows = await this.rows("read events", boundedPage(page, keep), column(workerId), from, to);
    const kept = keep === "first" ? rows.slice(0, limit) : rows.slice(-limit);
    const isCut = kept.length < rows.length || kept.length >= Math.min(limit, limits.pageItemsMax) ||
      kept.length > 0 && await this.#isCut(workerId, kept, { from, to, keep });
    const edge = keep === "first" ? kept.at(-1) : kept[0];
    const end = keep === "first" ? to : from;
    return { events: textsOf(kept), scanned: isCut ? Number(edge?.id) : end, firstEventId };
  }

  /** Returns true if a page of a worker's events was cut by its bytes. */
  async #isCut(
    workerId: WorkerId,
    rows: readonly PostgresRow[],
    { from, to, keep }: ReadRange,
  ): Promise<boolean> {
    const edge = Number((keep === "first" ? rows.at(-1) : rows[0])?.id);
    const [low, high] = keep === "first" ? [edge + 1, to] : [from, edge - 1];
    const text = `SELECT 1 AS one FROM worker_runtime.events
      WHERE rt = $1 AND worker = $2 AND id BETWEEN $3 AND $4 LIMIT 1`;
    return (await this.rows("read events", text, column(workerId), low, high)).length > 0;
  }

  /** The texts of the events that hold a page of the transcript of the worker that an event created. */
  async transcript({ from, to, keep }: ReadTranscript, life: number): Promise<string[]> {
    if (from > to) return [];
    const entries = `FROM worker_runtime.events WHERE rt = $1 AND life = $2 AND first_seq IS NOT NULL`;
    // Both ends are bounds of the index, which would otherwise be read to the end of the transcript.
    const page = `SELECT id, last_seq, json ${entries} AND first_seq <= $4
      AND last_seq BETWEEN $3 AND
        coalesce((SELECT last_seq ${entries} AND last_seq >= $4 ORDER BY last_seq LIMIT 1), $4)`;
    const text = boundedPage(page, keep, "last_seq");
    return textsOf(await this.rows("read transcript", text, life, from, to));
  }

  /** Size of a blob. */
  async blobSize(life: number, sha256: string): Promise<number | undefined> {
    const text = `SELECT bytes FROM worker_runtime.blobs WHERE rt = $1 AND life = $2 AND sha256 = $3`;
    const [row] = await this.rows("read blob", text, life, sha256);
    return row === undefined ? undefined : Number(row.bytes);
  }

  /** Blobs of a worker. */
  async blobs(life: number): Promise<BlobFacts[]> {
    const text = `SELECT sha256, bytes FROM worker_runtime.blobs WHERE rt = $1 AND life = $2`;
    const rows = await this.rows("list blobs", text, life);
    return rows.map(({ sha256, bytes }) => ({ sha256: String(sha256), bytes: Number(bytes) }));
  }

  /** Bytes of a blob. */
  async readBlob(
    workerId: WorkerId,
    life: number,
    blob: BlobFacts,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const { sha256, bytes } = blob;
    const text = `SELECT bytes, upload FROM worker_runtime.blobs WHERE rt = $1 AND life = $2 AND sha256 = $3`;
    const [row] = await this.rows("read blob", text, life, sha256);
    if (row === undefined) throw blobMissing(workerId, sha256);
    const corrupt = (reason: string) => blobCorrupt(workerId, sha256, reason);
    if (Number(row.bytes) !== bytes) throw corrupt(`it has ${row.bytes} bytes, not ${bytes}`);
    return verifiedStream(this.#chunks(String(row.upload)), blob, corrupt, createHash("sha256"));
  }

  async *#chunks(upload: string): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    const text = `SELECT encode(body, 'base64') AS body FROM worker_runtime.blob_chunks
      WHERE rt = $1 AND upload = $2 AND part = $3`;
    for (let part = 0;; part++) {
      const [row] = await this.rows("read blob", text, upload, part);
      if (row === undefined) return;
      yield new Uint8Array(Buffer.from(String(row.body), "base64"));
    }
  }
}

function textsOf(rows: readonly PostgresRow[]): string[] {
  return rows.map(({ json }) => String(json));
}

function blobCorrupt(workerId: WorkerId, sha256: string, reason: string): RuntimeError<"blob_corrupt"> {
  const message = `Cannot read blob ${sha256} of worker ${JSON.stringify(workerId)}: ${reason}`;
  return new RuntimeError("blob_corrupt", message, { workerId, sha256, file: "", reason });
}

function missing(what: string): RuntimeError<"store_corrupt"> {
  const reason = `${what} is missing`;
  return new RuntimeError("store_corrupt", `Cannot read store: ${reason}`, { file: "", reason });
}

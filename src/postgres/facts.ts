/**
 * Facts about a runtime besides its events: what an export needs, and sizes.
 *
 * @module
 */
import { parseRuntimeId } from "../core/ids.ts";
import { column, Database } from "./client.ts";
import { runtimeMissing } from "./kept.ts";
import { ANSWER_MS, DEFAULT_SPACE, type PostgresLocation } from "./location.ts";

/** Facts of a runtime that its events do not hold. */
export interface RuntimeFacts {
  /** Time of creation of a runtime that was imported, ISO 8601. */
  readonly createdAt: string | undefined;
  /** The `config.jsonc` of a runtime that was imported. */
  readonly config: string | undefined;
}

/** Bytes of the parts of a runtime as the database keeps them, which may be compressed. */
export interface RuntimeSizes {
  /** Events of the log. */
  readonly events: number;
  /** Older events that hold transcripts. */
  readonly transcripts: number;
  /** Blobs. */
  readonly blobs: number;
  /** The snapshot. */
  readonly snapshot: number;
}

/** Reads the facts of a runtime. Throws `store_missing`. */
export async function readFacts(
  { client, space = DEFAULT_SPACE, runtimeId }: PostgresLocation,
): Promise<RuntimeFacts> {
  const text = `SELECT created_at, config FROM worker_runtime.runtimes WHERE space = $1 AND runtime = $2`;
  const id = parseRuntimeId(runtimeId);
  const row = await new Database(client, ANSWER_MS).row("read runtime", text, space, column(id));
  if (row === undefined) throw runtimeMissing(space, id);
  const textOf = (value: unknown) => typeof value === "string" ? value : undefined;
  return { createdAt: textOf(row.created_at), config: textOf(row.config) };
}

/** Measures a runtime. Throws `store_missing`. */
export async function measureRuntime(
  { client, space = DEFAULT_SPACE, runtimeId }: PostgresLocation,
): Promise<RuntimeSizes> {
  const events = (range: string) =>
    `SELECT sum(pg_column_size(json)) FROM worker_runtime.events WHERE rt = r.no AND id ${range} r.first_id`;
  const text = `SELECT coalesce((${events(">=")}), 0) AS events, coalesce((${events("<")}), 0) AS transcripts,
      coalesce((SELECT sum(bytes) FROM worker_runtime.blobs WHERE rt = r.no), 0) AS blobs,
      coalesce((SELECT sum(pg_column_size(body)) FROM worker_runtime.snapshots
        WHERE rt = r.no AND through = r.snapshot_through), 0) AS snapshot
    FROM worker_runtime.runtimes AS r WHERE space = $1 AND runtime = $2`;
  const id = parseRuntimeId(runtimeId);
  const row = await new Database(client, ANSWER_MS).row("measure runtime", text, space, column(id));
  if (row === undefined) throw runtimeMissing(space, id);
  return {
    events: Number(row.events),
    transcripts: Number(row.transcripts),
    blobs: Number(row.blobs),
    snapshot: Number(row.snapshot),
  };
}

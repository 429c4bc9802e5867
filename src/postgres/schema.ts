/**
 * The tables of the store, in a schema of their own.
 *
 * @module
 */
import { RuntimeError } from "../core/errors.ts";
import { CREATE_APPEND } from "./append.ts";
import { Database, type PostgresClient } from "./client.ts";

/** Version of the tables. */
export const SCHEMA_VERSION = 1;

/** Bounds the wait for a table that another session holds. */
const LIMIT_MS = 60_000;

/**
 * Statements that create the tables, each idempotent. Texts of events are
 * `text`, which keeps them byte for byte; `jsonb` would not.
 */
const STATEMENTS = [
  `CREATE SCHEMA IF NOT EXISTS worker_runtime`,
  `CREATE TABLE IF NOT EXISTS worker_runtime.version (
    one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL
  )`,
  // A process that owns runtimes, and the end of its lease by the database's clock.
  `CREATE TABLE IF NOT EXISTS worker_runtime.hosts (
    host text COLLATE "C" PRIMARY KEY, space text COLLATE "C" NOT NULL, owner text NOT NULL, address text,
    lease_until timestamptz NOT NULL
  ) WITH (fillfactor = 50)`,
  // The fence of a runtime is its epoch, which rises with each claim. created_at and config come with an import: a
  // runtime without them was created at the time of its first event, and config is the config.jsonc of a store on disk.
  `CREATE TABLE IF NOT EXISTS worker_runtime.runtimes (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    space text COLLATE "C" NOT NULL, runtime text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL DEFAULT 0, host text COLLATE "C", claim text COLLATE "C", claimed_until timestamptz,
    first_id bigint NOT NULL DEFAULT 1, last_id bigint NOT NULL DEFAULT 0,
    snapshot_through bigint NOT NULL DEFAULT 0, created_at text, config text, UNIQUE (space, runtime)
  ) WITH (fillfactor = 50)`,
  // life: the event that created the worker. An event that adds to a transcript has sequences.
  `CREATE TABLE IF NOT EXISTS worker_runtime.events (
    rt bigint NOT NULL, id bigint NOT NULL, worker text COLLATE "C", life bigint,
    first_seq bigint, last_seq bigint, json text COLLATE "C" NOT NULL, PRIMARY KEY (rt, id)
  )`,
  `CREATE INDEX IF NOT EXISTS events_of_workers ON worker_runtime.events (rt, worker, id) WHERE worker IS NOT NULL`,
  `CREATE INDEX IF NOT EXISTS transcripts ON worker_runtime.events (rt, life, last_seq)
    WHERE first_seq IS NOT NULL`,
  // Lives that were purged, whose events may still be in the log.
  `CREATE TABLE IF NOT EXISTS worker_runtime.purges (
    rt bigint NOT NULL, life bigint NOT NULL, id bigint NOT NULL, PRIMARY KEY (rt, life)
  )`,
  // A snapshot in parts: lines of JSON, the runtime's first.
  `CREATE TABLE IF NOT EXISTS worker_runtime.snapshots (
    rt bigint NOT NULL, through bigint NOT NULL, part integer NOT NULL, body text COLLATE "C" NOT NULL,
    PRIMARY KEY (rt, through, part)
  )`,
  `CREATE TABLE IF NOT EXISTS worker_runtime.blobs (
    rt bigint NOT NULL, life bigint NOT NULL, sha256 text COLLATE "C" NOT NULL, bytes bigint NOT NULL,
    upload text COLLATE "C" NOT NULL, PRIMARY KEY (rt, life, sha256)
  )`,
  // Chunks of finished blobs, and of uploads in progress.
  `CREATE TABLE IF NOT EXISTS worker_runtime.blob_chunks (
    rt bigint NOT NULL, upload text COLLATE "C" NOT NULL, part integer NOT NULL, body bytea NOT NULL,
    PRIMARY KEY (rt, upload, part)
  )`,
  CREATE_APPEND,
  `INSERT INTO worker_runtime.version (version) VALUES (${SCHEMA_VERSION}) ON CONFLICT DO NOTHING`,
] as const;

/**
 * Creates the tables unless they exist, in the schema `worker_runtime`. Idempotent;
 * concurrent callers wait for one another, for up to a minute. Requires
 * `--allow-net=HOST:PORT` for the client, and the right to create a schema. Throws
 * `store_version` if a newer version created them, `store_permission`, `no_space`,
 * `store_io`.
 */
export async function createSchema(client: PostgresClient): Promise<void> {
  const database = new Database(client, LIMIT_MS);
  const found = await database.row("create schema", `SELECT to_regclass('worker_runtime.version') AS name`);
  if (found?.name !== null && found?.name !== undefined) return await checkSchema(database);
  // One statement: concurrent callers wait for one another.
  const all = STATEMENTS.map((statement) => `EXECUTE $sql$${statement}$sql$;`).join("\n");
  const lock = "PERFORM pg_advisory_xact_lock(hashtext('worker_runtime'));";
  await database.rows("create schema", `DO $do$ BEGIN ${lock}\n${all} END $do$`);
  await checkSchema(database);
}

/** Throws `store_missing` unless the tables exist, and `store_version` if a newer version created them. */
export async function checkSchema(database: Database): Promise<void> {
  const row = await database.row("open store", `SELECT version FROM worker_runtime.version`);
  const found = Number(row?.version);
  if (found <= SCHEMA_VERSION) return;
  const message = `Cannot open store: the tables' version ${found} is newer than ${SCHEMA_VERSION}`;
  throw new RuntimeError("store_version", message, {
    file: "worker_runtime.version",
    found,
    supported: SCHEMA_VERSION,
  });
}

/**
 * The statements on PGlite, whose clock is the simulated one: a function
 * `clock_timestamp` precedes PostgreSQL's own in the search path.
 *
 * @module
 */
import { PGlite } from "@electric-sql/pglite";
import { createSchema } from "../../../src/postgres/schema.ts";
import type { Backend } from "./case.ts";

let opened: Promise<PGlite> | undefined;

async function open(): Promise<PGlite> {
  const database = await PGlite.create();
  await createSchema(database);
  await database.exec(`CREATE SCHEMA simulated;
    CREATE FUNCTION simulated.clock_timestamp() RETURNS timestamptz LANGUAGE sql
      AS $$ SELECT to_timestamp(current_setting('simulated.ms')::float8 / 1000) $$;
    SET search_path = simulated, pg_catalog, public;`);
  return database;
}

/** An empty database. One at a time: all share one server. */
export async function sqlBackend(): Promise<Backend> {
  const database = await (opened ??= open());
  for (const table of ["hosts", "runtimes", "events", "snapshots", "blobs", "blob_chunks"]) {
    await database.exec(`TRUNCATE worker_runtime.${table} RESTART IDENTITY`);
  }
  return {
    execute: async (text, params, now) => {
      await database.query("SELECT set_config('simulated.ms', $1, false)", [`${now}`]);
      return (await database.query(text, params)).rows;
    },
    events: async () => {
      const { rows } = await database.query("SELECT json FROM worker_runtime.events ORDER BY id");
      return rows.map((row) => String((row as { json: unknown }).json));
    },
    blobs: async () => {
      const { rows } = await database.query(`SELECT sha256 FROM worker_runtime.blobs AS b
        WHERE EXISTS (SELECT FROM worker_runtime.blob_chunks AS c WHERE c.rt = b.rt AND c.upload = b.upload)`);
      return rows.map((row) => String((row as { sha256: unknown }).sha256));
    },
  };
}

// The clients that the tests prove: pg, postgres.js and PGlite. The library imports none of them.

import type { PostgresClient } from "../../postgres_store.ts";
import type { Server } from "./server.ts";

/** A client, and the way to end it. */
export interface OpenClient extends AsyncDisposable {
  readonly client: PostgresClient;
}

/** Options that make a client read nothing from the environment. */
function address({ port }: Server): { host: string; port: number; user: string; database: string } {
  return { host: "127.0.0.1", port, user: "postgres", database: "postgres" };
}

/** A pool of `pg`. */
export async function pgClient(server: Server, max = 4): Promise<OpenClient> {
  const { default: pg } = await import("pg");
  const pool = new pg.Pool({ ...address(server), max, password: "", application_name: "tests" });
  pool.on("error", () => {});
  return { client: pool, [Symbol.asyncDispose]: () => pool.end() };
}

/** A pool of `postgres`. */
export async function postgresJsClient(server: Server): Promise<OpenClient> {
  const { default: postgres } = await import("postgres");
  const sql = postgres({ ...address(server), max: 4, password: "", onnotice: () => {} });
  const client: PostgresClient = { query: (text, params) => sql.unsafe(text, params) };
  return { client, [Symbol.asyncDispose]: () => sql.end() };
}

/** PGlite: PostgreSQL in this process, which needs no server. */
export async function pgliteClient(): Promise<OpenClient> {
  const { PGlite } = await import("@electric-sql/pglite");
  const database = await PGlite.create();
  return { client: database, [Symbol.asyncDispose]: () => database.close() };
}

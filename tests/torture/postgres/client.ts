/**
 * A pool of `pg` with the options that a host should set.
 *
 * @module
 */
import pg from "pg";

/** Options of a pool. */
export interface PoolOptions {
  /** Port on loopback. */
  readonly port: number;
  /** Bounds each connection and each statement, in milliseconds. */
  readonly limitMs: number;
  /** Settings of each session, such as `-c lock_timeout=1000`. */
  readonly settings?: string | undefined;
  /** Connections. @default {4} */
  readonly max?: number;
}

/** Creates a pool. */
export function poolOf({ port, limitMs, settings = "", max = 4 }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    host: "127.0.0.1",
    port,
    user: "postgres",
    database: "postgres",
    password: "",
    application_name: "worker-runtime",
    options: settings,
    max,
    connectionTimeoutMillis: limitMs,
    query_timeout: limitMs,
  });
  // A connection that breaks while nobody uses it.
  pool.on("error", () => {});
  return pool;
}

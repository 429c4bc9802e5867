/**
 * The client of all that is measured on PostgreSQL: a pool of `pg`.
 *
 * @module
 */
import type { PostgresClient } from "../../postgres_store.ts";

/** A pool of `pg` with its default size, and what the URL says besides the address. */
export interface Connection {
  readonly client: PostgresClient;
  /** Runtimes to divide the workers among. */
  readonly runtimes: number;
  end(): Promise<void>;
}

/** Loads `pg`. Throws when it is not available. */
export async function loadDriver(): Promise<typeof import("pg")["default"]> {
  return (await import("pg")).default;
}

/** Connects to `postgres://USER@HOST:PORT/DATABASE?runtimes=N`. */
export async function connect(url: string): Promise<Connection> {
  const pg = await loadDriver();
  const { hostname: host, port, username: user, pathname, searchParams } = new URL(url);
  const pool = new pg.Pool({
    host,
    port: Number(port),
    user,
    database: pathname.slice(1),
    password: "",
    idleTimeoutMillis: 0,
  });
  pool.on("error", () => {});
  return { client: pool, runtimes: Number(searchParams.get("runtimes") ?? 1), end: () => pool.end() };
}

/** A number that a statement selects as `n`. */
export async function numberOf({ client }: Connection, text: string): Promise<number> {
  const result = await client.query(text, []);
  const [row] = "rows" in result ? result.rows : result;
  return Number(row?.["n"]);
}

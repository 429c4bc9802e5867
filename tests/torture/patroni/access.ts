/**
 * Clients of the cluster: of the leader, with `pg` and with `postgres`, or of pgbouncer.
 *
 * @module
 */
import type { PostgresClient } from "../../../postgres_store.ts";
import type { NodeAddress } from "./cluster.ts";
import { leaderClient } from "./leader_client.ts";

/** A way to the cluster. Ports are on loopback. */
export type Access =
  | { readonly driver: "pg" | "postgres"; readonly servers: readonly NodeAddress[] }
  | { readonly driver: "pgbouncer"; readonly port: number };

/** A pool that can be ended. */
interface Pool extends PostgresClient {
  end(): Promise<void>;
}

/** Connections of a pool. */
const POOL = 6;
const CONNECT_MS = 2_000;
/** Bounds a statement. */
const LIMIT_MS = 4_000;

/** Opens a client. */
export async function openClient(access: Access): Promise<PostgresClient & AsyncDisposable> {
  const open = access.driver === "postgres" ? await postgresPools() : await pgPools();
  const pools = access.driver === "pgbouncer"
    ? [open(access.port)]
    : access.servers.map(({ postgres }) => open(postgres));
  const client = access.driver === "pgbouncer" ? pools[0] : leaderClient(
    access.servers.map(({ patroni }, index) => ({
      patroni: `http://127.0.0.1:${patroni}`,
      pool: pools[index] as Pool,
    })),
  );
  return {
    query: (text, params) => (client as PostgresClient).query(text, params),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}

function address(
  port: number,
): { host: string; port: number; user: string; password: string; database: string } {
  return { host: "127.0.0.1", port, user: "postgres", password: "", database: "postgres" };
}

async function pgPools(): Promise<(port: number) => Pool> {
  const { default: pg } = await import("pg");
  const limits = {
    connectionTimeoutMillis: CONNECT_MS,
    "query_timeout": LIMIT_MS,
    max: POOL,
    keepAlive: true,
  };
  return (port) => {
    const pool = new pg.Pool({ ...address(port), ...limits, verify: refuseStandby });
    // A connection that ends while idle; the pool replaces it.
    pool.on("error", () => {});
    return pool;
  };
}

/** Rejects a new connection to a standby, whose answers may be old. */
function refuseStandby(connection: PostgresClient, done: (error?: Error) => void): void {
  const found = async (): Promise<void> => {
    const result = await connection.query("SELECT pg_is_in_recovery() AS standby", []);
    const [row] = "rows" in result ? result.rows : result;
    if (row?.standby !== false) throw new Error("the server is a standby");
  };
  found().then(() => done(), done);
}

async function postgresPools(): Promise<(port: number) => Pool> {
  const { default: postgres } = await import("postgres");
  return (port) => {
    const sql = postgres({
      ...address(port),
      max: POOL,
      "target_session_attrs": "primary",
      "connect_timeout": CONNECT_MS / 1_000,
      onnotice: () => {},
    });
    return {
      query: (text, params) => limited(sql.unsafe(text, params)),
      end: () => sql.end({ timeout: 1 }),
    };
  };
}

/** Rejects after a time: `postgres` waits for an answer without limit. */
async function limited<T>(answer: PromiseLike<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS} ms`)), LIMIT_MS);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}

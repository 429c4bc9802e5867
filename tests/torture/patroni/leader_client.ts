/**
 * A client for clusters under Patroni: statements go to the server that leads now.
 * docs/postgres.md describes it.
 *
 * @module
 */
import type { PostgresClient } from "../../../postgres_store.ts";

/** A server of the cluster. */
export interface ClusterServer {
  /** URL of its Patroni, such as `http://db1:8008`. */
  readonly patroni: string;
  /**
   * A pool of connections to it. Only an error makes the client look for another leader:
   * statements need a time limit, and a connection to a standby must be an error.
   */
  readonly pool: PostgresClient;
}

/** Bounds a question to Patroni. */
const ANSWER_MS = 1_000;

/**
 * Sends statements to the leader, and looks for it again after an error. No
 * statement is repeated: the store itself finds out whether one has happened.
 */
export function leaderClient(servers: readonly ClusterServer[]): PostgresClient {
  let leader: Promise<PostgresClient> | undefined;
  const query: PostgresClient["query"] = async (text, params) => {
    const asked = leader ??= findLeader(servers);
    try {
      return await (await asked).query(text, params);
    } catch (error) {
      if (leader === asked) leader = undefined;
      throw error;
    }
  };
  return { query };
}

/** The pool of the server that holds Patroni's leader lock. */
async function findLeader(servers: readonly ClusterServer[]): Promise<PostgresClient> {
  const asked = servers.map(async ({ patroni, pool }) => {
    const response = await fetch(`${patroni}/primary`, { signal: AbortSignal.timeout(ANSWER_MS) });
    await response.body?.cancel();
    if (response.status !== 200) throw new Error(`${patroni} does not lead`);
    return pool;
  });
  try {
    return await Promise.any(asked);
  } catch (error) {
    throw new Error("no server leads", { cause: error });
  }
}

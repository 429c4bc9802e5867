/**
 * Failures of a leader. Each ends when `restore` is called on all servers.
 *
 * @module
 */
import type { Cluster, ClusterNode, Side } from "./cluster.ts";

/** A failure of a leader. */
export interface Failure {
  /** Begins it, so that another server takes the lead. */
  begin(leader: ClusterNode, cluster: Cluster): Promise<void>;
  /** True if the neighbour reaches no leader until `restore` is called. */
  readonly isolatesNeighbour?: boolean;
}

/** All failures, by name. */
export const failures: Readonly<Record<string, Failure>> = {
  /** PostgreSQL alone is killed, which Patroni sees at once. */
  "server-killed": { begin: (leader) => leader.signal("SIGKILL", "postgres") },
  /** PostgreSQL and Patroni are killed: the lock of the leader expires. */
  "machine-killed": { begin: (leader) => leader.kill() },
  /** The next leader is killed as well, as soon as it has a synchronous standby. */
  "two-machines-killed": { begin: killTwo },
  /** All processes stop, and wake when another server leads. */
  "machine-stopped": { begin: (leader) => leader.signal("SIGSTOP", "both") },
  /** Patroni stops, so that PostgreSQL goes on as a second leader. */
  "patroni-stopped": { begin: (leader) => leader.signal("SIGSTOP", "patroni") },
  /** Nobody reaches the leader. */
  "leader-isolated": isolation("cluster", "clients", "neighbour"),
  /** Clients still reach the leader, which reaches neither etcd nor its standbys. */
  "leader-isolated-with-clients": isolation("cluster"),
  /** One client still reaches the leader, and no other server. */
  "leader-isolated-with-neighbour": {
    begin: async (leader, { nodes }) => {
      for (const node of nodes) {
        if (node !== leader) node.isolate("neighbour");
      }
      await isolation("cluster", "clients").begin(leader);
    },
    isolatesNeighbour: true,
  },
  /** An operator hands the lead over. */
  "switchover": { begin: (leader, cluster) => cluster.switchover(leader) },
};

function isolation(...sides: readonly Side[]): { begin(leader: ClusterNode): Promise<void> } {
  return { begin: async (leader) => await Promise.resolve(leader.isolate(...sides)) };
}

async function killTwo(leader: ClusterNode, cluster: Cluster): Promise<void> {
  await leader.kill();
  const next = await cluster.leaderAfter(leader);
  await cluster.synchronous();
  await next.kill();
  // Without a standby, nothing would be acknowledged.
  await leader.start();
}

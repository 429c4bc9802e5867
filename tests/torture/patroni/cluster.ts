/**
 * A cluster of three PostgreSQL servers under Patroni with etcd, all on loopback.
 * All traffic between the servers, to etcd and from clients passes through proxies,
 * so that a server can be isolated.
 *
 * @module
 */
import { join } from "@std/path";
import { binaries, freePort } from "../../postgres/server.ts";
import { Proxy } from "./proxy.ts";
import { isInstalled, Program } from "./program.ts";

/** Seconds after which Patroni takes a silent leader for dead, of its loop, and of its retries. */
const TIMES = { ttl: 10, loop_wait: 1, retry_timeout: 3 } as const;
const SETTINGS = {
  wal_sender_timeout: "5s",
  wal_receiver_timeout: "5s",
  max_connections: 60,
  synchronous_commit: "on",
  fsync: "on",
} as const;
/** Bound of every wait for the cluster. */
export const LIMIT_MS = 100_000;
const POLL_MS = 100;

/** Programs that are missing here. */
export async function missingPrograms(): Promise<string[]> {
  const wanted = ["patroni", "etcd", "pgbouncer"];
  const found = await Promise.all(wanted.map(isInstalled));
  return [...wanted.filter((_, index) => !found[index]), ...binaries === undefined ? ["PostgreSQL"] : []];
}

/** A member of the cluster, as `GET /cluster` of Patroni describes it. */
interface Member {
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly lag?: number | string;
}

/** Ports of a server for clients: of PostgreSQL and of Patroni. */
export interface NodeAddress {
  readonly postgres: number;
  readonly patroni: number;
}

/**
 * Sides from which a server is reached: by the other servers and etcd, by clients,
 * and by the one client that can be isolated together with it.
 */
export type Side = "cluster" | "clients" | "neighbour";

/** A server with its Patroni. */
export class ClusterNode implements AsyncDisposable {
  /** Name in the cluster. */
  readonly name: string;
  readonly #directory: string;
  readonly #ports = { postgres: freePort(), patroni: freePort() };
  readonly #sides: Readonly<Record<Side, Readonly<Record<"postgres" | "patroni", Proxy>>>>;
  readonly #etcd: Proxy;
  #program: Program | undefined;

  /** A server whose files are below a directory. */
  constructor(name: string, directory: string, etcd: number) {
    this.name = name;
    this.#directory = join(directory, name);
    const proxies = () => ({
      postgres: new Proxy(() => this.#ports.postgres),
      patroni: new Proxy(() => this.#ports.patroni),
    });
    this.#sides = { cluster: proxies(), clients: proxies(), neighbour: proxies() };
    this.#etcd = new Proxy(() => etcd);
  }

  /** Ports for clients of a side. */
  addressOn(side: Side): NodeAddress {
    const { postgres, patroni } = this.#sides[side];
    return { postgres: postgres.port, patroni: patroni.port };
  }

  /** Ports for clients. */
  get address(): NodeAddress {
    return this.addressOn("clients");
  }

  /** Starts Patroni, and with it PostgreSQL. */
  async start(): Promise<void> {
    const path = `${this.#directory}.json`;
    await Deno.writeTextFile(path, JSON.stringify(this.#config(), null, 2));
    this.#program = new Program(["patroni", path], `${this.#directory}.log`);
  }

  /** Sends a signal to Patroni, to PostgreSQL, or to both. */
  async signal(signal: Deno.Signal, to: "patroni" | "postgres" | "both"): Promise<void> {
    // Patroni first: otherwise it would start PostgreSQL again.
    if (to !== "postgres" && this.#program !== undefined) kill(this.#program.pid, signal);
    if (to === "patroni") return;
    for (const pid of await pidsIn(this.#directory)) kill(pid, signal);
  }

  /** Kills Patroni and PostgreSQL, as if the machine had failed. */
  async kill(): Promise<void> {
    await this.signal("SIGKILL", "both");
    await this.#program?.end();
    this.#program = undefined;
    while ((await pidsIn(this.#directory)).length > 0) await pause(POLL_MS);
  }

  /** Ends every failure of this server. */
  async restore(): Promise<void> {
    for (const proxy of this.#proxies()) proxy.pass();
    if (this.#program === undefined) return await this.start();
    await this.signal("SIGCONT", "both");
  }

  /** Drops traffic on sides. */
  isolate(...sides: readonly Side[]): void {
    for (const proxy of this.#proxies(...sides)) proxy.hold();
  }

  /** Kills everything, and removes the proxies. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    for (const proxy of this.#proxies()) await proxy[Symbol.asyncDispose]();
  }

  #proxies(...sides: readonly Side[]): Proxy[] {
    const wanted = sides.length > 0 ? sides : Object.keys(this.#sides) as Side[];
    const proxies = wanted.flatMap((side) => Object.values(this.#sides[side]));
    return wanted.includes("cluster") ? [...proxies, this.#etcd] : proxies;
  }

  #config(): unknown {
    const { postgres, patroni } = this.addressOn("cluster");
    const user = { username: "postgres" };
    return {
      scope: "torture",
      name: this.name,
      restapi: {
        listen: `127.0.0.1:${this.#ports.patroni}`,
        connect_address: `127.0.0.1:${patroni}`,
      },
      // Not `etcd3`: before Patroni 3.0.3, a leader that was paused overwrites the lock of its successor there.
      etcd: { hosts: [`127.0.0.1:${this.#etcd.port}`], use_proxies: true },
      bootstrap: {
        dcs: {
          ...TIMES,
          primary_start_timeout: 0,
          synchronous_mode: true,
          synchronous_mode_strict: true,
          postgresql: { use_pg_rewind: true, parameters: SETTINGS },
        },
        initdb: [{ encoding: "UTF8" }, { locale: "C" }, "data-checksums"],
      },
      postgresql: {
        listen: `127.0.0.1:${this.#ports.postgres}`,
        connect_address: `127.0.0.1:${postgres}`,
        data_dir: this.#directory,
        bin_dir: binaries,
        pgpass: `${this.#directory}.pgpass`,
        authentication: { superuser: user, replication: user, rewind: user },
        pg_hba: [
          "local all all trust",
          "host all all 127.0.0.1/32 trust",
          "host replication all 127.0.0.1/32 trust",
        ],
        parameters: { unix_socket_directories: "" },
      },
    };
  }
}

/** The cluster. */
export class Cluster implements AsyncDisposable {
  /** Its servers. */
  readonly nodes: readonly ClusterNode[];
  readonly #directory: string;
  readonly #etcd: Program;

  private constructor(directory: string, etcd: Program, port: number) {
    this.#directory = directory;
    this.#etcd = etcd;
    this.nodes = ["n0", "n1", "n2"].map((name) => new ClusterNode(name, directory, port));
  }

  /** Starts a cluster in a directory that the servers may write. */
  static async start(directory: string): Promise<Cluster> {
    const [client, peer] = [freePort(), freePort()];
    const [clientUrl = "", peerUrl = ""] = [client, peer].map((port) => `http://127.0.0.1:${port}`);
    const command = [
      "etcd",
      "--enable-v2",
      "--name=e0",
      `--data-dir=${join(directory, "etcd")}`,
      `--initial-cluster=e0=${peerUrl}`,
      ...["listen-client", "advertise-client"].map((name) => `--${name}-urls=${clientUrl}`),
      ...["listen-peer", "initial-advertise-peer"].map((name) => `--${name}-urls=${peerUrl}`),
    ];
    const etcd = new Program(command, join(directory, "etcd.log"));
    const cluster = new Cluster(directory, etcd, client);
    for (const node of cluster.nodes) await node.start();
    await cluster.whole();
    return cluster;
  }

  /** Waits until a leader has two standbys that keep up, one of them synchronous. Returns the leader. */
  async whole(): Promise<ClusterNode> {
    return await this.#until("three servers that keep up", () => this.#wholeLeader());
  }

  /** Waits until the leader has a synchronous standby. */
  async synchronous(): Promise<void> {
    await this.#until("synchronous standby", async () => {
      const members = await this.#members();
      return members.some(({ role }) => role === "sync_standby") || undefined;
    });
  }

  /** Waits until another server than the one given leads. */
  async leaderAfter(former: ClusterNode): Promise<ClusterNode> {
    const others = this.nodes.filter((node) => node !== former);
    return await this.#until(`a leader in place of ${former.name}`, () => this.leader(others));
  }

  /** The server that Patroni says leads; `undefined` while there is none. */
  async leader(among: readonly ClusterNode[] = this.nodes): Promise<ClusterNode | undefined> {
    const leads = await Promise.all(among.map(async ({ address }) => {
      const response = await ask(`http://127.0.0.1:${address.patroni}/primary`);
      return response?.status === 200;
    }));
    return among.find((_, index) => leads[index]);
  }

  /** Hands the lead over to the synchronous standby, as an operator does. */
  async switchover(leader: ClusterNode): Promise<void> {
    const candidate = (await this.#members()).find(({ role }) => role === "sync_standby")?.name;
    const body = JSON.stringify({ leader: leader.name, candidate });
    const url = `http://127.0.0.1:${leader.address.patroni}/switchover`;
    const response = await fetch(url, { method: "POST", body });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`no switchover: ${response.status} ${text}`);
  }

  /** Kills all processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
    kill(this.#etcd.pid, "SIGKILL");
    await this.#etcd.end();
  }

  async #wholeLeader(): Promise<ClusterNode | undefined> {
    const members = await this.#members();
    const isGood = members.length === this.nodes.length &&
      members.some(({ role }) => role === "sync_standby") &&
      members.every(({ role, state, lag }) =>
        role === "leader"
          ? state === "running"
          : /^(running|streaming)$/.test(state) && Number(lag) < 1_000_000
      );
    return isGood ? await this.leader() : undefined;
  }

  async #members(): Promise<readonly Member[]> {
    for (const { address } of this.nodes) {
      const response = await ask(`http://127.0.0.1:${address.patroni}/cluster`);
      if (response?.status === 200) return JSON.parse(response.text).members ?? [];
    }
    return [];
  }

  async #until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    for (const end = performance.now() + LIMIT_MS; performance.now() < end;) {
      const found = await look();
      if (found !== undefined) return found;
      await pause(POLL_MS);
    }
    const programs = ["etcd", ...this.nodes.map(({ name }) => name)];
    const logs = await Promise.all(programs.map((name) => lastLines(`${this.#directory}/${name}.log`)));
    throw new Error(`no ${what} within ${LIMIT_MS / 1_000} s:\n${logs.join("\n")}`);
  }
}

/** Resolves after `ms`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** An answer over HTTP; `undefined` without one within a second. */
export async function ask(
  url: string,
): Promise<{ readonly status: number; readonly text: string } | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    return { status: response.status, text: await response.text() };
  } catch {
    return undefined;
  }
}

async function lastLines(path: string): Promise<string> {
  return (await Deno.readTextFile(path)).trimEnd().split("\n").slice(-10).join("\n");
}

/** Ids of the processes that work in a directory. */
async function pidsIn(directory: string): Promise<number[]> {
  const pids: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const cwd = await Deno.readLink(`/proc/${name}/cwd`).catch(() => "");
    if (cwd === directory) pids.push(Number(name));
  }
  return pids;
}

/** Sends a signal to a process, if it is still there. */
export function kill(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}

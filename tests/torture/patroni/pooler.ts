/**
 * pgbouncer in transaction mode, before a proxy that follows the leader as HAProxy
 * does: it asks Patroni, and ends the connections to a former leader.
 *
 * @module
 */
import { type Cluster, kill, pause } from "./cluster.ts";
import { freePort } from "../../postgres/server.ts";
import { Program } from "./program.ts";
import { Proxy } from "./proxy.ts";

const LOOK_MS = 300;

/** A running pgbouncer. */
export class Pooler implements AsyncDisposable {
  /** Port for clients. */
  readonly port: number = freePort();
  readonly #cluster: Cluster;
  readonly #router = new Proxy(() => this.#target);
  readonly #program: Program;
  readonly #following: Promise<void>;
  #target: number | undefined;
  #ended = false;

  /** Starts it, with its files in a directory. */
  constructor(cluster: Cluster, directory: string) {
    this.#cluster = cluster;
    const path = `${directory}/pgbouncer.ini`;
    Deno.writeTextFileSync(path, this.#config());
    this.#program = new Program(["pgbouncer", path], `${directory}/pgbouncer.log`);
    this.#following = this.#follow();
  }

  /** Kills it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await this.#following;
    kill(this.#program.pid, "SIGKILL");
    await this.#program.end();
    await this.#router[Symbol.asyncDispose]();
  }

  async #follow(): Promise<void> {
    while (!this.#ended) {
      const leader = await this.#cluster.leader();
      const target = leader?.address.postgres;
      if (target !== this.#target) {
        this.#target = target;
        this.#router.cut();
      }
      await pause(LOOK_MS);
    }
  }

  #config(): string {
    return `[databases]
postgres = host=127.0.0.1 port=${this.#router.port} dbname=postgres user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${this.port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 8
max_client_conn = 200
server_login_retry = 1
server_connect_timeout = 2
query_wait_timeout = 5
tcp_user_timeout = 5000
`;
  }
}

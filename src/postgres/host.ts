/**
 * A process that hosts its share of the runtimes of a space: it claims runtimes
 * that nobody owns, takes over those of dead hosts, and gives up surplus ones.
 *
 * @module
 */
import { isRuntimeError, type RuntimeError } from "../core/errors.ts";
import type { RuntimeId } from "../core/ids.ts";
import { parseRuntimeId } from "../core/ids.ts";
import type { RuntimeOptions } from "../core/engine.ts";
import { Runtime } from "../core/runtime.ts";
import { Database, idOfColumn, type PostgresClient } from "./client.ts";
import { Lease } from "./lease.ts";
import { checkOptions, DEFAULT_SPACE } from "./location.ts";
import { checkSchema } from "./schema.ts";
import { ANSWER_SHARE, defaultOwner, LEASE_MS, PostgresRuntimeStore } from "./store.ts";

/** Options of {@linkcode RuntimeHost.start}. */
export interface RuntimeHostOptions {
  /** Runs statements: a pool, of about 10 connections. */
  readonly client: PostgresClient;
  /** Space of the runtimes. @default {"default"} */
  readonly space?: string | undefined;
  /** Describes this process to others. @default the process id */
  readonly owner?: string | undefined;
  /** Address at which others may reach this process, as the directory shows it. */
  readonly address?: string | undefined;
  /** Time in milliseconds after which others may take over if this process is silent, 1,000 or more. @default {15_000} */
  readonly leaseMs?: number | undefined;
  /** Hosts at most so many runtimes. @default no limit */
  readonly max?: number | undefined;
  /** Clock, ids and diagnostics of each runtime. */
  readonly runtime?: Omit<RuntimeOptions, "store"> | undefined;
  /** Called with each runtime that this process has opened: begin its work here, without waiting for its end. */
  readonly opened: (runtime: Runtime) => void | Promise<void>;
  /** Called once a runtime is no longer hosted; with the error if it was lost or could not be opened. */
  readonly closed?: ((runtimeId: RuntimeId, error?: unknown) => void) | undefined;
}

/** Looks for runtimes in the time of a lease. */
const LOOKS = 3;
/** Runtimes opened at a time. */
const PARALLEL = 8;

/**
 * Hosts this process's share of the runtimes of a space: their number divided by
 * that of the hosts, rounded up. Claims free runtimes, takes over those of hosts that
 * failed, and closes surplus ones. Requires `--allow-net=HOST:PORT` for the client,
 * and the tables of `createSchema`.
 *
 * If its lease runs out, the host stops, `closed` gets `store_fenced` for each
 * runtime, and `ended` resolves; begin again with a new host.
 */
export class RuntimeHost implements AsyncDisposable {
  readonly #options: RuntimeHostOptions;
  readonly #space: string;
  readonly #database: Database;
  readonly #lease: Lease;
  readonly #runtimes = new Map<RuntimeId, Runtime>();
  #looking: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopping: Promise<void> | undefined;
  readonly #ended = Promise.withResolvers<void>();

  private constructor(options: RuntimeHostOptions) {
    const { client, owner = defaultOwner(), address = null, leaseMs = LEASE_MS } = options;
    checkOptions("create host", options);
    this.#options = options;
    this.#space = options.space ?? DEFAULT_SPACE;
    this.#database = new Database(client, leaseMs / ANSWER_SHARE);
    this.#lease = new Lease(
      this.#database,
      { host: crypto.randomUUID(), space: this.#space, owner, address },
      leaseMs,
    );
  }

  /** Takes a lease, and begins to claim runtimes. Throws `store_missing`, `store_version`, `store_permission`, `store_io`. */
  static async start(options: RuntimeHostOptions): Promise<RuntimeHost> {
    const host = new RuntimeHost(options);
    await checkSchema(host.#database);
    await host.#lease.acquire();
    host.#lease.lost.add(() => void host.stop());
    host.#look();
    return host;
  }

  /** The runtimes that this process hosts now. */
  get runtimes(): ReadonlyMap<RuntimeId, Runtime> {
    return this.#runtimes;
  }

  /** Resolves once the claims and closings in progress have ended. */
  async settled(): Promise<void> {
    await this.#looking;
  }

  /** Resolves once the host has stopped, also because its lease ran out. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Closes all runtimes, for others to claim at once, and releases the lease. Idempotent. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  /** Stops the host. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#looking;
    await inParallel([...this.#runtimes.keys()], (runtimeId) => this.#close(runtimeId));
    await this.#lease.release().catch(() => {});
    this.#ended.resolve();
  }

  #look(): void {
    const { leaseMs } = this.#lease;
    this.#looking = this.#balance().catch(() => {
      // The database may answer the next time; the lease ends the host if it does not.
    });
    const wait = leaseMs / LOOKS * (0.75 + Math.random() / 2);
    void this.#looking.then(() => {
      if (this.#stopping === undefined) this.#timer = setTimeout(() => this.#look(), wait);
    });
  }

  /** Claims runtimes up to this host's share, or closes those beyond it. */
  async #balance(): Promise<void> {
    const text = `SELECT
        (SELECT count(*) FROM worker_runtime.runtimes WHERE space = $1) AS total,
        (SELECT count(*) FROM worker_runtime.hosts AS h WHERE h.space = $1 AND h.lease_until > clock_timestamp()) AS hosts`;
    const row = await this.#database.row("count runtimes", text, this.#space);
    const share = Math.ceil(Number(row?.total) / Math.max(1, Number(row?.hosts)));
    const wanted = Math.min(share, this.#options.max ?? Infinity);
    const surplus = [...this.#runtimes.keys()].slice(wanted);
    await inParallel(surplus, (runtimeId) => this.#close(runtimeId));
    const free = await this.#free(wanted - this.#runtimes.size);
    await inParallel(free, (runtimeId) => this.#open(runtimeId));
  }

  /**
   * Runtimes that nobody owns, in random order, so that hosts do not compete for the
   * same ones; and those that a claim without an answer gave to this host.
   */
  async #free(count: number): Promise<RuntimeId[]> {
    if (count <= 0) return [];
    const { host } = this.#lease.holder;
    const text = `SELECT r.runtime FROM worker_runtime.runtimes AS r
      WHERE r.space = $1 AND (r.claimed_until IS NULL OR r.claimed_until < clock_timestamp())
        AND (r.host = $3 OR NOT EXISTS (
          SELECT FROM worker_runtime.hosts AS h WHERE h.host = r.host AND h.lease_until > clock_timestamp()
        )) ORDER BY random() LIMIT $2`;
    const rows = await this.#database.rows(
      "list free runtimes",
      text,
      this.#space,
      this.#runtimes.size + count,
      host,
    );
    return rows.map(({ runtime }) => parseRuntimeId(idOfColumn(String(runtime))))
      .filter((runtimeId) => !this.#runtimes.has(runtimeId)).slice(0, count);
  }

  async #open(runtimeId: RuntimeId): Promise<void> {
    if (this.#stopping !== undefined || this.#runtimes.has(runtimeId)) return;
    const { client } = this.#options;
    const store = new PostgresRuntimeStore({ client, runtimeId, space: this.#space }, {
      lease: this.#lease,
      onLost: (error) => this.#forget(runtimeId, error),
    });
    try {
      const runtime = await Runtime.open({ ...this.#options.runtime, store });
      this.#runtimes.set(runtimeId, runtime);
      await this.#options.opened(runtime);
    } catch (error) {
      // Another host was faster.
      if (isRuntimeError(error) && error.code === "store_locked") return;
      await this.#close(runtimeId, error);
    }
  }

  async #close(runtimeId: RuntimeId, error?: unknown): Promise<void> {
    const runtime = this.#runtimes.get(runtimeId);
    this.#runtimes.delete(runtimeId);
    await runtime?.close().catch((failure) => error ??= failure);
    this.#options.closed?.(runtimeId, error);
  }

  #forget(runtimeId: RuntimeId, error: RuntimeError): void {
    if (this.#runtimes.has(runtimeId)) void this.#close(runtimeId, error);
  }
}

async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

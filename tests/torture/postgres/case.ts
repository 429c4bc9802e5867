/**
 * A case: its journal, its servers, and the processes that work on them.
 *
 * @module
 */
import type pg from "pg";
import { createSchema, type PostgresRow } from "../../../postgres_store.ts";
import { Random } from "../../kit/random.ts";
import { type Server, type ServerOptions, startServer } from "../../postgres/server.ts";
import { Child } from "../processes/child_process.ts";
import { BrokenOracle } from "../suite.ts";
import { poolOf } from "./client.ts";
import { Journal, type Line } from "./journal.ts";
import { type Plan, RUNTIME } from "./plan.ts";
import { type Figures, Verdict } from "./verdict.ts";

const HOST = new URL("./host.ts", import.meta.url);
/** Bounds the statements of the suite itself. */
const LIMIT_MS = 60_000;

/** A session that owns the runtime: the process, and the number of its opening. */
export interface Owner {
  readonly name: string;
  readonly session: string;
  /** Index of the line that says so. */
  readonly at: number;
}

/** One case. */
export class Case implements AsyncDisposable {
  /** Name, by which it is repeated. */
  readonly name: string;
  /** Random numbers of its seed. */
  readonly random: Random;
  /** Events of all processes, in order. */
  readonly journal: Journal;
  /** Faults injected so far. */
  faults = 0;
  readonly #directory: string;
  readonly #children = new Map<string, Child>();
  readonly #resources = new AsyncDisposableStack();

  /** Creates the directory of a case. */
  constructor(name: string, seed: number) {
    this.name = name;
    this.random = new Random(seed);
    this.#directory = Deno.makeTempDirSync({ prefix: "worker-runtime-postgres-case-" });
    this.journal = new Journal(`${this.#directory}/journal`, name);
  }

  /** Starts a server, which stops with the case. */
  async server(settings: readonly string[] = [], options: ServerOptions = {}): Promise<Server> {
    return this.#resources.use(await startServer(settings, options));
  }

  /** Starts a server with the tables of the store. */
  async database(settings: readonly string[] = [], options: ServerOptions = {}): Promise<Server> {
    const server = await this.server(settings, options);
    await this.query(server, async (pool) => await createSchema(pool));
    return server;
  }

  /** Ends something with the case. */
  use<Resource extends Disposable | AsyncDisposable>(resource: Resource): Resource {
    return this.#resources.use(resource);
  }

  /** Runs statements on a server itself. */
  async query<Value>(
    { port }: { readonly port: number },
    work: (pool: pg.Pool) => Promise<Value>,
  ): Promise<Value> {
    const pool = poolOf({ port, limitMs: LIMIT_MS });
    try {
      return await work(pool);
    } finally {
      await pool.end();
    }
  }

  /** The rows of one statement. */
  async rows(server: Server, text: string): Promise<readonly PostgresRow[]> {
    return await this.query(server, async (pool) => (await pool.query(text)).rows);
  }

  /** Starts a server unless it runs, as soon as nothing is left of its last processes. */
  async revive(server: Server): Promise<void> {
    await this.journal.eventually("a running server", async () => {
      try {
        await this.rows(server, "SELECT 1");
        return true;
      } catch {
        await server.control("start").catch(() => {});
        return false;
      }
    });
  }

  /** Starts processes. */
  start(...plans: readonly Plan[]): void {
    // The shell opens the journal for appending, and becomes the process.
    const behind = ["sh", "-c", 'exec "$@" >>"$0"', this.journal.path];
    for (const plan of plans) {
      this.#children.set(plan.name, new Child(HOST, [JSON.stringify(plan)], { behind }));
    }
  }

  /** Suspends a process. */
  pause(name: string): void {
    // First the line, then the signal: the process is never suspended without one.
    this.journal.mark("stop", name);
    this.#child(name).signal("SIGSTOP");
  }

  /** Resumes a process. */
  resume(name: string): void {
    this.journal.mark("resume", name);
    this.#child(name).signal("SIGCONT");
  }

  /** Kills a process. */
  async kill(name: string): Promise<void> {
    this.journal.mark("kill", name);
    const child = this.#child(name);
    this.#children.delete(name);
    await child.kill();
  }

  /** Names of its processes. */
  get names(): readonly string[] {
    return [...this.#children.keys()];
  }

  /** The present owner of the runtime, as soon as it has acknowledged some inputs. */
  async owner(acknowledged = 100): Promise<Owner> {
    let owner: Owner | undefined;
    await this.journal.eventually("an owner at work", () => {
      owner = this.#lastOpened();
      return owner !== undefined && this.acknowledged(owner.session, owner.at) >= acknowledged;
    });
    return owner as Owner;
  }

  /** Number of acknowledgements of a session after a line. */
  acknowledged(session: string, from: number): number {
    let count = 0;
    for (let index = from; index < this.journal.lines.length; index++) {
      const { word, args } = this.journal.lines[index] as Line;
      if (word === "ack" && args[0] === session) count++;
    }
    return count;
  }

  /** Waits for an owner other than the one before. */
  async successor(before: Owner): Promise<Owner> {
    const at = await this.journal.until("a takeover", before.at + 1, ({ word }) => word === "opened");
    const { name, args: [session = ""] } = this.journal.lines[at] as Line;
    return { name, session, at };
  }

  /** Waits for the final error of a session; returns its code and details. */
  async ending(
    { session, at }: Owner,
  ): Promise<{ code: string; details: Readonly<Record<string, unknown>> }> {
    const is = ({ word, args }: Line): boolean => word === "ended" && args[0] === session;
    const index = await this.journal.until(`the end of ${session}`, at, is);
    const [, code = "", ...json] = this.journal.lines[index]?.args ?? [];
    return { code, details: JSON.parse(json.join(" ")) };
  }

  /** Waits until an owner of the runtime acknowledges inputs that were sent from now on. */
  async progress(): Promise<void> {
    this.journal.read();
    const from = this.journal.lines.length;
    let count = 0;
    await this.journal.until("acknowledgements", from, ({ word }) => word === "ack" && ++count > 100);
  }

  /** Stops all processes, and compares the runtimes in the database with the journal. */
  async finish(server: Server, runtimes: readonly string[] = [RUNTIME], space?: string): Promise<Figures> {
    this.journal.mark("finish");
    for (const child of this.#children.values()) await child.tell("stop");
    const isStopped = (name: string): boolean =>
      this.journal.lines.some((line) => line.word === "stopped" && line.name === name);
    await this.journal.eventually("the end of the processes", () => this.names.every(isStopped));
    const verdict = new Verdict(this.name, this.journal.lines);
    await this.query(server, async (pool) => {
      for (const runtimeId of runtimes) await verdict.read(pool, runtimeId, space);
    });
    return { ...verdict.check(), faults: this.faults };
  }

  /** The failure of this case. */
  broken(oracle: string, why: string): BrokenOracle {
    return new BrokenOracle(oracle, this.name, why);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.kill()));
    await this.#resources.disposeAsync();
    this.journal[Symbol.dispose]();
    await Deno.remove(this.#directory, { recursive: true });
  }

  #lastOpened(): Owner | undefined {
    const at = this.journal.lines.findLastIndex(({ word }) => word === "opened");
    const line = this.journal.lines[at];
    return line === undefined ? undefined : { name: line.name, session: line.args[0] ?? "", at };
  }

  #child(name: string): Child {
    const child = this.#children.get(name);
    if (child === undefined) throw new Error(`there is no process ${name}`);
    return child;
  }
}

/** Resolves after `ms`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

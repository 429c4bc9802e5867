/**
 * The cluster, processes that own runtimes in it, and the comparison of what they
 * acknowledged with what it holds.
 *
 * @module
 */
import { createSchema } from "../../../postgres_store.ts";
import type { Random } from "../../disk/mod.ts";
import { Child } from "../processes/child_process.ts";
import { BrokenOracle } from "../suite.ts";
import { type Access, openClient } from "./access.ts";
import { Cluster, type NodeAddress, pause, type Side } from "./cluster.ts";
import { failures } from "./failures.ts";
import { type Acknowledged, Oracle } from "./oracle.ts";
import type { HostPlan } from "./plan.ts";
import { Pooler } from "./pooler.ts";

/** Figures of a run. */
export interface Figures {
  /** Failures of the leader. */
  readonly failures: number;
  /** Times that a runtime with a long lease went on. */
  readonly continued: number;
  readonly acknowledged: number;
  /** Inputs that had happened before, when their caller repeated them. */
  readonly repeated: number;
  /** Clusters that Patroni did not make whole again. */
  readonly broken: number;
  /** Times that another process continued a runtime. */
  readonly takeovers: number;
  readonly outcomes: readonly Outcome[];
}

/** Outcome of a failure for a runtime. */
export interface Outcome {
  readonly failure: string;
  readonly runtimeId: string;
  /** Longest time without an acknowledgement. */
  readonly silenceMs: number;
  readonly acknowledged: number;
  /** Final errors of its owners. */
  readonly ends: readonly string[];
  /** Numbers of calls that were rejected, by code. */
  readonly errors: ReadonlyMap<string, number>;
}

const HOST = new URL("./host.ts", import.meta.url);
/** Leases: longer than any failover, and shorter than most. */
const LONG_MS = 60_000;
const SHORT_MS = 4_000;
const LONG = "-long";
/** The process that can be isolated together with a leader. */
const NEIGHBOUR = "pg";
const LOAD = { callers: 16, pauseMs: 60 } as const;
const QUIET_MS = 2_000;
/** Bound of the wait for acknowledgements. */
const LIMIT_MS = 180_000;

/** Acknowledgements and errors of a runtime since the last comparison. */
interface Course {
  lastAckAt: number;
  silenceMs: number;
  acknowledged: Acknowledged[];
  readonly errors: Map<string, number>;
  readonly ends: string[];
}

/** The cluster under load. */
export class Stage implements AsyncDisposable {
  readonly #random: Random;
  readonly #stack: AsyncDisposableStack;
  readonly #cluster: Cluster;
  readonly #hosts: readonly Child[];
  readonly #oracles: ReadonlyMap<string, Oracle>;
  readonly #courses = new Map<string, Course>();
  readonly #outcomes: Outcome[] = [];
  #failures = 0;
  #broken = 0;
  #continued = 0;
  #acknowledged = 0;
  #repeated = 0;

  private constructor(
    random: Random,
    stack: AsyncDisposableStack,
    cluster: Cluster,
    hosts: readonly Child[],
    oracles: ReadonlyMap<string, Oracle>,
  ) {
    this.#random = random;
    this.#stack = stack;
    this.#cluster = cluster;
    this.#hosts = hosts;
    this.#oracles = oracles;
    for (const runtimeId of oracles.keys()) this.#courses.set(runtimeId, newCourse());
  }

  /** Starts everything. */
  static async open(random: Random): Promise<Stage> {
    await using stack = new AsyncDisposableStack();
    const directory = await Deno.makeTempDir({ prefix: "worker-runtime-patroni-" });
    stack.defer(() => Deno.remove(directory, { recursive: true }));
    await Deno.chmod(directory, 0o777);
    const cluster = stack.use(await Cluster.start(directory));
    const pooler = stack.use(new Pooler(cluster, directory));
    const serversOn = (side: Side): NodeAddress[] => cluster.nodes.map((node) => node.addressOn(side));
    const servers = serversOn("clients");
    const client = stack.use(await openClient({ driver: "pg", servers }));
    await createSchema(client);
    const plans = [
      planOf({ driver: NEIGHBOUR, servers: serversOn("neighbour") }),
      planOf({ driver: "postgres", servers }),
      planOf({ driver: "pgbouncer", port: pooler.port }),
    ];
    const hosts = plans.map((plan) => new Child(HOST, [JSON.stringify(plan)]));
    for (const host of hosts) stack.defer(() => host.kill());
    const ids = new Set(plans.flatMap(({ runtimes }) => runtimes.map(({ runtimeId }) => runtimeId)));
    const oracles = new Map([...ids].map((id) => [id, stack.use(new Oracle(client, id))]));
    return new Stage(random, stack.move(), cluster, hosts, oracles);
  }

  /** Lets a failure begin and end under load, and compares. */
  async play(name: string): Promise<void> {
    const failure = failures[name];
    if (failure === undefined) throw new Error(`there is no failure ${name}`);
    const leader = await this.#cluster.whole();
    await this.#acknowledging(name, Date.now());
    await this.#compare(name);
    await pause(this.#random.below(QUIET_MS));
    await failure.begin(leader, this.#cluster);
    await this.#cluster.leaderAfter(leader);
    await this.#acknowledging(
      name,
      Date.now(),
      failure.isolatesNeighbour ? `${NEIGHBOUR}${LONG}` : undefined,
    );
    await pause(this.#random.below(QUIET_MS));
    for (const node of this.#cluster.nodes) await node.restore();
    // Patroni may leave a cluster without a new synchronous standby: runtimes go on there as well.
    await this.#cluster.whole().catch(() => this.#broken++);
    await this.#acknowledging(name, Date.now() + QUIET_MS);
    const courses = await this.#compare(name);
    this.#failures++;
    for (const [runtimeId, { acknowledged, ...course }] of courses) {
      this.#outcomes.push({ failure: name, runtimeId, acknowledged: acknowledged.length, ...course });
      if (runtimeId.endsWith(LONG) && course.ends.length === 0) this.#continued++;
    }
  }

  /** Ends the processes, and compares a last time. */
  async end(): Promise<Figures> {
    await Promise.all(this.#hosts.map((host) => host.kill()));
    await this.#compare("end");
    return {
      failures: this.#failures,
      continued: this.#continued,
      acknowledged: this.#acknowledged,
      repeated: this.#repeated,
      broken: this.#broken,
      takeovers: [...this.#oracles.values()].reduce((total, { takeovers }) => total + takeovers, 0),
      outcomes: this.#outcomes,
    };
  }

  /** Kills everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** Compares what was acknowledged with what the cluster holds, and begins new courses. */
  async #compare(name: string): Promise<ReadonlyMap<string, Course>> {
    this.#listen(name);
    const courses = new Map(this.#courses);
    for (const [id, { acknowledged, lastAckAt }] of courses) {
      this.#courses.set(id, { ...newCourse(), lastAckAt });
      await this.#oracles.get(id)?.check(name, acknowledged);
      this.#acknowledged += acknowledged.length;
    }
    return courses;
  }

  /** Waits until each runtime but one has acknowledged an input after a time. */
  async #acknowledging(name: string, after: number, except?: string): Promise<void> {
    for (const end = Date.now() + LIMIT_MS;;) {
      this.#listen(name);
      const silent = [...this.#courses].filter(([id, { lastAckAt }]) => id !== except && lastAckAt <= after);
      if (silent.length === 0) return;
      if (Date.now() > end) {
        throw new BrokenOracle("I7", name, `no acknowledgement of ${silent.map(([id]) => id)} any more`);
      }
      await pause(50);
    }
  }

  /** Takes the lines of the processes. */
  #listen(name: string): void {
    for (const host of this.#hosts) {
      for (const line of host.lines.splice(0)) {
        const [word, at, id = "", ...rest] = line.split(" ");
        const course = this.#courses.get(id);
        if (course !== undefined) this.#note(course, String(word), Number(at), rest, name);
      }
    }
  }

  #note(course: Course, word: string, at: number, rest: readonly string[], name: string): void {
    if (word === "ack") {
      const [workerId = "", key = "", eventId, seq, isRepeated] = rest;
      course.acknowledged.push({ workerId, key, eventId: Number(eventId), seq: Number(seq) });
      course.silenceMs = Math.max(course.silenceMs, at - course.lastAckAt);
      course.lastAckAt = Math.max(course.lastAckAt, at);
      this.#repeated += Number(isRepeated);
    }
    if (word === "wrong") throw new BrokenOracle("I1", name, `its owner reads ${rest.join(" ")}`);
    const [code = ""] = rest;
    if (code === "untyped") throw new BrokenOracle("I7", name, rest.join(" "));
    if (word === "ended") course.ends.push(rest.join(" "));
    // In synchronous mode, nothing that was acknowledged is undone.
    if (word === "ended" && code !== "store_fenced") throw new BrokenOracle("I1", name, rest.join(" "));
    if (word === "error" || word === "refused") course.errors.set(code, (course.errors.get(code) ?? 0) + 1);
  }
}

/** A runtime of its own, and one that all processes want. */
function planOf(access: Access): HostPlan {
  const { driver: name } = access;
  const runtimes = [
    { runtimeId: `${name}${LONG}`, leaseMs: LONG_MS, ...LOAD },
    { runtimeId: "any", leaseMs: SHORT_MS, ...LOAD },
  ];
  return { name, access, runtimes };
}

function newCourse(): Course {
  return { lastAckAt: Date.now(), silenceMs: 0, acknowledged: [], errors: new Map(), ends: [] };
}

/**
 * One case: hosts that compete for a runtime while their statements fail as the
 * case says, and the oracle.
 *
 * @module
 */
import { isRuntimeError } from "../../../mod.ts";
import type { AppendBatch, BlobInput, BlobOwner, Snapshot, StoreHost } from "../../../src/core/store.ts";
import { isFinal } from "../../../src/core/group_commit.ts";
import type { PostgresClient } from "../../../src/postgres/client.ts";
import { pause } from "../../../src/postgres/clock.ts";
import { PostgresRuntimeStore } from "../../../src/postgres/store.ts";
import { BrokenOracle } from "../suite.ts";
import { type Fault, FAULTS, LEASE_MS, Process, World } from "./world.ts";

/** Executes statements: the simulated database, or a real one with a simulated clock. */
export interface Backend {
  /** Executes a statement at a time of the database's clock. */
  execute(
    text: string,
    params: (string | number | null)[],
    now: number,
  ): readonly unknown[] | Promise<unknown[]>;
  /** Texts of the log. */
  events(): readonly string[] | Promise<string[]>;
  /** Hashes of the blobs whose bytes are there. */
  blobs(): readonly string[] | Promise<string[]>;
}

/** A case. */
export interface LeaseCase {
  readonly name: string;
  /** Rates of the hosts' clocks. */
  readonly rates: readonly number[];
  /** The fault of the statement of a number, an index of {@linkcode FAULTS}. */
  readonly faultOf: (statement: number) => number;
}

/** Results of a case. */
export interface LeaseResult {
  /** Statements sent while faults happened. */
  readonly statements: number;
  readonly acknowledged: number;
  readonly takeovers: number;
}

/** Time with faults, and time after it. */
const FAULTY_MS = 4 * LEASE_MS;
const CALM_MS = 7 * LEASE_MS;
/** Time between two appends. */
const STEP_MS = 150;
/** Appends after which an owner closes, and after which it saves a snapshot. */
const APPENDS = 12;
const SNAPSHOT_APPENDS = 3;
/** Appends after which an owner puts a blob, and the blobs that it puts by turns. */
const BLOB_APPENDS = 2;
const BLOBS = 3;

/** A store from its opening to its end. */
interface Ownership {
  readonly name: string;
  readonly process: Process;
  /** True from its claim on. */
  hasClaimed: boolean;
  /** True from its opening until it was lost or began to close. */
  isOwner: boolean;
  /** True once another one has claimed the runtime after it. */
  isReplaced: boolean;
}

class Simulation {
  readonly #world = new World();
  readonly #backend: Backend;
  readonly #case: LeaseCase;
  readonly #owners: Ownership[] = [];
  readonly #acknowledged = new Map<string, number>();
  readonly #refused = new Set<string>();
  readonly #blobs = new Set<string>();
  readonly #writers = new Map<number, string>();
  #broken: Error | undefined;
  #statements = 0;
  #calmAcknowledged = 0;
  #takeovers = 0;

  constructor(backend: Backend, leaseCase: LeaseCase) {
    this.#backend = backend;
    this.#case = leaseCase;
  }

  async run(): Promise<LeaseResult> {
    const lives = this.#case.rates.map((rate, index) =>
      this.#live(`h${index}`, new Process(this.#world, rate), index)
    );
    await this.#world.runUntil(FAULTY_MS + CALM_MS);
    await Promise.race([Promise.all(lives), this.#world.runUntil(Infinity)]);
    if (this.#broken !== undefined) throw this.#broken;
    await this.#check();
    return {
      statements: this.#statements,
      acknowledged: this.#acknowledged.size,
      takeovers: this.#takeovers,
    };
  }

  get #isOver(): boolean {
    return this.#world.now >= FAULTY_MS + CALM_MS;
  }

  #fail(oracle: string, why: string): void {
    this.#broken ??= new BrokenOracle(oracle, this.#case.name, why);
  }

  /** A process that opens the runtime, again and again. */
  async #live(name: string, process: Process, index: number): Promise<void> {
    await pause(process.clock, index * 50);
    for (let life = 0; !this.#isOver; life++) {
      const ownership = {
        name: `${name}.${life}`,
        process,
        hasClaimed: false,
        isOwner: false,
        isReplaced: false,
      };
      this.#owners.push(ownership);
      await this.#own(ownership).catch((error) => this.#broken ??= error);
      await pause(process.clock, STEP_MS);
    }
  }

  async #own(ownership: Ownership): Promise<void> {
    const { process, name } = ownership;
    const options = { client: this.#client(ownership), runtimeId: "r", owner: name, leaseMs: LEASE_MS };
    const store = new PostgresRuntimeStore({ ...options, lockWaitMs: 4 * LEASE_MS }, {
      clock: process.clock,
    });
    let texts: string[] = [];
    const host = {
      view: { worker: () => ({ createdEventId: 1 }), runtime: { lastEventId: 0 } },
      notice: () => {},
      restore: ({ runtimeJson }: { runtimeJson: string }) => texts = JSON.parse(runtimeJson),
      replay: (more: readonly string[]) => void texts.push(...more),
      lost: () => ownership.isOwner = false,
    };
    try {
      await store.acquire(host as unknown as StoreHost);
    } catch (error) {
      if (!isRuntimeError(error)) throw error;
      return;
    }
    if (ownership.isReplaced) this.#fail("I10", `${name} opens the runtime after it was replaced`);
    ownership.isOwner = true;
    const saved: Promise<void>[] = [];
    for (let count = 1; count <= APPENDS && !this.#isOver; count++) {
      if (!(await this.#append(store, ownership, texts, `${name}-${count}`))) break;
      if (count % SNAPSHOT_APPENDS === 0) saved.push(saveSnapshot(store, texts));
      if (count % BLOB_APPENDS === 0) saved.push(this.#put(store, ownership, `blob-${count / 2 % BLOBS}`));
      await pause(process.clock, STEP_MS);
    }
    await Promise.all(saved);
    ownership.isOwner = false;
    await store.close();
  }

  /** Appends one event. Returns false once the store is lost. */
  async #append(
    store: PostgresRuntimeStore,
    ownership: Ownership,
    texts: string[],
    json: string,
  ): Promise<boolean> {
    const batch = {
      expectedLastEventId: texts.length,
      events: [{ id: texts.length + 1, json }],
      touched: [],
    };
    try {
      await store.append(batch as unknown as AppendBatch);
    } catch (error) {
      if (!isRuntimeError(error)) throw error;
      if (isFinal(error)) return false;
      this.#refused.add(json);
      return true;
    }
    if (ownership.isReplaced) {
      this.#fail("I10", `${ownership.name} acknowledges ${json} after it was replaced`);
    }
    texts.push(json);
    this.#acknowledged.set(json, texts.length);
    if (this.#world.now > FAULTY_MS) this.#calmAcknowledged++;
    return true;
  }

  /** Puts a blob; it may fail. */
  async #put(store: PostgresRuntimeStore, ownership: Ownership, sha256: string): Promise<void> {
    const facts = { sha256, bytes: 1 };
    const input = {
      facts,
      *[Symbol.iterator](): Generator<Uint8Array, void, void> {
        yield new Uint8Array(1);
      },
    };
    try {
      await store.putBlob({ workerId: "a", createdEventId: 1 } as BlobOwner, input as unknown as BlobInput);
    } catch (error) {
      if (!isRuntimeError(error)) throw error;
      return;
    }
    if (ownership.isReplaced) this.#fail("I10", `${ownership.name} keeps ${sha256} after it was replaced`);
    this.#blobs.add(sha256);
  }

  /** A client whose statements have the faults of the case. */
  #client(ownership: Ownership): PostgresClient {
    return {
      query: (text, params) =>
        new Promise((resolve, reject) => {
          const isCalm = this.#world.now >= FAULTY_MS;
          const fault = FAULTS[isCalm ? 0 : this.#case.faultOf(this.#statements++)] as Fault;
          this.#send(ownership, text, params, fault, resolve, reject);
        }),
    };
  }

  #send(
    ownership: Ownership,
    text: string,
    params: (string | number | null)[],
    { happens, answer, delay = 0, cut, stop, answersFirst = false }: Fault,
    resolve: (rows: []) => void,
    reject: (error: Error) => void,
  ): void {
    const { process } = ownership;
    const now = this.#world.now;
    const fails = () => process.receive(() => reject(new Error("connection lost")));
    if (stop !== undefined) this.#world.at(now + 1, () => process.stop(stop * LEASE_MS, answersFirst));
    if (now < process.cutUntil) return;
    if (cut !== undefined) process.cutUntil = now + cut * LEASE_MS;
    if (happens === undefined) {
      if (answer === "error") this.#world.at(now + 2, fails);
      return;
    }
    this.#world.at(now + 5 + happens * LEASE_MS, async () => {
      let rows: readonly unknown[];
      try {
        rows = await this.#backend.execute(text, params, this.#world.now);
      } catch (error) {
        this.#broken ??= error as Error;
        return;
      }
      this.#observe(ownership, text, params, rows);
      if (answer === "error") fails();
      if (answer !== "arrives") return;
      this.#world.at(
        this.#world.now + 5 + delay * LEASE_MS,
        () => process.receive(() => resolve(rows as [])),
      );
    });
  }

  /** Checks that a claim replaces nobody who runs, and that an epoch has one writer. */
  #observe(
    ownership: Ownership,
    text: string,
    params: (string | number | null)[],
    rows: readonly unknown[],
  ): void {
    if (rows.length === 0) return;
    if (text.includes("worker_runtime.append")) {
      const epoch = Number(String(params[1]).split(" ")[1]);
      const writer = this.#writers.get(epoch) ?? ownership.name;
      this.#writers.set(epoch, writer);
      if (writer !== ownership.name) {
        this.#fail("I10", `epoch ${epoch} has the writers ${writer} and ${ownership.name}`);
      }
    }
    if (!text.startsWith("WITH held AS")) return;
    for (const other of this.#owners) {
      if (other === ownership || !other.hasClaimed) continue;
      other.isReplaced = true;
      if (other.isOwner && !other.process.isStopped) {
        this.#fail("I10", `${ownership.name} replaces ${other.name}, which runs`);
      }
    }
    ownership.hasClaimed = true;
    this.#takeovers++;
  }

  async #check(): Promise<void> {
    const events = await this.#backend.events();
    if (new Set(events).size !== events.length) {
      throw new BrokenOracle("I3", this.#case.name, "an event is there twice");
    }
    for (const [json, id] of this.#acknowledged) {
      if (events[id - 1] === json) continue;
      throw new BrokenOracle(
        "I1",
        this.#case.name,
        `event ${id}, ${json}, was acknowledged: ${events.join(" ")}`,
      );
    }
    const kept = new Set(await this.#backend.blobs());
    const gone = [...this.#blobs].find((sha256) => !kept.has(sha256));
    if (gone !== undefined) {
      throw new BrokenOracle("I1", this.#case.name, `${gone} was kept, and its bytes are gone`);
    }
    const wrong = events.find((json) => this.#refused.has(json));
    if (wrong !== undefined) {
      throw new BrokenOracle("I2", this.#case.name, `${wrong} was refused, and is there`);
    }
    if (this.#calmAcknowledged === 0) {
      throw new BrokenOracle("I7", this.#case.name, "nobody goes on after the faults");
    }
  }
}

/** Saves a snapshot of all events so far; it may fail. */
async function saveSnapshot(store: PostgresRuntimeStore, texts: readonly string[]): Promise<void> {
  const snapshot = { through: texts.length, runtimeJson: JSON.stringify(texts), workers: [] };
  await store.saveSnapshot(snapshot as unknown as Snapshot).catch((error) => {
    if (!isRuntimeError(error)) throw error;
  });
}

/** Runs a case. Throws {@linkcode BrokenOracle}. */
export function runCase(backend: Backend, leaseCase: LeaseCase): Promise<LeaseResult> {
  return new Simulation(backend, leaseCase).run();
}

/**
 * The oracle of a runtime in the cluster: it holds everything that was acknowledged,
 * once, in the order of each caller, and events of one owner at a time.
 *
 * @module
 */
import { isRuntimeError, type RuntimeEvent, RuntimeReader } from "../../../mod.ts";
import { type PostgresClient, PostgresRuntimeSource } from "../../../postgres_store.ts";
import { BrokenOracle } from "../suite.ts";
import { pause } from "./cluster.ts";
import { contentOf } from "./plan.ts";

/** An acknowledged input. */
export interface Acknowledged {
  readonly key: string;
  readonly workerId: string;
  readonly eventId: number;
  readonly seq: number;
}

interface Found {
  readonly workerId: string;
  readonly eventId: number;
  readonly seq: number;
}

const LIMIT_MS = 120_000;

/** Follows a runtime through all failures with one reader. */
export class Oracle implements AsyncDisposable {
  readonly #runtimeId: string;
  readonly #client: PostgresClient;
  #reader: RuntimeReader | undefined;
  #lastEventId = 0;
  #epoch = 0;
  /** The process whose inputs followed the last opening. */
  #owner: string | undefined;
  #formerOwner: string | undefined;
  /** Times that the runtime was continued by another process. */
  takeovers = 0;
  /** Inputs of each caller so far. */
  readonly #counts = new Map<string, number>();
  /** Entries of each worker so far. */
  readonly #lengths = new Map<string, number>();
  readonly #found = new Map<string, Found>();

  /** Nothing was read yet. */
  constructor(client: PostgresClient, runtimeId: string) {
    this.#client = client;
    this.#runtimeId = runtimeId;
  }

  /** Reads new events, and compares them with what was acknowledged since. */
  async check(caseName: string, acknowledged: readonly Acknowledged[]): Promise<void> {
    const broken = (oracle: string, why: string): BrokenOracle =>
      new BrokenOracle(oracle, caseName, `${this.#runtimeId}: ${why}`);
    for await (const event of this.#news(broken)) this.#add(event, broken);
    for (const { key, workerId, eventId, seq } of acknowledged) {
      const found = this.#found.get(key);
      const isSame = found?.eventId === eventId && found.workerId === workerId && found.seq === seq;
      if (isSame) continue;
      const expected = JSON.stringify({ workerId, eventId, seq });
      throw broken("I1", `${key} was acknowledged as ${expected}, and is ${JSON.stringify(found)}`);
    }
  }

  /** Closes the reader. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader?.close();
  }

  async *#news(broken: (oracle: string, why: string) => BrokenOracle): AsyncGenerator<RuntimeEvent> {
    for (const end = performance.now() + LIMIT_MS;;) {
      try {
        this.#reader ??= await RuntimeReader.open({
          source: new PostgresRuntimeSource({ client: this.#client, runtimeId: this.#runtimeId }),
        });
        await this.#reader.refresh();
        while (this.#lastEventId < this.#reader.lastEventId) {
          const { items } = await this.#reader.events({ after: this.#lastEventId, limit: 1_000 });
          yield* items;
        }
        return;
      } catch (error) {
        if (error instanceof BrokenOracle) throw error;
        const code = isRuntimeError(error) ? error.code : "untyped";
        if (code !== "store_io" || performance.now() > end) throw broken("I1", `reading failed: ${error}`);
        await pause(200);
      }
    }
  }

  #add(event: RuntimeEvent, broken: (oracle: string, why: string) => BrokenOracle): void {
    const { id, type } = event;
    if (id !== this.#lastEventId + 1) throw broken("I3", `event ${id} follows ${this.#lastEventId}`);
    this.#lastEventId = id;
    if (type === "runtime.opened") {
      if (event.epoch <= this.#epoch) throw broken("I10", `epoch ${event.epoch} follows ${this.#epoch}`);
      this.#epoch = event.epoch;
      this.#formerOwner = this.#owner ?? this.#formerOwner;
      this.#owner = undefined;
    }
    if (type !== "worker.committed") return;
    const { workerId, key = "", entries = [] } = event;
    const [host = "", caller, count] = key.split(".");
    if (this.#owner === undefined && host !== (this.#formerOwner ?? host)) this.takeovers++;
    this.#owner ??= host;
    if (host !== this.#owner) throw broken("I10", `event ${id} is of ${host} in the epoch of ${this.#owner}`);
    const name = `${host}.${caller}`;
    const expected = this.#counts.get(name) ?? 0;
    if (Number(count) !== expected) throw broken("I3", `event ${id} is ${key} instead of ${expected}`);
    if (entries.length !== 1 || entries[0]?.content !== contentOf(key)) {
      throw broken("I1", `event ${id} does not have the content of ${key}`);
    }
    this.#counts.set(name, expected + 1);
    const seq = (this.#lengths.get(workerId) ?? 0) + 1;
    this.#lengths.set(workerId, seq);
    this.#found.set(key, { workerId, eventId: id, seq });
  }
}

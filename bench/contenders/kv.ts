/**
 * Deno KV in a local file. The callers of a tick share an atomic operation,
 * as many as it takes. A read takes at most ten keys at once, so that an event
 * holds its text as well, and a page of events is one range.
 *
 * @module
 */
import type { Contender, Entry, Store, StoredEvent } from "./contender.ts";
import { TickBatch } from "./tick_batch.ts";
import { type WorkerRow, WorkerTable } from "./worker_table.ts";

interface Input {
  readonly worker: number;
  readonly content: string;
}

/** An atomic operation takes 1,000 mutations and 800 KiB; 40 of the largest inputs of the mix fit. */
const INPUTS_MAX = 300;
const CONTENT_MAX = 300_000;

class KvStore implements Store {
  readonly #kv: Deno.Kv;
  readonly #table: WorkerTable;
  readonly #batch: TickBatch<Input, number>;

  constructor(kv: Deno.Kv, table: WorkerTable) {
    this.#kv = kv;
    this.#table = table;
    this.#batch = new TickBatch((inputs) => this.#write(inputs), INPUTS_MAX);
  }

  async createWorkers(count: number): Promise<void> {
    const created = this.#table.create(count);
    while (created.length > 0) {
      const operation = this.#kv.atomic();
      for (const [worker, row] of created.splice(0, INPUTS_MAX)) operation.set(["worker", worker], row);
      await operation.commit();
    }
  }

  input(worker: number, content: string): Promise<number> {
    return this.#batch.add({ worker, content });
  }

  length(worker: number): Promise<number> {
    return Promise.resolve(this.#table.rows[worker]?.length ?? 0);
  }

  async newestPage(worker: number, limit: number): Promise<readonly Entry[]> {
    const list = this.#kv.list<Entry>({ prefix: ["transcript", worker] }, {
      reverse: true,
      limit,
      batchSize: limit,
    });
    return (await valuesOf(list)).reverse();
  }

  async pageAfter(worker: number, seq: number, limit: number): Promise<readonly Entry[]> {
    const start = ["transcript", worker, seq + 1];
    const list = this.#kv.list<Entry>({ prefix: ["transcript", worker], start }, { limit, batchSize: limit });
    return await valuesOf(list);
  }

  async eventsAfter(id: number, limit: number): Promise<readonly StoredEvent[]> {
    const start = ["event", id + 1];
    const list = this.#kv.list<StoredEvent>({ prefix: ["event"], start }, { limit, batchSize: limit });
    return await valuesOf(list);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#batch.idle();
    this.#kv.close();
  }

  async #write(inputs: readonly Input[]): Promise<number[]> {
    const ids: number[] = [];
    let operation = this.#kv.atomic();
    let units = 0;
    for (const input of inputs) {
      if (units > CONTENT_MAX) {
        await operation.commit();
        operation = this.#kv.atomic();
        units = 0;
      }
      units += 2 * input.content.length;
      ids.push(this.#set(operation, input));
    }
    await operation.commit();
    return ids;
  }

  #set(operation: Deno.AtomicOperation, { worker, content }: Input): number {
    const { eventId, at, row } = this.#table.advance(worker);
    const seq = row.length;
    const entry = { seq, eventId, at, role: "user", content };
    operation
      .set(["event", eventId], { id: eventId, type: "worker.input_accepted", worker, ...entry })
      .set(["transcript", worker, seq], entry)
      .set(["worker", worker], row);
    return eventId;
  }
}

async function valuesOf<Value>(list: Deno.KvListIterator<Value>): Promise<Value[]> {
  const values: Value[] = [];
  for await (const { value } of list) values.push(value);
  return values;
}

/** Deno KV. */
export const kvContender: Contender = {
  async open(directory: string): Promise<Store> {
    const kv = await Deno.openKv(`${directory}/kv.sqlite`);
    const table = new WorkerTable();
    for await (const { key, value } of kv.list<WorkerRow>({ prefix: ["worker"] }, { batchSize: 500 })) {
      table.restore(Number(key[1]), value);
    }
    return new KvStore(kv, table);
  },
};

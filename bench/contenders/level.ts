/**
 * classic-level with synced batches. The text of an input is stored once, in
 * the transcript, where a page is one range; an event names its entry.
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix
import { ClassicLevel } from "npm:classic-level@3.0.0";
import type { Contender, Entry, Store, StoredEvent } from "./contender.ts";
import { TickBatch } from "./tick_batch.ts";
import { type WorkerRow, WorkerTable } from "./worker_table.ts";

type Level = ClassicLevel<string, string>;

interface Input {
  readonly worker: number;
  readonly content: string;
}

interface EventRow {
  readonly at: number;
  readonly type: string;
  readonly worker: number;
  readonly seq: number;
}

type Put = { readonly type: "put"; readonly key: string; readonly value: string };

class LevelStore implements Store {
  readonly #db: Level;
  readonly #table: WorkerTable;
  readonly #batch: TickBatch<Input, number>;

  constructor(db: Level, table: WorkerTable) {
    this.#db = db;
    this.#table = table;
    this.#batch = new TickBatch((inputs) => this.#write(inputs), 8_192);
  }

  async createWorkers(count: number): Promise<void> {
    const created = this.#table.create(count);
    await this.#db.batch(created.map(([worker, row]) => put(workerKey(worker), row)), { sync: true });
  }

  input(worker: number, content: string): Promise<number> {
    return this.#batch.add({ worker, content });
  }

  length(worker: number): Promise<number> {
    return Promise.resolve(this.#table.rows[worker]?.length ?? 0);
  }

  async newestPage(worker: number, limit: number): Promise<readonly Entry[]> {
    const range = { gt: entryKey(worker, 0), lt: entryKey(worker, Infinity), reverse: true, limit };
    return (await this.#db.values(range).all()).map(parsed<Entry>).reverse();
  }

  async pageAfter(worker: number, seq: number, limit: number): Promise<readonly Entry[]> {
    const range = { gt: entryKey(worker, seq), lt: entryKey(worker, Infinity), limit };
    return (await this.#db.values(range).all()).map(parsed<Entry>);
  }

  async eventsAfter(id: number, limit: number): Promise<readonly StoredEvent[]> {
    const range = { gt: eventKey(id), lt: eventKey(Infinity), limit };
    const events = (await this.#db.values(range).all()).map(parsed<EventRow>);
    const entries = await this.#db.getMany(events.map(({ worker, seq }) => entryKey(worker, seq)));
    return events.map((event, index) => {
      const { eventId, role, content } = parsed<Entry>(entries[index] ?? "{}");
      return { id: eventId, ...event, role, content };
    });
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#batch.idle();
    await this.#db.close();
  }

  async #write(inputs: readonly Input[]): Promise<number[]> {
    const puts: Put[] = [];
    const ids = inputs.map(({ worker, content }) => {
      const { eventId, at, row } = this.#table.advance(worker);
      const seq = row.length;
      puts.push(put(eventKey(eventId), { at, type: "worker.input_accepted", worker, seq }));
      puts.push(put(entryKey(worker, seq), { seq, eventId, at, role: "user", content }));
      puts.push(put(workerKey(worker), row));
      return eventId;
    });
    await this.#db.batch(puts, { sync: true });
    return ids;
  }
}

function put(key: string, value: unknown): Put {
  return { type: "put", key, value: JSON.stringify(value) };
}

function parsed<Row>(text: string): Row {
  return JSON.parse(text);
}

/** Digits that sort as numbers do; infinity sorts behind all. */
function digits(count: number): string {
  return count === Infinity ? "~" : count.toString(36).padStart(8, "0");
}

function eventKey(id: number): string {
  return `e${digits(id)}`;
}

function entryKey(worker: number, seq: number): string {
  return `t${digits(worker)}${digits(seq)}`;
}

function workerKey(worker: number): string {
  return `w${digits(worker)}`;
}

async function restored(db: Level): Promise<WorkerTable> {
  const table = new WorkerTable();
  const rows = await db.values({ gte: "w", lt: "x" }).all();
  rows.forEach((text, worker) => table.restore(worker, parsed<WorkerRow>(text)));
  return table;
}

/** LevelDB. */
export const levelContender: Contender = {
  async open(directory: string): Promise<Store> {
    const db = new ClassicLevel<string, string>(`${directory}/level`);
    await db.open();
    return new LevelStore(db, await restored(db));
  },
};

/**
 * lmdb with its default syncing: a promise resolves when the transaction is
 * on the device. lmdb-js itself commits the callers of a tick together.
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix
// A version of this transitive optional dependency that exists for every platform: Deno wants to know them all.
import "npm:msgpackr-extract@3.0.4";
import { type Database, open, type RootDatabase } from "npm:lmdb@3.5.6";
import type { Contender, Entry, Store, StoredEvent } from "./contender.ts";
import { type WorkerRow, WorkerTable } from "./worker_table.ts";

interface EventRow {
  readonly at: number;
  readonly type: string;
  readonly worker: number;
  readonly seq: number;
}

class LmdbStore implements Store {
  readonly #env: RootDatabase;
  readonly #events: Database<EventRow, number>;
  readonly #transcript: Database<Entry, [worker: number, seq: number]>;
  readonly #workers: Database<WorkerRow, number>;
  readonly #table = new WorkerTable();

  constructor(path: string) {
    this.#env = open({ path });
    this.#events = this.#env.openDB({ name: "events", keyEncoding: "uint32" });
    this.#transcript = this.#env.openDB({ name: "transcript", sharedStructuresKey: STRUCTURES });
    this.#workers = this.#env.openDB({ name: "workers", keyEncoding: "uint32" });
    for (const { key, value } of this.#workers.getRange()) this.#table.restore(key, value);
  }

  async createWorkers(count: number): Promise<void> {
    const created = this.#table.create(count);
    await this.#env.batch(() => {
      for (const [worker, row] of created) this.#workers.put(worker, row);
    });
  }

  async input(worker: number, content: string): Promise<number> {
    const { eventId, at, row } = this.#table.advance(worker);
    const seq = row.length;
    await this.#env.batch(() => {
      this.#events.put(eventId, { at, type: "worker.input_accepted", worker, seq });
      this.#transcript.put([worker, seq], { seq, eventId, at, role: "user", content });
      this.#workers.put(worker, row);
    });
    return eventId;
  }

  length(worker: number): Promise<number> {
    return Promise.resolve(this.#table.rows[worker]?.length ?? 0);
  }

  newestPage(worker: number, limit: number): Promise<readonly Entry[]> {
    const range = { start: key(worker, Infinity), end: key(worker, 0), reverse: true, limit };
    return Promise.resolve([...this.#transcript.getRange(range)].map(({ value }) => value).reverse());
  }

  pageAfter(worker: number, seq: number, limit: number): Promise<readonly Entry[]> {
    const range = { start: key(worker, seq + 1), end: key(worker, Infinity), limit };
    return Promise.resolve([...this.#transcript.getRange(range)].map(({ value }) => value));
  }

  eventsAfter(id: number, limit: number): Promise<readonly StoredEvent[]> {
    const rows = [...this.#events.getRange({ start: id + 1, limit })];
    return Promise.resolve(rows.map(({ key: eventId, value }) => {
      const { role, content } = this.#transcript.get([value.worker, value.seq]) ?? { role: "", content: "" };
      return { id: eventId, ...value, role, content };
    }));
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#env.close();
  }
}

/** Where lmdb-js keeps the shape of the entries, instead of with each. */
const STRUCTURES = Symbol.for("structures");

function key(worker: number, seq: number): [worker: number, seq: number] {
  return [worker, seq];
}

/** LMDB. */
export const lmdbContender: Contender = {
  open: (directory) => Promise.resolve(new LmdbStore(`${directory}/lmdb`)),
};

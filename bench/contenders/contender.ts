/**
 * What every contender can do: the same work, each in its own idiom. Workers
 * are numbered from 0, events and entries of a transcript from 1.
 *
 * @module
 */

/** Names of the contenders, as they stand in the results. */
export const contenderIds = [
  "fs",
  "fs-written",
  "memory",
  "sqlite",
  "sqlite-batched",
  "level",
  "lmdb",
  "kv",
  "bare",
] as const;

/** Names of the contenders on a PostgreSQL server, which have measures of their own. */
export const databaseIds = ["postgres", "insert", "insert-batched"] as const;

/** The name of a contender on a PostgreSQL server. */
export type DatabaseId = (typeof databaseIds)[number];

/** The name of a contender. */
export type ContenderId = (typeof contenderIds)[number] | DatabaseId;

/** An entry of a transcript, as a page gives it. */
export interface Entry {
  readonly seq: number;
  readonly eventId: number;
  /** ISO 8601, or milliseconds since 1970. */
  readonly at: string | number;
  readonly role: string;
  readonly content: string;
}

/** An event with what it says, as a page gives it. */
export interface StoredEvent {
  readonly id: number;
  readonly at: string | number;
  readonly type: string;
  readonly content: string;
}

/** What only this library has. */
export interface LibraryExtras {
  /** Saves a checkpoint with the next input; resolves when it is saved. */
  checkpoint(): Promise<void>;
  /** How often the store asked for a checkpoint by itself. */
  readonly checkpointsDue: number;
  /** Ids of events, as a watcher hears of them. */
  watch(signal: AbortSignal): AsyncIterable<number>;
  /** Reads a page of workers after a cursor; gives the next cursor. */
  listWorkers(after: number, limit: number): number | null;
}

/** An open store. */
export interface Store {
  /** Creates the workers that are not there yet, up to `count` in all. */
  createWorkers(count: number): Promise<void>;
  /** Takes an input: an event, an entry of a transcript, a new state. Resolves with the event's id when it is durable. */
  input(worker: number, content: string): Promise<number>;
  /** Number of entries in a transcript. */
  length(worker: number): Promise<number>;
  /** The newest entries, oldest first. */
  newestPage(worker: number, limit: number): Promise<readonly Entry[]>;
  /** The entries after a sequence. */
  pageAfter(worker: number, seq: number, limit: number): Promise<readonly Entry[]>;
  /** The events after an id. */
  eventsAfter(id: number, limit: number): Promise<readonly StoredEvent[]>;
  /** Waits for what is written behind the answers. */
  flush(): Promise<void>;
  close(): Promise<void>;
  readonly extras?: LibraryExtras;
}

/** A way to keep workers. */
export interface Contender {
  /** Opens the store in a directory, or in the database of a URL, creating it if need be. */
  open(place: string): Promise<Store>;
}

/** What the tables call a contender, and how it is used. */
export interface ContenderInfo {
  readonly title: string;
  readonly how: string;
}

/** Titles and settings, for tables and readers. */
export const contenderInfo: Readonly<Record<ContenderId, ContenderInfo>> = {
  "fs": { title: "fs store", how: "this library, file system store, its defaults" },
  "fs-written": {
    title: "fs store, written",
    how: "the same with durability written: an answer does not wait for the device",
  },
  "memory": { title: "memory store", how: "this library, memory store: nothing is durable" },
  "sqlite": { title: "node:sqlite", how: "WAL, synchronous=FULL, a transaction per input" },
  "sqlite-batched": { title: "sqlite batched", how: "the same, callers of a tick share a transaction" },
  "level": { title: "classic-level", how: "sync batches, callers of a tick share one" },
  "lmdb": { title: "lmdb", how: "default syncing, lmdb-js groups the callers" },
  "kv": { title: "Deno KV", how: "local file, callers of a tick share an atomic operation" },
  "bare": {
    title: "core, bare store",
    how: "this library's core on a store that writes and syncs the events and keeps nothing",
  },
  "postgres": { title: "postgres store", how: "this library, PostgreSQL store, its defaults, pg" },
  "insert": { title: "an INSERT per input", how: "PostgreSQL by hand: the same rows with pg, no fence" },
  "insert-batched": {
    title: "an INSERT per batch",
    how: "the same, what accumulates while an INSERT runs is the next one",
  },
};

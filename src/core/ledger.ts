/**
 * The ledger is the durable state in memory; a draft is the state after a
 * batch of commands. A draft is adopted once its batch is durable, and dropped
 * otherwise: only durable state is ever read.
 *
 * @module
 */
import { indexOfAtLeast } from "./bisection.ts";
import type { DecisionView } from "./decide.ts";
import type { EventHead } from "./event_types.ts";
import { isKnownEvent, parseEventHead } from "./events.ts";
import { evolve, type PutWorker } from "./evolve.ts";
import type { RuntimeId, WorkerId } from "./ids.ts";
import { type KeyEntry, keyEntryOf, keyScopeOf, KeyTable, PURGED, purgedEntryOf } from "./keys.ts";
import { initialRuntimeState, type RuntimeState, type StateView, type WorkerState } from "./state.ts";

/** State that events are folded into, and the keys of their commands. */
abstract class Fold implements StateView {
  /** The runtime. */
  runtime: RuntimeState;
  protected readonly tables: Map<string | undefined, KeyTable> = new Map();
  protected abstract readonly put: PutWorker;
  abstract readonly workerCount: number;

  constructor(runtime: RuntimeState) {
    this.runtime = runtime;
  }

  abstract worker(workerId: WorkerId): WorkerState | undefined;

  abstract workers(): Iterable<WorkerState>;

  /** Folds one event. */
  apply(event: EventHead): void {
    const purged = event.type === "worker.purged" ? this.worker(event.workerId) : undefined;
    this.runtime = evolve(this, event, this.put);
    if (event.key === undefined) return;
    this.addKey(keyScopeOf(event), keyEntryOf(event));
    this.addKey(PURGED, purgedEntryOf(event, purged?.createdEventId));
  }

  /** Adds the key of an event. */
  addKey(scope: string | undefined, entry: KeyEntry | undefined): void {
    if (entry === undefined) return;
    let table = this.tables.get(scope);
    if (table === undefined) this.tables.set(scope, table = new KeyTable());
    table.add(entry);
  }
}

/** The durable state of a runtime and its workers. */
export class Ledger extends Fold {
  readonly #workers = new Map<WorkerId, WorkerState>();
  /** Worker ids in the order of their creation, for paging, and the events that created them. */
  readonly #order: WorkerId[] = [];
  readonly #createdEventIds: number[] = [];
  #changed = new Set<WorkerId>();
  protected override readonly put: PutWorker = (workerId, state) => {
    this.#changed.add(workerId);
    this.#setWorker(workerId, state);
  };

  /** The state before the first event. */
  constructor(runtimeId: RuntimeId) {
    super(initialRuntimeState(runtimeId));
  }

  /** The number of workers. */
  get workerCount(): number {
    return this.#order.length;
  }

  /** A worker. */
  worker(workerId: WorkerId): WorkerState | undefined {
    return this.#workers.get(workerId);
  }

  /** Workers in the order of their creation. */
  workers(): Iterable<WorkerState> {
    return this.#workers.values();
  }

  /** Returns the workers created after an event, in order; found by bisection. */
  *workersAfter(createdEventId: number): Generator<WorkerState> {
    const first = indexOfAtLeast(this.#createdEventIds, createdEventId + 1);
    for (let index = first; index < this.#order.length; index++) yield this.#at(index);
  }

  /** The keys of a worker, of purges, or (undefined) of the runtime. */
  keys(scope: string | undefined): KeyTable | undefined {
    return this.tables.get(scope);
  }

  /** Restores the runtime's part of a snapshot, replacing all state. */
  restore(runtime: RuntimeState, keys: KeyTable, purged: KeyTable): void {
    for (const table of [this.#workers, this.tables, this.#changed]) table.clear();
    for (const list of [this.#order, this.#createdEventIds]) list.length = 0;
    this.runtime = runtime;
    this.tables.set(undefined, keys);
    this.tables.set(PURGED, purged);
  }

  /** Restores a worker of a snapshot; called in the order of creation. */
  restoreWorker(state: WorkerState, keys: KeyTable | undefined): void {
    this.#setWorker(state.record.workerId, state);
    if (keys !== undefined) this.tables.set(state.record.workerId, keys);
  }

  /** Folds durable events, given as texts. Returns the number of those of unknown types. Throws `store_corrupt`. */
  replay(texts: readonly string[]): number {
    let unknown = 0;
    for (const text of texts) {
      const head = parseEventHead(text);
      if (!isKnownEvent(head)) unknown++;
      this.apply(head);
    }
    return unknown;
  }

  /** Returns the workers created, changed or purged since the last call, or since a snapshot was restored. */
  takeChanged(): ReadonlySet<WorkerId> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  /** Adds changed workers: those of a snapshot that was not saved. */
  addChanged(workerIds: Iterable<WorkerId>): void {
    for (const workerId of workerIds) this.#changed.add(workerId);
  }

  /** Adopts the state after a durable batch. */
  adopt(runtime: RuntimeState, workers: ReadonlyMap<WorkerId, WorkerState | null>): void {
    this.runtime = runtime;
    for (const [workerId, state] of workers) this.put(workerId, state ?? undefined);
  }

  #at(index: number): WorkerState {
    const workerId = this.#order[index];
    const state = workerId === undefined ? undefined : this.#workers.get(workerId);
    if (state === undefined) throw new Error(`Cannot list workers: there is none at ${index}`);
    return state;
  }

  #setWorker(workerId: WorkerId, state: WorkerState | undefined): void {
    const before = this.#workers.get(workerId);
    const isSame = before !== undefined && before.createdEventId === state?.createdEventId;
    if (before !== undefined && !isSame) this.#removeWorker(workerId);
    if (state === undefined) return;
    if (!isSame) {
      this.#order.push(workerId);
      this.#createdEventIds.push(state.createdEventId);
    }
    this.#workers.set(workerId, state);
  }

  #removeWorker(workerId: WorkerId): void {
    this.#workers.delete(workerId);
    this.tables.delete(workerId);
    const place = this.#order.indexOf(workerId);
    this.#order.splice(place, 1);
    this.#createdEventIds.splice(place, 1);
  }
}

/** The ledger after a batch of commands that is not durable yet. */
export class Draft extends Fold implements DecisionView {
  readonly #ledger: Ledger;
  /** The workers that it changes; null for one that it removes. */
  readonly #workers = new Map<WorkerId, WorkerState | null>();
  protected override readonly put: PutWorker = (workerId, state) => this.#putWorker(workerId, state);
  #workerCount: number;

  /** A draft without changes. */
  constructor(ledger: Ledger) {
    super(ledger.runtime);
    this.#ledger = ledger;
    this.#workerCount = ledger.workerCount;
  }

  /** Number of workers after the batch. */
  get workerCount(): number {
    return this.#workerCount;
  }

  /** The workers that the draft changes. */
  get touched(): ReadonlySet<WorkerId> {
    return new Set(this.#workers.keys());
  }

  /** Returns a worker after the batch. */
  worker(workerId: WorkerId): WorkerState | undefined {
    const staged = this.#workers.get(workerId);
    return staged === undefined ? this.#ledger.worker(workerId) : staged ?? undefined;
  }

  /** Iterates over all workers after the batch: those of the ledger, then new ones. */
  *workers(): Generator<WorkerState> {
    for (const { record: { workerId } } of this.#ledger.workers()) {
      const state = this.worker(workerId);
      if (state !== undefined) yield state;
    }
    for (const [workerId, state] of this.#workers) {
      if (state !== null && this.#ledger.worker(workerId) === undefined) yield state;
    }
  }

  /** Returns the entry of a key, from the ledger or this batch. */
  keyEntry(scope: string | undefined, key: string): KeyEntry | undefined {
    return this.tables.get(scope)?.get(key) ?? this.#ledgerKeys(scope)?.get(key);
  }

  /** Adopts the draft into the ledger; called once its events are durable. */
  adopt(): void {
    this.#ledger.adopt(this.runtime, this.#workers);
    for (const [scope, table] of this.tables) {
      for (const entry of table.entries()) this.#ledger.addKey(scope, entry);
    }
  }

  #putWorker(workerId: WorkerId, state: WorkerState | undefined): void {
    const isKnown = this.worker(workerId) !== undefined;
    this.#workerCount += Number(state !== undefined) - Number(isKnown);
    // A reused id moves to the end: the order of the map is the order of creation.
    if (!isKnown) this.#workers.delete(workerId);
    if (state === undefined) this.tables.delete(workerId);
    this.#workers.set(workerId, state ?? null);
  }

  /** Returns the ledger's keys of the same worker, not of an earlier one with that id. */
  #ledgerKeys(scope: string | undefined): KeyTable | undefined {
    const staged = scope === undefined ? undefined : this.#workers.get(scope as WorkerId);
    const same = staged === undefined ||
      staged?.createdEventId === this.#ledger.worker(scope as WorkerId)?.createdEventId;
    return same ? this.#ledger.keys(scope) : undefined;
  }
}

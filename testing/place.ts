/**
 * Fixtures of a test: a place, the runtimes opened there, and the assertion that an
 * operation is rejected.
 *
 * @module
 */
import { equal, fail, ok } from "./assert.ts";
import { type AnyRuntimeError, isRuntimeError, type RuntimeErrorCode } from "../src/core/errors.ts";
import type { RuntimeOptions } from "../src/core/engine.ts";
import { Runtime } from "../src/core/runtime.ts";
import type { RuntimeStore } from "../src/core/store.ts";

/** Location of one test's stores: a directory, a database, a variable. */
export interface StorePlace {
  /** Creates a store of the runtime on this place. It finds the data of closed stores of the place. */
  store(): RuntimeStore;
  /** Removes the place and all its content. The suite has closed its stores by then. */
  remove(): Promise<void>;
}

/** Registers a test, on a place for the runtime "local" unless it names another. */
export type Register = (title: string, body: (place: Place) => Promise<void>, runtimeId?: string) => void;

/** A part of the suite. */
export type Group = (test: Register) => void;

/** A place that closes the stores and runtimes opened on it. */
export class Place {
  /** The runtime whose stores are here. */
  readonly runtimeId: string;
  readonly #place: StorePlace;
  readonly #stores = new Set<RuntimeStore>();
  readonly #storeOf = new Map<Runtime, RuntimeStore>();

  /** Creates a place on which nothing is open. */
  constructor(runtimeId: string, place: StorePlace) {
    this.runtimeId = runtimeId;
    this.#place = place;
  }

  /** Creates a store, which is not open yet. */
  store(): RuntimeStore {
    const store = this.#place.store();
    this.#stores.add(store);
    return store;
  }

  /** Opens a runtime on a new store. */
  async runtime(options: Omit<RuntimeOptions, "store"> = {}): Promise<Runtime> {
    const store = this.store();
    const runtime = await Runtime.open({ ...options, store });
    this.#storeOf.set(runtime, store);
    return runtime;
  }

  /** The runtime that was opened last. */
  get newest(): Runtime {
    const runtime = [...this.#storeOf.keys()].at(-1);
    ok(runtime !== undefined, "a runtime was opened");
    return runtime;
  }

  /** Closes a runtime normally and opens it again. */
  async reopen(runtime: Runtime): Promise<Runtime> {
    await runtime.close();
    return await this.runtime();
  }

  /** Closes the store of a runtime without its knowledge, like a crash, and opens a runtime on the same place. */
  async restart(runtime: Runtime): Promise<Runtime> {
    await this.#storeOf.get(runtime)?.close();
    return await this.runtime();
  }

  /** Closes everything and removes the place. */
  async remove(): Promise<void> {
    for (const runtime of this.#storeOf.keys()) await runtime.close();
    for (const store of this.#stores) await store.close();
    await this.#place.remove();
  }
}

/** Asserts that `work` is rejected with `code`; returns the error. */
export async function refused<Code extends RuntimeErrorCode>(
  work: Promise<unknown> | (() => unknown),
  code: Code,
): Promise<Extract<AnyRuntimeError, { code: Code }>> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    if (!isRuntimeError(error)) throw error;
    equal(error.code, code, `the code of "${error.message}"`);
    ok(/^Cannot .+: .+/s.test(error.message), `the form of "${error.message}"`);
    return error as Extract<AnyRuntimeError, { code: Code }>;
  }
  fail(`nothing was refused, ${code} was expected`);
}

/** Asserts that `work` writes no event, and returns its result. */
export async function writesNothing<T>(runtime: Runtime, work: () => Promise<T>): Promise<T> {
  const before = runtime.lastEventId;
  const answer = await work();
  equal(runtime.lastEventId, before, "no event was written");
  return answer;
}

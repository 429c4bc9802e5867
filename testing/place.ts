/**
 * Fixtures of a test: a place, the runtime opened there, its workers, and the
 * assertion that an operation is rejected.
 *
 * @module
 */
import { deepEqual, equal, fail, ok } from "./assert.ts";
import { type AnyRuntimeError, isRuntimeError, type RuntimeErrorCode } from "../src/core/errors.ts";
import type { RuntimeOptions } from "../src/core/engine.ts";
import { Runtime } from "../src/core/runtime.ts";
import type { RuntimeStore } from "../src/core/store.ts";
import type { Worker } from "../src/core/worker.ts";

/** Location of one test's stores: a directory, a database, a variable. */
export interface StorePlace {
  /** Creates a store of the runtime on this place. It finds the data of closed stores of the place. */
  store(): RuntimeStore;
  /** Removes the place and all its content. The suite has closed its stores by then. */
  remove(): Promise<void>;
}

/** Tests by title. */
export type Tests<Subject = Place> = Readonly<Record<string, (subject: Subject) => Promise<unknown>>>;

/** Returns the tests of every row of a table. */
export function each<const Row, Subject = Place>(
  rows: readonly Row[],
  testsOf: (row: Row) => Tests<Subject>,
): Tests<Subject> {
  return Object.assign({}, ...rows.map(testsOf));
}

/** Returns tests that are prepared with other subjects. */
export function prepared<Subject>(
  tests: Tests<Subject>,
  prepare: (place: Place) => Promise<Subject>,
): Tests {
  const prepareEach = Object.entries(tests).map(([title, body]) =>
    [title, async (place: Place) => await body(await prepare(place))] as const
  );
  return Object.fromEntries(prepareEach);
}

/** Returns tests that begin with an open runtime and these workers. */
export function withWorkers(workerIds: readonly string[], tests: Tests): Tests {
  return prepared(tests, async (place) => {
    await place.open();
    for (const workerId of workerIds) await place.create(workerId);
    return place;
  });
}

/** A place, and the runtime that was opened last on it: the one under test. */
export class Place {
  /** The runtime whose stores are here. */
  readonly runtimeId: string;
  readonly #place: StorePlace;
  readonly #stores: RuntimeStore[] = [];
  readonly #runtimes: Runtime[] = [];

  /** Creates a place on which nothing is open. */
  constructor(runtimeId: string, place: StorePlace) {
    this.runtimeId = runtimeId;
    this.#place = place;
  }

  /** Creates a store, which is not open yet. */
  store(): RuntimeStore {
    const store = this.#place.store();
    this.#stores.push(store);
    return store;
  }

  /** Opens a runtime on a new store. */
  async open(options: Omit<RuntimeOptions, "store"> = {}): Promise<Runtime> {
    const runtime = await Runtime.open({ ...options, store: this.store() });
    this.#runtimes.push(runtime);
    return runtime;
  }

  /** The runtime that was opened last. */
  get runtime(): Runtime {
    const runtime = this.#runtimes.at(-1);
    ok(runtime !== undefined, "a runtime was opened");
    return runtime;
  }

  /** Its worker `a`. */
  get a(): Worker {
    return this.runtime.worker("a");
  }

  /** Its worker `b`. */
  get b(): Worker {
    return this.runtime.worker("b");
  }

  /** Creates a worker. */
  async create(workerId?: string): Promise<Worker> {
    return await this.runtime.createWorker({ workerId, intent: { kind: "assistant" } });
  }

  /** Closes the runtime normally and opens it again. */
  async reopen(): Promise<Runtime> {
    await this.runtime.close();
    return await this.open();
  }

  /** Closes the store of the runtime without its knowledge, like a crash, and opens the runtime again. */
  async restart(): Promise<Runtime> {
    await this.#stores.at(-1)?.close();
    return await this.open();
  }

  /** Runs a check now, after a reopen and after a restart. */
  async throughout(check: (runtime: Runtime) => unknown): Promise<void> {
    await check(this.runtime);
    await check(await this.reopen());
    await check(await this.restart());
  }

  /** Asserts that `work` writes no event, and returns its result. */
  async writesNothing<T>(work: Promise<T> | (() => Promise<T>)): Promise<T> {
    const { runtime } = this;
    const before = runtime.lastEventId;
    const answer = await (typeof work === "function" ? work() : work);
    equal(runtime.lastEventId, before, "no event was written");
    return answer;
  }

  /** Asserts that `work` is rejected with `code`, these details if given, and writes no event. */
  async rejects<Code extends RuntimeErrorCode>(
    work: Promise<unknown> | (() => unknown),
    code: Code,
    details?: object,
  ): Promise<Extract<AnyRuntimeError, { code: Code }>> {
    return await this.writesNothing(() => refused(work, code, details));
  }

  /** Closes everything and removes the place. */
  async remove(): Promise<void> {
    for (const runtime of this.#runtimes) await runtime.close();
    for (const store of this.#stores) await store.close();
    await this.#place.remove();
  }
}

/** Asserts that `work` is rejected with `code`, and these details if given; returns the error. */
export async function refused<Code extends RuntimeErrorCode>(
  work: Promise<unknown> | (() => unknown),
  code: Code,
  details?: object,
): Promise<Extract<AnyRuntimeError, { code: Code }>> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    if (!isRuntimeError(error)) throw error;
    equal(error.code, code, `the code of "${error.message}"`);
    ok(/^Cannot .+: .+/s.test(error.message), `the form of "${error.message}"`);
    if (details !== undefined) deepEqual(error.details, details);
    return error as Extract<AnyRuntimeError, { code: Code }>;
  }
  fail(`it was not rejected, ${code} was expected`);
}

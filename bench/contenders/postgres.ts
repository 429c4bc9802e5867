/**
 * This library with its PostgreSQL store: a runtime, or a host with many.
 *
 * @module
 */
import type { Runtime } from "../../mod.ts";
import {
  createSchema,
  type PostgresClient,
  PostgresRuntimeStore,
  RuntimeDirectory,
  RuntimeHost,
} from "../../postgres_store.ts";
import type { Contender, Entry, Store, StoredEvent } from "./contender.ts";
import { libraryStore, openLibrary } from "./library.ts";
import { connect, loadDriver } from "./postgres_client.ts";

// Opening a store does not include loading the driver.
await loadDriver();

/** The runtime, if there is one alone. */
export const RUNTIME_ID = "bench";

/** The runtimes of a host: worker `n` is one of runtime `n` modulo their number. */
class HostedStore implements Store {
  readonly #host: RuntimeHost;
  readonly #stores: readonly Store[];

  constructor(host: RuntimeHost, runtimes: readonly Runtime[]) {
    this.#host = host;
    this.#stores = runtimes.map((runtime) => libraryStore(runtime));
  }

  async createWorkers(count: number): Promise<void> {
    const each = Math.ceil(count / this.#stores.length);
    await Promise.all(this.#stores.map((store) => store.createWorkers(each)));
  }

  input(worker: number, content: string): Promise<number> {
    return this.#store(worker).input(this.#number(worker), content);
  }

  length(worker: number): Promise<number> {
    return this.#store(worker).length(this.#number(worker));
  }

  newestPage(worker: number, limit: number): Promise<readonly Entry[]> {
    return this.#store(worker).newestPage(this.#number(worker), limit);
  }

  pageAfter(worker: number, seq: number, limit: number): Promise<readonly Entry[]> {
    return this.#store(worker).pageAfter(this.#number(worker), seq, limit);
  }

  /** Events of the first runtime. */
  eventsAfter(id: number, limit: number): Promise<readonly StoredEvent[]> {
    return this.#store(0).eventsAfter(id, limit);
  }

  async flush(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.flush()));
  }

  async close(): Promise<void> {
    await this.#host.stop();
  }

  #store(worker: number): Store {
    return this.#stores[worker % this.#stores.length] as Store;
  }

  #number(worker: number): number {
    return Math.floor(worker / this.#stores.length);
  }
}

/** Opens all runtimes on one host. */
async function openHosted(client: PostgresClient, count: number): Promise<Store> {
  const directory = new RuntimeDirectory({ client });
  for (let index = 0; index < count; index++) await directory.add(`runtime-${index}`);
  const runtimes: Runtime[] = [];
  const allOpened = Promise.withResolvers<void>();
  const opened = (runtime: Runtime): void => {
    if (runtimes.push(runtime) === count) allOpened.resolve();
  };
  const host = await RuntimeHost.start({ client, opened });
  await allOpened.promise;
  return new HostedStore(host, runtimes);
}

/** The PostgreSQL store. Closing it leaves the pool, which ends with the process. */
export const postgresContender: Contender = {
  open: async (url) => {
    const { client, runtimes } = await connect(url);
    await createSchema(client);
    if (runtimes > 1) return await openHosted(client, runtimes);
    return await openLibrary(new PostgresRuntimeStore({ client, runtimeId: RUNTIME_ID }));
  },
};

/**
 * Search in a PostgreSQL database, which chooses the events that may match.
 *
 * @module
 */
import { Folding } from "../../core/folding.ts";
import type { WorkerId } from "../../core/ids.ts";
import type { Ledger } from "../../core/ledger.ts";
import type { BlobFacts } from "../../core/store.ts";
import type { PostgresLocation } from "../../postgres/location.ts";
import { PostgresRuntimeSource } from "../../postgres/source.ts";
import { baseCandidates } from "./base.ts";
import type { Conduct } from "./conduct.ts";
import type { Needle } from "./needle.ts";
import { type Candidates, candidatesIn, type SearchedWorker, type SearchSource } from "./source.ts";

/** The runtime in a database. */
export class SearchedRows implements SearchSource {
  readonly #source: PostgresRuntimeSource;
  readonly #ledger: Ledger;
  readonly #workers: readonly SearchedWorker[];
  readonly #through: number;
  readonly #needle: Needle;
  readonly #conduct: Conduct;

  private constructor(
    source: PostgresRuntimeSource,
    ledger: Ledger,
    workers: readonly SearchedWorker[],
    needle: Needle,
    conduct: Conduct,
  ) {
    this.#source = source;
    this.#ledger = ledger;
    this.#workers = workers;
    this.#through = ledger.runtime.lastEventId;
    this.#needle = needle;
    this.#conduct = conduct;
  }

  /** Reads the state, and chooses workers. */
  static async open(
    location: PostgresLocation,
    choose: (ledger: Ledger) => readonly SearchedWorker[],
    needle: Needle,
    conduct: Conduct,
  ): Promise<SearchedRows> {
    const source = new PostgresRuntimeSource(location);
    const { view } = await loaded(source);
    return new SearchedRows(source, view, choose(view), needle, conduct);
  }

  async *candidates(): AsyncGenerator<Candidates, void, void> {
    for (const worker of this.#workers) yield* baseCandidates(this, worker, this.#conduct);
    const byLife = new Map(this.#workers.map((worker) => [worker.createdEventId, worker]));
    // The events of few workers are found by an index; those of all are read in their order.
    const isAll = this.#workers.length === this.#ledger.workerCount;
    const ranges = isAll
      ? [{ after: 0, through: this.#through }]
      : this.#workers.map(({ createdEventId: life, length: through }) => ({ life, after: 0, through }));
    for (const range of ranges) {
      for (let { after } = range; after < range.through;) {
        const page = await this.#source.matchingEvents({ ...range, after, written: this.#needle.written });
        for (const { life, json } of page.events) {
          await this.#conduct.pause();
          const worker = byLife.get(life);
          if (worker !== undefined) yield candidatesIn(worker, json, this.#conduct);
        }
        await this.#conduct.pause();
        after = page.scanned;
      }
    }
  }

  async readBlob(workerId: WorkerId, blob: BlobFacts): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return await this.#source.readBlob(workerId, blob);
  }

  async isGone({ workerId, createdEventId }: SearchedWorker): Promise<boolean> {
    await this.#source.news(0, AbortSignal.abort());
    return this.#ledger.worker(workerId)?.createdEventId !== createdEventId;
  }

  async close(): Promise<void> {
    await this.#source.close();
  }
}

async function loaded(source: PostgresRuntimeSource): Promise<Folding> {
  const folding = new Folding(source.runtimeId);
  await source.load(folding);
  return folding;
}

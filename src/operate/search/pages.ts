/**
 * Search in an open runtime or reader of any store, page by page.
 *
 * @module
 */
import { isRuntimeError } from "../../core/errors.ts";
import type { WorkerId } from "../../core/ids.ts";
import { limits } from "../../core/limits.ts";
import { RuntimeReader } from "../../core/reader.ts";
import type { TranscriptEntry, TranscriptPage } from "../../core/reading.ts";
import type { Runtime } from "../../core/runtime.ts";
import type { BlobFacts } from "../../core/store.ts";
import type { Worker } from "../../core/worker.ts";
import type { Conduct } from "./conduct.ts";
import type { Candidates, SearchedWorker, SearchSource } from "./source.ts";

/** The part of a worker that a search reads. */
type ReadableWorker = Pick<Worker, "transcript" | "blob">;

/** An open runtime or reader. */
export class SearchedPages implements SearchSource {
  readonly #view: Runtime | RuntimeReader;
  readonly #workers: readonly SearchedWorker[];
  readonly #through: number;
  readonly #conduct: Conduct;

  /** Searches some workers. */
  constructor(view: Runtime | RuntimeReader, workers: readonly SearchedWorker[], conduct: Conduct) {
    this.#view = view;
    this.#workers = workers;
    this.#through = view.lastEventId;
    this.#conduct = conduct;
  }

  async *candidates(): AsyncGenerator<Candidates, void, void> {
    for (const worker of this.#workers) {
      for (let after = 0; after < worker.length;) {
        await this.#conduct.pause();
        const entries = await this.#page(worker, after);
        after = entries.at(-1)?.seq ?? worker.length;
        yield { worker, entries };
      }
    }
  }

  /** The entries of a page that belong to the moment of the search; none if the worker was purged since. */
  async #page(worker: SearchedWorker, after: number): Promise<readonly TranscriptEntry[]> {
    const limit = Math.min(limits.pageItemsMax, worker.length - after);
    try {
      const page: TranscriptPage = await this.#worker(worker.workerId).transcript({ after, limit });
      return page.items.filter(({ eventId }) => eventId <= this.#through);
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "store_corrupt" && error.code !== "worker_not_found") {
        throw error;
      }
      if (error.code === "store_corrupt") this.#conduct.damage(error, "transcript_damaged", worker.workerId);
      return [];
    }
  }

  async readBlob(workerId: WorkerId, blob: BlobFacts): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    // Reading needs no media type.
    return await this.#worker(workerId).blob({ ...blob, mediaType: "" });
  }

  #worker(workerId: WorkerId): ReadableWorker {
    const view = this.#view;
    if (!(view instanceof RuntimeReader)) return view.worker(workerId);
    return {
      transcript: (options) => view.transcript(workerId, options),
      blob: (ref) => view.blob(workerId, ref),
    };
  }

  async isGone({ workerId, createdEventId }: SearchedWorker): Promise<boolean> {
    if (this.#view instanceof RuntimeReader) await this.#view.refresh();
    const [state] = this.#view.workers({ after: createdEventId - 1, limit: 1 }).items;
    return state?.createdEventId !== createdEventId || state.record.workerId !== workerId;
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}

/**
 * A store in memory whose appends and blobs take as long as a scheduler wants, and
 * fail as a script wants.
 *
 * @module
 */
import { parseRuntimeId, RuntimeError, type RuntimeId, type WorkerId } from "../../../mod.ts";
import {
  type AppendBatch,
  type AppendResult,
  type BlobFacts,
  type BlobInput,
  type BlobOwner,
  type NewWorker,
  type PrunedEvents,
  type ReadEvents,
  type ReadRange,
  type RuntimeStore,
  scanEvents,
  type StoredEvents,
  type StoreHost,
  type StoreInfo,
  type StoreSupports,
} from "../../../store.ts";

/** End of an append: success, rejection without effect, or a final failure of the store. */
export type Ending = "good" | "refused" | "final";

/** The store. */
export class ScriptedStore implements RuntimeStore {
  readonly runtimeId: RuntimeId = parseRuntimeId("t");
  readonly supports: StoreSupports = { persistent: false, exclusive: false };
  /** Texts of all events that became durable. */
  readonly events: string[] = [];
  /** Sizes of the batches that became durable. */
  readonly batches: number[] = [];
  /** True if a second append was called before the first had settled. */
  overlapped = false;
  /** True if something was written after the store was lost. */
  wroteWhenLost = false;
  /** Hashes of the blobs that became durable. */
  readonly blobsPut: Set<string> = new Set();
  /** True if it was closed while an append was in progress, or used for blobs afterwards. */
  closedEarly = false;
  readonly #endings: Ending[];
  readonly #wait: () => Promise<void>;
  #host: StoreHost | undefined;
  #lost = false;
  #busy = false;
  #first = true;
  #closed = false;

  /** A store whose appends, after that of the opening, end like this, and well when the script is over. */
  constructor(endings: readonly Ending[], wait: () => Promise<void>) {
    this.#endings = [...endings];
    this.#wait = wait;
  }

  /** Loses the store. */
  lose(error: RuntimeError): void {
    this.#lost = true;
    this.#host?.lost(error);
  }

  acquire(host: StoreHost): Promise<StoreInfo> {
    this.#host = host;
    return Promise.resolve({});
  }

  async append({ expectedLastEventId, events }: AppendBatch): Promise<AppendResult> {
    if (this.#busy) this.overlapped = true;
    if (this.#lost) this.wroteWhenLost = true;
    if (expectedLastEventId !== this.events.length) throw new Error("The batch does not follow");
    this.#busy = true;
    try {
      const ending = this.#first ? "good" : this.#endings.shift() ?? "good";
      if (!this.#first) await this.#wait();
      this.#first = false;
      if (ending !== "good") throw failure(ending);
      this.events.push(...events.map(({ json }) => json));
      this.batches.push(events.length);
      return { snapshotDue: false };
    } finally {
      this.#busy = false;
    }
  }

  /** Pages of two events, as if their bytes ended them. */
  async readEvents(read: ReadEvents): Promise<StoredEvents> {
    await this.#wait();
    const page = ({ from, to, keep }: ReadRange): string[] =>
      keep === "first"
        ? this.events.slice(from - 1, Math.min(to, from + 1))
        : this.events.slice(Math.max(from - 1, to - 2), to);
    return { ...scanEvents(read, page), firstEventId: 1 };
  }

  readTranscript(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  /** Takes a turn for each chunk and one to name the blob; fails like the appends. */
  async putBlob(_: BlobOwner | NewWorker, input: BlobInput): Promise<BlobFacts> {
    for await (const _ of input) await this.#wait();
    const ending = this.#endings.shift() ?? "good";
    await this.#wait();
    if (this.#closed) this.closedEarly = true;
    if (ending !== "good") throw failure("refused");
    this.blobsPut.add(input.facts.sha256);
    return input.facts;
  }

  async discardBlobs(): Promise<void> {
    await this.#wait();
    if (this.#closed) this.closedEarly = true;
  }

  async blobSize(_: WorkerId, sha256: string): Promise<number | undefined> {
    await this.#wait();
    return this.blobsPut.has(sha256) ? 1 : undefined;
  }

  readBlob(): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return Promise.resolve(new Blob([]).stream());
  }

  blobs(): Promise<readonly BlobFacts[]> {
    return Promise.resolve([]);
  }

  removeBlobs(): Promise<void> {
    return Promise.resolve();
  }

  async saveSnapshot(): Promise<void> {
    if (this.#lost) this.wroteWhenLost = true;
    await this.#wait();
  }

  prune(): Promise<PrunedEvents> {
    return Promise.resolve({ firstEventId: 1, events: 0, bytes: 0 });
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    if (this.#busy) this.closedEarly = true;
    this.#closed = true;
    return Promise.resolve();
  }
}

function failure(ending: "refused" | "final"): RuntimeError {
  return ending === "refused"
    ? new RuntimeError("store_io", "Cannot write: scripted", {
      operation: "write",
      path: "",
      systemCode: "EIO",
    })
    : new RuntimeError("store_poisoned", "Cannot write: scripted", { file: "", reason: "scripted" });
}

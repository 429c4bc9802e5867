/**
 * The memory store. It requires no permission, and keeps its content as long
 * as its storage is referenced.
 *
 * @module
 */
import { indexOfAtLeast } from "../core/bisection.ts";
import { scanEvents } from "../core/event_scan.ts";
import { blobMissing, fencedAppend, RuntimeError, storeClosed } from "../core/errors.ts";
import type { EventRecord } from "../core/event_types.ts";
import { parseRuntimeId, type RuntimeId, type WorkerId } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { workerNotFound } from "../core/rules.ts";
import { fittingCount } from "../core/text.ts";
import type {
  AppendBatch,
  AppendResult,
  BlobFacts,
  BlobInput,
  BlobOwner,
  NewWorker,
  PrunedEvents,
  PruneEvents,
  ReadEvents,
  ReadRange,
  ReadTranscript,
  RuntimeStore,
  Snapshot,
  StoredEvents,
  StoreHost,
  StoreInfo,
  StoreSupports,
} from "../core/store.ts";
import { EventTexts } from "./event_texts.ts";

/** Options of {@linkcode MemoryRuntimeStore}. */
export interface MemoryStoreOptions {
  /** The runtime to keep: 1 to 80 bytes of UTF-8. */
  readonly runtimeId: string;
  /** Storage that outlives the store. @default new storage */
  readonly storage?: MemoryStorage | undefined;
}

/** Content of memory stores; outlives them. */
export class MemoryStorage {
  /** Runtimes by id. For {@linkcode MemoryRuntimeStore}. */
  readonly runtimes: Map<RuntimeId, MemoryRuntime> = new Map();
}

/** Content of one runtime. */
export interface MemoryRuntime {
  /** The texts of all events; the event with id 1 first. */
  readonly events: EventTexts;
  /** By worker, in order: event id and last sequence of each event that adds to its transcript. */
  readonly transcripts: Map<WorkerId, { readonly eventIds: number[]; readonly lastSeqs: number[] }>;
  /** Blobs by worker and hash, and the events that created the workers. */
  readonly blobs: Map<WorkerId, { readonly createdEventId: number; readonly kept: Map<string, Uint8Array> }>;
  /** True while a store has it open. */
  open: boolean;
}

const supports: StoreSupports = Object.freeze({ persistent: false, exclusive: true });

/** A {@linkcode RuntimeStore} in memory. */
export class MemoryRuntimeStore implements RuntimeStore {
  /** The runtime that the store keeps. */
  readonly runtimeId: RuntimeId;
  /** Capabilities. */
  readonly supports: StoreSupports = supports;
  readonly #kept: MemoryRuntime;
  /** Blobs of workers that are yet to be created, by creation. */
  readonly #unadopted = new Map<number, Map<string, Uint8Array>>();
  #state: "new" | "open" | "closed" = "new";
  /** Error of every further append. */
  #fence: RuntimeError<"store_fenced"> | undefined;

  /** Creates a store. Throws `invalid_request`. */
  constructor(options: MemoryStoreOptions) {
    this.runtimeId = parseRuntimeId(options.runtimeId);
    const { runtimes } = options.storage ?? new MemoryStorage();
    this.#kept = runtimes.get(this.runtimeId) ??
      { events: new EventTexts(), transcripts: new Map(), blobs: new Map(), open: false };
    runtimes.set(this.runtimeId, this.#kept);
  }

  /** Opens the store and pushes all events. Throws `store_locked` while another store has the runtime open. */
  acquire(host: StoreHost): Promise<StoreInfo> {
    return this.#attempt(() => {
      if (this.#kept.open) throw lockedError(this.runtimeId);
      const { events } = this.#kept;
      for (let index = 0; index < events.length; index += limits.batchEventsMax) {
        host.replay(events.slice(index, index + limits.batchEventsMax));
      }
      this.#kept.open = true;
      this.#state = "open";
      return {};
    }, "new");
  }

  /** Appends a batch. Throws `store_fenced` for one that does not follow the last event, and for every later one. */
  append(batch: AppendBatch): Promise<AppendResult> {
    return this.#attempt(() => {
      const [after, last] = [batch.expectedLastEventId, this.#kept.events.length];
      if (after !== last) this.#fence ??= fencedAppend(after, last);
      if (this.#fence !== undefined) throw this.#fence;
      this.#kept.events.add(batch.events.map(({ json }) => json));
      for (const record of batch.events) this.#keep(record);
      return { snapshotDue: false };
    });
  }

  /** A page of events. */
  readEvents(read: ReadEvents): Promise<StoredEvents> {
    return this.#attempt(() => {
      const { events } = this.#kept;
      const range = { ...read, from: Math.max(1, read.from), to: Math.min(read.to, events.length) };
      const texts = ({ from, to, keep }: ReadRange) => bounded(events.slice(from - 1, to), keep);
      return { ...scanEvents(range, texts), firstEventId: 1 };
    });
  }

  /** The events that hold a page of a transcript. */
  readTranscript({ workerId, from, to, keep }: ReadTranscript): Promise<readonly string[]> {
    return this.#attempt(() => {
      const { eventIds, lastSeqs } = this.#kept.transcripts.get(workerId) ?? { eventIds: [], lastSeqs: [] };
      if (from > to) return [];
      const page = eventIds.slice(indexOfAtLeast(lastSeqs, from), indexOfAtLeast(lastSeqs, to) + 1);
      return bounded(page.flatMap((id) => this.#kept.events.slice(id - 1, id)), keep);
    });
  }

  /** Keeps a blob. Throws `worker_not_found` for a worker that was purged. */
  async putBlob(owner: BlobOwner | NewWorker, input: BlobInput): Promise<BlobFacts> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    // Not slice(): that of a Buffer is a view.
    for await (const chunk of input) parts.push(new Uint8Array(chunk));
    const all = new Uint8Array(await new Blob(parts).arrayBuffer());
    return await this.#attempt(() => {
      this.#blobsOf(owner).set(input.facts.sha256, all);
      return input.facts;
    });
  }

  /** Removes the blobs of a creation that was not appended. */
  discardBlobs({ creation }: NewWorker): Promise<void> {
    return this.#attempt(() => void this.#unadopted.delete(creation));
  }

  /** Size of a blob in bytes; `undefined` if there is none. */
  blobSize(workerId: WorkerId, sha256: string): Promise<number | undefined> {
    return this.#attempt(() => this.#kept.blobs.get(workerId)?.kept.get(sha256)?.length);
  }

  /** Bytes of a blob. Throws `blob_missing`. */
  readBlob(
    workerId: WorkerId,
    { sha256, bytes }: BlobFacts,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return this.#attempt(() => {
      const found = this.#kept.blobs.get(workerId)?.kept.get(sha256);
      if (found?.length !== bytes) throw blobMissing(workerId, sha256);
      return new Blob([found.slice()]).stream();
    });
  }

  /** Blobs of a worker. */
  blobs(workerId: WorkerId): Promise<readonly BlobFacts[]> {
    return this.#attempt(() => {
      const kept = this.#kept.blobs.get(workerId)?.kept ?? new Map<string, Uint8Array>();
      return Array.from(kept, ([sha256, { length: bytes }]) => ({ sha256, bytes }));
    });
  }

  /** Removes blobs of a worker. */
  removeBlobs(workerId: WorkerId, hashes: readonly string[]): Promise<void> {
    return this.#attempt(() => {
      for (const sha256 of hashes) this.#kept.blobs.get(workerId)?.kept.delete(sha256);
    });
  }

  /** Does nothing: a memory store is never slow to open. */
  saveSnapshot(_snapshot: Snapshot): Promise<void> {
    return this.#attempt(() => undefined);
  }

  /** Deletes nothing: without snapshots every event is needed. */
  prune(_prune: PruneEvents): Promise<PrunedEvents> {
    return this.#attempt(() => ({ firstEventId: 1, events: 0, bytes: 0 }));
  }

  /** Does nothing: nothing is buffered. */
  flush(): Promise<void> {
    return this.#attempt(() => undefined);
  }

  /** Releases the storage, which keeps its content. Idempotent. */
  close(): Promise<void> {
    if (this.#state === "open") this.#kept.open = false;
    this.#state = "closed";
    return Promise.resolve();
  }

  /** Throws `worker_not_found` for a worker that was purged. */
  #blobsOf(owner: BlobOwner | NewWorker): Map<string, Uint8Array> {
    const { workerId } = owner;
    if ("creation" in owner) {
      const unadopted = this.#unadopted.get(owner.creation) ?? new Map();
      this.#unadopted.set(owner.creation, unadopted);
      return unadopted;
    }
    const blobs = this.#kept.blobs.get(workerId);
    if (blobs?.createdEventId !== owner.createdEventId) throw workerNotFound(workerId, "put blob");
    return blobs.kept;
  }

  #keep({ id, workerId, creates, adopts = 0, purges, seq, count = 0 }: EventRecord): void {
    const { transcripts, blobs } = this.#kept;
    if (workerId === undefined) return;
    if (creates) {
      blobs.set(workerId, { createdEventId: id, kept: this.#unadopted.get(adopts) ?? new Map() });
      this.#unadopted.delete(adopts);
    }
    if (purges) {
      transcripts.delete(workerId);
      blobs.delete(workerId);
    }
    if (seq === undefined) return;
    let transcript = transcripts.get(workerId);
    if (transcript === undefined) transcripts.set(workerId, transcript = { eventIds: [], lastSeqs: [] });
    transcript.eventIds.push(id);
    transcript.lastSeqs.push(seq + count - 1);
  }

  #attempt<T>(work: () => T, state = "open"): Promise<T> {
    try {
      if (this.#state === "closed") throw storeClosed(this.runtimeId);
      if (this.#state !== state) throw new TypeError(`Cannot use store: it is ${this.#state}, not ${state}`);
      return Promise.resolve(work());
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

/** As many texts as fit a page, from the end that is kept; at least one. */
function bounded(texts: readonly string[], keep: ReadRange["keep"]): readonly string[] {
  if (keep === "first") return texts.slice(0, fittingCount(texts, limits.pageBytesMax));
  return texts.slice(texts.length - fittingCount(texts.toReversed(), limits.pageBytesMax));
}

function lockedError(runtimeId: RuntimeId): RuntimeError<"store_locked"> {
  const message = `Cannot open store of runtime ${
    JSON.stringify(runtimeId)
  }: this process has it open already`;
  return new RuntimeError("store_locked", message, { path: "memory", owner: "this process" });
}

// A memory store whose operations a test can script.

import type { EventRecord } from "../../src/core/event_types.ts";
import type { RuntimeId, WorkerId } from "../../src/core/ids.ts";
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
  ReadTranscript,
  RuntimeStore,
  Snapshot,
  StoredEvents,
  StoreHost,
  StoreInfo,
  StoreSupports,
} from "../../src/core/store.ts";
import { MemoryRuntimeStore, MemoryStorage } from "../../src/memory/memory_store.ts";

/** Operations that replace those of the memory store. */
export interface Script {
  append?(batch: AppendBatch, keep: () => Promise<AppendResult>): Promise<AppendResult>;
  acquire?(host: StoreHost, acquire: (host: StoreHost) => Promise<StoreInfo>): Promise<StoreInfo>;
  readEvents?(read: ReadEvents, page: () => Promise<StoredEvents>): Promise<StoredEvents>;
  readTranscript?(read: ReadTranscript, page: () => Promise<readonly string[]>): Promise<readonly string[]>;
  saveSnapshot?(snapshot: Snapshot): Promise<void>;
  prune?(prune: PruneEvents): Promise<PrunedEvents>;
  putBlob?(owner: BlobOwner | NewWorker, input: BlobInput, put: () => Promise<BlobFacts>): Promise<BlobFacts>;
  discardBlobs?(discard: () => Promise<void>): Promise<void>;
  removeBlobs?(remove: () => Promise<void>): Promise<void>;
  blobSize?(sha256: string, size: () => Promise<number | undefined>): Promise<number | undefined>;
  flush?(): Promise<void>;
  close?(): Promise<void>;
}

export class ScriptedStore implements RuntimeStore {
  /** The batches that were to be appended. */
  readonly batches: (readonly EventRecord[])[] = [];
  /** Number of calls of `close`. */
  closings = 0;
  /** The runtime that opened it. */
  host: StoreHost | undefined;
  /** Operations that differ from a memory store's. */
  script: Script;
  readonly #memory: MemoryRuntimeStore;

  constructor(script: Script = {}, storage: MemoryStorage = new MemoryStorage()) {
    this.script = script;
    this.#memory = new MemoryRuntimeStore({ runtimeId: "local", storage });
  }

  get runtimeId(): RuntimeId {
    return this.#memory.runtimeId;
  }

  get supports(): StoreSupports {
    return this.#memory.supports;
  }

  async acquire(host: StoreHost): Promise<StoreInfo> {
    this.host = host;
    const acquire = (host: StoreHost): Promise<StoreInfo> => this.#memory.acquire(host);
    const info = await (this.script.acquire?.(host, acquire) ?? acquire(host));
    return { displayName: "Scripted", ...info };
  }

  append(batch: AppendBatch): Promise<AppendResult> {
    this.batches.push(batch.events);
    const keep = (): Promise<AppendResult> => this.#memory.append(batch);
    return this.script.append?.(batch, keep) ?? keep();
  }

  readEvents(read: ReadEvents): Promise<StoredEvents> {
    const page = (): Promise<StoredEvents> => this.#memory.readEvents(read);
    return this.script.readEvents?.(read, page) ?? page();
  }

  readTranscript(read: ReadTranscript): Promise<readonly string[]> {
    const page = (): Promise<readonly string[]> => this.#memory.readTranscript(read);
    return this.script.readTranscript?.(read, page) ?? page();
  }

  saveSnapshot(snapshot: Snapshot): Promise<void> {
    return this.script.saveSnapshot?.(snapshot) ?? Promise.resolve();
  }

  prune(prune: PruneEvents): Promise<PrunedEvents> {
    return this.script.prune?.(prune) ?? this.#memory.prune(prune);
  }

  putBlob(owner: BlobOwner | NewWorker, input: BlobInput): Promise<BlobFacts> {
    const put = (): Promise<BlobFacts> => this.#memory.putBlob(owner, input);
    return this.script.putBlob?.(owner, input, put) ?? put();
  }

  discardBlobs(owner: NewWorker): Promise<void> {
    const discard = (): Promise<void> => this.#memory.discardBlobs(owner);
    return this.script.discardBlobs?.(discard) ?? discard();
  }

  blobSize(workerId: WorkerId, sha256: string): Promise<number | undefined> {
    const size = (): Promise<number | undefined> => this.#memory.blobSize(workerId, sha256);
    return this.script.blobSize?.(sha256, size) ?? size();
  }

  readBlob(workerId: WorkerId, blob: BlobFacts): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return this.#memory.readBlob(workerId, blob);
  }

  blobs(workerId: WorkerId): Promise<readonly BlobFacts[]> {
    return this.#memory.blobs(workerId);
  }

  removeBlobs(workerId: WorkerId, hashes: readonly string[]): Promise<void> {
    const remove = (): Promise<void> => this.#memory.removeBlobs(workerId, hashes);
    return this.script.removeBlobs?.(remove) ?? remove();
  }

  flush(): Promise<void> {
    return this.script.flush?.() ?? this.#memory.flush();
  }

  async close(): Promise<void> {
    this.closings++;
    await this.script.close?.();
    await this.#memory.close();
  }
}

/** A gate: those who wait for it go on when it is opened. */
export class Gate {
  readonly #gate = Promise.withResolvers<void>();

  get passed(): Promise<void> {
    return this.#gate.promise;
  }

  open(): void {
    this.#gate.resolve();
  }
}

/** Some turns of the event loop: enough for everything that is ready. */
export async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** The listeners of a signal. */
export function listenersOf(signal: AbortSignal): Set<unknown> {
  const listeners = new Set<unknown>();
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => (listeners.add(args[1]), add(...args));
  signal.removeEventListener = (
    ...args: Parameters<typeof remove>
  ) => (listeners.delete(args[1]), remove(...args));
  return listeners;
}

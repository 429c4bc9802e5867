// A store that does what a test tells it: a memory store behind a script for its appends and its closing.

import type { EventRecord } from "../../src/core/event_types.ts";
import type { RuntimeId } from "../../src/core/ids.ts";
import type {
  AppendBatch,
  AppendResult,
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

/** What a test may put in the place of what the memory store does. */
export interface Script {
  append?(batch: AppendBatch, keep: () => Promise<AppendResult>): Promise<AppendResult>;
  acquire?(host: StoreHost, acquire: (host: StoreHost) => Promise<StoreInfo>): Promise<StoreInfo>;
  readEvents?(read: ReadEvents, page: () => Promise<StoredEvents>): Promise<StoredEvents>;
  readTranscript?(read: ReadTranscript, page: () => Promise<readonly string[]>): Promise<readonly string[]>;
  saveSnapshot?(snapshot: Snapshot): Promise<void>;
  prune?(prune: PruneEvents): Promise<PrunedEvents>;
  flush?(): Promise<void>;
  close?(): Promise<void>;
}

export class ScriptedStore implements RuntimeStore {
  /** The batches that were appended, or tried to. */
  readonly batches: (readonly EventRecord[])[] = [];
  /** How often it was closed. */
  closings = 0;
  /** The runtime that opened it. */
  host: StoreHost | undefined;
  /** What to do otherwise than a memory store. */
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

  flush(): Promise<void> {
    return this.script.flush?.() ?? this.#memory.flush();
  }

  async close(): Promise<void> {
    this.closings++;
    await this.script.close?.();
    await this.#memory.close();
  }
}

/** A gate: what waits for it goes on when it is opened. */
export class Gate {
  readonly #gate = Promise.withResolvers<void>();

  get passed(): Promise<void> {
    return this.#gate.promise;
  }

  open(): void {
    this.#gate.resolve();
  }
}

/** Some turns of the event loop: long enough for all that needs no further help. */
export async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** The listeners that a signal has. */
export function listenersOf(signal: AbortSignal): Set<unknown> {
  const listeners = new Set<unknown>();
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => (listeners.add(args[1]), add(...args));
  signal.removeEventListener = (
    ...args: Parameters<typeof remove>
  ) => (listeners.delete(args[1]), remove(...args));
  return listeners;
}

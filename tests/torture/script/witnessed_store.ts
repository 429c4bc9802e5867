/**
 * A store as the runtime sees it, observed at its interface.
 *
 * @module
 */
import { type FileSpot, isRuntimeError, type WorkerId } from "../../../mod.ts";
import type {
  AppendBatch,
  AppendResult,
  BlobFacts,
  BlobInput,
  BlobOwner,
  LoadedSnapshot,
  NewWorker,
  PrunedEvents,
  PruneEvents,
  ReadEvents,
  ReadTranscript,
  RuntimeStore,
  Snapshot,
  SnapshotPart,
  StoredEvents,
  StoreHost,
  StoreInfo,
  StoreSupports,
} from "../../../store.ts";
import type { History } from "./history.ts";

/** Forwards everything and records it in the history. */
export class WitnessedStore implements RuntimeStore {
  readonly #store: Required<RuntimeStore>;
  readonly #history: History;

  constructor(store: Required<RuntimeStore>, history: History) {
    this.#store = store;
    this.#history = history;
  }

  get runtimeId(): RuntimeStore["runtimeId"] {
    return this.#store.runtimeId;
  }

  get supports(): StoreSupports {
    return this.#store.supports;
  }

  async acquire(host: StoreHost): Promise<StoreInfo> {
    let snapshot: LoadedSnapshot | undefined;
    const texts: string[] = [];
    const info = await this.#store.acquire({
      view: host.view,
      restore: (loaded) => host.restore(snapshot = loaded),
      replay: (chunk) => {
        texts.push(...chunk);
        host.replay(chunk);
      },
      notice: (notice) => host.notice(notice),
      lost: (error) => host.lost(error),
    });
    this.#history.loaded(snapshot && { through: snapshot.through, text: textOf(snapshot) }, texts);
    return info;
  }

  admits(workerId: WorkerId): void {
    this.#store.admits(workerId);
  }

  spotOf(eventId: number): FileSpot {
    return this.#store.spotOf(eventId);
  }

  async append(batch: AppendBatch): Promise<AppendResult> {
    this.#history.issue(batch.events);
    try {
      const result = await this.#store.append(batch);
      this.#history.acknowledge();
      return result;
    } catch (error) {
      const forGood = !isRuntimeError(error) || error.code === "store_poisoned" ||
        error.code === "store_vanished";
      this.#history.refuse(forGood);
      throw error;
    }
  }

  readEvents(read: ReadEvents): Promise<StoredEvents> {
    return this.#store.readEvents(read);
  }

  readTranscript(read: ReadTranscript): Promise<readonly string[]> {
    return this.#store.readTranscript(read);
  }

  async putBlob(owner: BlobOwner | NewWorker, input: BlobInput): Promise<BlobFacts> {
    const facts = await this.#store.putBlob(owner, this.#written(owner, input));
    this.#history.blob("kept", owner, facts.sha256);
    return facts;
  }

  /** The same bytes; their end is recorded. */
  #written(owner: BlobOwner | NewWorker, input: BlobInput): BlobInput {
    const history = this.#history;
    return {
      get facts(): BlobFacts {
        return input.facts;
      },
      async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
        yield* input;
        history.blob("written", owner, input.facts.sha256);
      },
    };
  }

  discardBlobs(owner: NewWorker): Promise<void> {
    return this.#store.discardBlobs(owner);
  }

  blobSize(workerId: WorkerId, sha256: string): Promise<number | undefined> {
    return this.#store.blobSize(workerId, sha256);
  }

  readBlob(workerId: WorkerId, blob: BlobFacts): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return this.#store.readBlob(workerId, blob);
  }

  blobs(workerId: WorkerId): Promise<readonly BlobFacts[]> {
    return this.#store.blobs(workerId);
  }

  removeBlobs(workerId: WorkerId, hashes: readonly string[]): Promise<void> {
    this.#history.removeBlobs(workerId, hashes);
    return this.#store.removeBlobs(workerId, hashes);
  }

  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    const { through } = snapshot;
    await this.#store.saveSnapshot({ ...snapshot, workers: this.#recorded(snapshot) });
    this.#history.sync(through);
  }

  /** The parts of a snapshot, which is in the history before the store has received its last part. */
  async *#recorded({ through, runtimeJson, workers }: Snapshot): AsyncGenerator<SnapshotPart> {
    const parts: string[] = [];
    for await (const part of workers) {
      parts.push(part.json);
      yield part;
    }
    this.#history.snapshot(through, textOf({ runtimeJson, workers: parts }));
  }

  prune(prune: PruneEvents): Promise<PrunedEvents> {
    if (!prune.dryRun) this.#history.prune(prune.through);
    return this.#store.prune(prune);
  }

  flush(): Promise<void> {
    return this.#store.flush();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

function textOf(snapshot: { readonly runtimeJson: string; readonly workers: Iterable<string> }): string {
  return `${snapshot.runtimeJson}\n${[...snapshot.workers].join("\n")}`;
}

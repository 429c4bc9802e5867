/**
 * Blobs of an open runtime: puts them, and moves large content of entries into
 * them before it is committed.
 *
 * @module
 */
import type { BlobRef } from "./blob_ref.ts";
import { checkText } from "./commands.ts";
import type { EntryTexts } from "./entries.ts";
import { blobMissing, invalidRequest } from "./errors.ts";
import type { WorkerId } from "./ids.ts";
import { limits } from "./limits.ts";
import type { BlobOwner, RuntimeStore } from "./store.ts";
import { untilAborted } from "./until_aborted.ts";

/** Bytes of a blob. */
export type BlobSource =
  | Uint8Array
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>;

/** One life of a worker. */
interface Life {
  readonly workerId: WorkerId;
  readonly life: number;
}

/** Media type of content that is kept as a blob. */
const CONTENT_TYPE = "application/json";
const encoder = new TextEncoder();

/** The blobs of a runtime. */
export class RuntimeBlobs {
  readonly #store: RuntimeStore;
  /** Blobs that were put or used since the opening: those are never removed. */
  readonly #used = new Map<WorkerId, { readonly life: number; readonly hashes: Set<string> }>();

  readonly #ending: AbortSignal;

  /** Creates the blobs of a store; `ending` ends the reading of streams that may stall. */
  constructor(store: RuntimeStore, ending: AbortSignal) {
    this.#store = store;
    this.#ending = ending;
  }

  /** Puts a blob. */
  async put(
    { workerId, life }: Life,
    source: BlobSource,
    mediaType = "application/octet-stream",
  ): Promise<BlobRef> {
    checkText(mediaType, "put blob", "mediaType", limits.nameBytesMax);
    const owner: BlobOwner = { workerId, createdEventId: life };
    const { sha256, bytes } = await this.#store.putBlob(owner, chunksOf(source, this.#ending));
    this.#usedBy({ workerId, life }).add(sha256);
    return { sha256, bytes, mediaType };
  }

  /** True if entries need no blob that is yet to be put or looked up. */
  isReady(owner: Life, entries: EntryTexts): boolean {
    if (entries.oversized().length > 0) return false;
    if (entries.blobs.length === 0) return true;
    const used = this.#usedBy(owner);
    return entries.blobs.every(({ sha256 }) => used.has(sha256));
  }

  /** Moves large content into blobs, and checks that the blobs that entries refer to exist. */
  async prepare(owner: Life, entries: EntryTexts): Promise<void> {
    const used = this.#usedBy(owner);
    for (const { sha256, bytes } of entries.blobs) {
      if (used.has(sha256)) continue;
      const size = await this.#store.blobSize(owner.workerId, sha256);
      if (size !== bytes) throw blobMissing(owner.workerId, sha256);
      used.add(sha256);
    }
    for (const index of entries.oversized()) {
      const bytes = encoder.encode(entries.content(index));
      entries.replace(index, await this.put(owner, bytes, CONTENT_TYPE));
    }
  }

  /** Forgets a purged worker. */
  forget(workerId: WorkerId): void {
    this.#used.delete(workerId);
  }

  #usedBy({ workerId, life }: Life): Set<string> {
    let used = this.#used.get(workerId);
    if (used?.life !== life) this.#used.set(workerId, used = { life, hashes: new Set() });
    return used.hashes;
  }
}

/** The bytes of a source. A stream, which may stall, ends when `ending` aborts. */
function chunksOf(source: BlobSource, ending: AbortSignal): AsyncIterable<Uint8Array> {
  if (source instanceof Uint8Array) return oneChunk(source.slice());
  if (source instanceof Blob) return untilAborted(source.stream(), ending);
  if (typeof source === "object" && source !== null && Symbol.asyncIterator in source) {
    return untilAborted(checked(source), ending);
  }
  throw invalidRequest("put blob", "a Uint8Array, a Blob or a stream of bytes is needed");
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* checked(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) throw invalidRequest("put blob", "a chunk is not a Uint8Array");
    yield chunk;
  }
}

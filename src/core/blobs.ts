/**
 * Blobs of an open runtime: puts them, and moves large content of entries into
 * them before it is committed.
 *
 * @module
 */
import type { BlobRef } from "./blob_ref.ts";
import { HashedInput } from "./blob_stream.ts";
import { checkText } from "./commands.ts";
import type { EntryTexts } from "./entries.ts";
import { blobMissing, invalidRequest } from "./errors.ts";
import type { WorkerId } from "./ids.ts";
import { limits } from "./limits.ts";
import type { BlobFacts, NewWorker, RuntimeStore } from "./store.ts";
import { untilAborted } from "./until_aborted.ts";

/** Bytes of a blob: all of them, which are copied at once, or a stream of chunks, which is read once. */
export type BlobSource =
  | Uint8Array
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>;

/** One life of a worker. */
export interface Life {
  /** The worker. */
  readonly workerId: WorkerId;
  /** The event that created it. */
  readonly life: number;
}

/** Media type of content that is kept as a blob. */
const CONTENT_TYPE = "application/json";
const encoder = new TextEncoder();

/** The blobs of a runtime. */
export class RuntimeBlobs {
  readonly #store: RuntimeStore;
  /**
   * Blobs that were put or referred to since the opening: those are never
   * removed. True if the blob is known to exist.
   */
  readonly #used = new Map<WorkerId, { readonly life: number; readonly hashes: Map<string, boolean> }>();
  /** Removals in progress, by worker. */
  readonly #removing = new Map<WorkerId, Promise<unknown>>();
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
    const used = this.#usedBy({ workerId, life });
    const input = new HashedInput(
      chunksOf(source, this.#ending),
      ({ sha256 }) => this.#use(workerId, used, sha256),
      this.#store.newHash?.(),
    );
    const { sha256, bytes } = await this.#store.putBlob({ workerId, createdEventId: life }, input);
    used.set(sha256, true);
    return { sha256, bytes, mediaType };
  }

  /** True if entries need no blob that is yet to be put or looked up. */
  isReady(owner: Life | NewWorker, entries: EntryTexts): boolean {
    if (entries.oversized().length > 0) return false;
    if (entries.blobs.length === 0 || "creation" in owner) return true;
    const used = this.#usedBy(owner);
    return entries.blobs.every(({ sha256 }) => used.get(sha256));
  }

  /** Moves large content into blobs, and checks that the blobs that entries refer to exist. */
  async prepare(owner: Life | NewWorker, entries: EntryTexts): Promise<void> {
    if (!("creation" in owner)) await this.#find(owner, entries.blobs);
    for (const index of entries.oversized()) {
      const bytes = encoder.encode(entries.content(index));
      const put = "creation" in owner
        ? { ...await this.putNew(owner, piecesOf(bytes)), mediaType: CONTENT_TYPE }
        : await this.put(owner, bytes, CONTENT_TYPE);
      entries.replace(index, put);
    }
  }

  /** Puts a blob for a worker that is yet to be created. It has no removals to be protected from. */
  async putNew(owner: NewWorker, chunks: AsyncIterable<Uint8Array>): Promise<BlobFacts> {
    return await this.#store.putBlob(owner, new HashedInput(chunks, undefined, this.#store.newHash?.()));
  }

  /** Throws unless the worker has these blobs, which are protected from now on. */
  async #find(owner: Life, blobs: readonly BlobRef[]): Promise<void> {
    const { workerId } = owner;
    const used = this.#usedBy(owner);
    for (const { sha256, bytes } of blobs) {
      if (used.get(sha256)) continue;
      await this.#use(workerId, used, sha256);
      const size = await this.#store.blobSize(workerId, sha256);
      if (size !== bytes) throw blobMissing(workerId, sha256);
      used.set(sha256, true);
    }
  }

  /**
   * Removes the blobs of a worker that are neither referred to nor used since
   * the opening, and returns them; with `dryRun`, removes none. `references` are
   * the blobs that its transcript refers to; `assertCurrent` throws unless the
   * worker still exists.
   */
  async removeUnreferenced(
    owner: Life,
    references: ReadonlySet<string>,
    dryRun: boolean,
    assertCurrent: () => void,
  ): Promise<BlobFacts[]> {
    const { workerId } = owner;
    const kept = await this.#store.blobs(workerId);
    while (this.#removing.has(workerId)) await this.#removing.get(workerId);
    assertCurrent();
    // No other call runs between here and the beginning of the removal.
    const used = this.#usedBy(owner);
    const found = kept.filter(({ sha256 }) => !references.has(sha256) && !used.has(sha256));
    if (dryRun || found.length === 0) return found;
    const removing = this.#store.removeBlobs(workerId, found.map(({ sha256 }) => sha256));
    this.#removing.set(workerId, removing.catch(() => {}));
    await removing.finally(() => this.#removing.delete(workerId));
    return found;
  }

  /** Forgets a purged worker. */
  forget(workerId: WorkerId): void {
    this.#used.delete(workerId);
  }

  /** Protects a blob from being removed, and waits for a removal that may have chosen it before. */
  async #use(workerId: WorkerId, used: Map<string, boolean>, sha256: string): Promise<void> {
    if (!used.has(sha256)) used.set(sha256, false);
    await this.#removing.get(workerId);
  }

  #usedBy({ workerId, life }: Life): Map<string, boolean> {
    const known = this.#used.get(workerId);
    if (known?.life === life) return known.hashes;
    const hashes = new Map<string, boolean>();
    // A handle of an earlier worker with the id must not replace those of the current one.
    if (known === undefined || known.life < life) this.#used.set(workerId, { life, hashes });
    return hashes;
  }
}

/** The bytes of a source. A stream, which may stall, ends when `ending` aborts. */
function chunksOf(source: BlobSource, ending: AbortSignal): AsyncIterable<Uint8Array> {
  // Not slice(): that of a Buffer is a view.
  if (source instanceof Uint8Array) return piecesOf(new Uint8Array(source));
  if (source instanceof Blob) return untilAborted(source.stream(), ending);
  if (typeof source === "object" && source !== null && Symbol.asyncIterator in source) {
    return untilAborted(checked(source), ending);
  }
  throw invalidRequest("put blob", "a Uint8Array, a Blob or a stream of bytes is needed");
}

/** Bytes that are hashed and written at a time. */
const PIECE_BYTES = 262_144;

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** Copies of the chunks, each valid until the next one: the caller may change its own between the hash and the write. */
async function* checked(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const copy = new Uint8Array(PIECE_BYTES);
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) throw invalidRequest("put blob", "a chunk is not a Uint8Array");
    for await (const piece of piecesOf(chunk)) {
      copy.set(piece);
      yield copy.subarray(0, piece.length);
    }
  }
}

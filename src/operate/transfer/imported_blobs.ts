/**
 * The blobs of an import: their bytes are checked and written as they arrive, and
 * each must be one that the event after it refers to first. Methods throw
 * `store_corrupt`.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { Buffer } from "node:buffer";
import { INDEX_BYTES_MAX, parseIndex } from "../../core/fork_base.ts";
import { limits } from "../../core/limits.ts";
import type { WorkerId } from "../../core/ids.ts";
import type { BlobFacts } from "../../core/store.ts";
import { corrupt } from "../../fs/disk/faults.ts";
import { type BlobPiece, bytesOf } from "./blob_lines.ts";
import type { ImportedBlob, ImportWriter } from "./import_target.ts";

/** The first reference to each blob. */
function distinct(refs: readonly BlobFacts[]): BlobFacts[] {
  return [...new Map(refs.toReversed().map((ref) => [ref.sha256, ref])).values()].reverse();
}

/** A blob whose pieces are arriving. */
interface Arriving extends BlobFacts {
  readonly workerId: string;
  readonly hash: Hash;
  readonly blob: ImportedBlob | undefined;
  offset: number;
}

/** The blobs of one import. */
export class ImportedBlobs {
  readonly #writer: ImportWriter | undefined;
  readonly #createdEventIdOf: (workerId: string) => number;
  /** Sizes of the blobs of each worker. */
  readonly #kept = new Map<string, Map<string, number>>();
  /** Blobs that the stream does not have, of workers that have to be purged later in it. */
  readonly #missing = new Map<string, Set<string>>();
  /** The bytes of the first blob that waits, which may be the index of a base. */
  #first: Uint8Array[] = [];
  /** Complete blobs that wait for the event that refers to them. */
  #fresh: (BlobFacts & { readonly workerId: string })[] = [];
  #arriving: Arriving | undefined;

  /** Without a writer, the blobs are only checked. */
  constructor(writer: ImportWriter | undefined, createdEventIdOf: (workerId: string) => number) {
    this.#writer = writer;
    this.#createdEventIdOf = createdEventIdOf;
  }

  /** Adds the next piece. Returns a function that writes it, and makes the blob durable that it completes. */
  add(piece: BlobPiece): () => Promise<void> {
    const { workerId, sha256, bytes, offset } = piece;
    const arriving = this.#arriving ??= this.#begin(piece);
    const { hash, blob } = arriving;
    const isNext = arriving.workerId === workerId && arriving.sha256 === sha256 &&
      arriving.bytes === bytes && arriving.offset === offset;
    if (!isNext) throw corrupt("", "it is not the next piece of the blob");
    const decoded = bytesOf(piece);
    hash.update(decoded);
    arriving.offset += decoded.length;
    if (this.#fresh.length === 0 && bytes <= INDEX_BYTES_MAX) this.#first.push(decoded.slice());
    const isComplete = arriving.offset === bytes;
    if (isComplete && hash.digest("hex") !== sha256) {
      throw corrupt("", `the bytes of blob ${sha256} do not have its hash`);
    }
    return async () => {
      await blob?.write(decoded, offset);
      if (!isComplete) return;
      this.#arriving = undefined;
      this.#fresh.push({ workerId, sha256, bytes });
      await blob?.finish();
    };
  }

  #begin({ workerId, sha256, bytes }: BlobPiece): Arriving {
    const isKnown = this.#kept.get(workerId)?.has(sha256) ||
      this.#missing.get(workerId)?.has(sha256) ||
      this.#fresh.some((blob) => blob.sha256 === sha256);
    if (isKnown) throw corrupt("", `blob ${sha256} does not precede the first event that refers to it`);
    if (bytes > limits.blobBytesMax) throw corrupt("", `a blob has at most ${limits.blobBytesMax} bytes`);
    const owner = { workerId: workerId as WorkerId, createdEventId: this.#createdEventIdOf(workerId) };
    const blob = this.#writer?.blob(owner, { sha256, bytes });
    return { workerId, sha256, bytes, hash: createHash("sha256"), blob, offset: 0 };
  }

  /**
   * Takes the references of the next event; `workerId` is the worker whose transcript it adds to, `base` the index
   * of its base if it is a fork.
   */
  refer(workerId: string | undefined, own: readonly BlobFacts[], base?: BlobFacts): void {
    if (this.#arriving !== undefined) throw corrupt("", `blob ${this.#arriving.sha256} is incomplete`);
    const fresh = this.#fresh;
    const refs = base === undefined ? own : distinct([...this.#blobsOf(base), ...own]);
    this.#first = [];
    if (refs.length === 0 && fresh.length === 0) return;
    this.#fresh = [];
    const kept = this.#kept.get(workerId ?? "") ?? new Map<string, number>();
    const missing = this.#missing.get(workerId ?? "") ?? new Set();
    const added = refs.filter(({ sha256 }) => !kept.has(sha256) && !missing.has(sha256));
    if (fresh.length === 0) { for (const { sha256 } of added) missing.add(sha256); }
    const isExact = fresh.length === 0 || fresh.length === added.length &&
        fresh.every((blob, index) => blob.workerId === workerId && blob.sha256 === added[index]?.sha256);
    if (!isExact) throw corrupt("", "the blobs before it are not those that it refers to first");
    for (const { sha256, bytes } of fresh) kept.set(sha256, bytes);
    const wrong = refs.find(({ sha256, bytes }) => bytes !== (kept.get(sha256) ?? bytes));
    if (wrong !== undefined) throw corrupt("", `blob ${wrong.sha256} does not have ${wrong.bytes} bytes`);
    if (workerId === undefined) return;
    if (kept.size > 0) this.#kept.set(workerId, kept);
    if (missing.size > 0) this.#missing.set(workerId, missing);
  }

  /** The blobs of a base, whose index is the first blob that waits; the index alone if the stream does not have it. */
  #blobsOf(base: BlobFacts): readonly BlobFacts[] {
    const [first] = this.#fresh;
    if (first?.sha256 !== base.sha256) return [base];
    const index = parseIndex(new TextDecoder().decode(Buffer.concat(this.#first)));
    if (index === undefined) throw corrupt("", `blob ${base.sha256} is not the index of a base`);
    return [base, ...index.chunks, ...index.blobs];
  }

  /** Follows the purge of a worker: blobs of workers that no longer exist do not belong in a stream. */
  purge(workerId: string): void {
    if (this.#kept.has(workerId)) throw corrupt("", "it purges a worker whose blobs precede it");
    this.#missing.delete(workerId);
  }

  /** Ends the import. Every blob must be complete and referred to, and none may be missing. */
  finish(): void {
    this.refer(undefined, []);
    for (const [workerId, [sha256]] of this.#missing) {
      throw corrupt("", `blob ${sha256} of worker ${JSON.stringify(workerId)} is missing`);
    }
  }

  /** Ends an incomplete blob. */
  close(): void {
    this.#arriving?.blob?.close();
  }
}

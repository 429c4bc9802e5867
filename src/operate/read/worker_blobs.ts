/**
 * The blobs of a worker, and the entries that refer to them.
 *
 * @module
 */
import { type BlobRef, blobRefsOf } from "../../core/blob_ref.ts";
import { BASE_TYPES, readIndex } from "../../core/fork_base.ts";
import type { BlobFacts, RuntimeSource } from "../../core/store.ts";
import { type WorkerId, workerIdOf, type WorkerName } from "../../core/ids.ts";
import { limits } from "../../core/limits.ts";
import { RuntimeReader } from "../../core/reader.ts";
import type { StoreLocation } from "../../fs/place/find.ts";
import { FsRuntimeSource } from "../../fs/reading/source.ts";
import type { PostgresLocation } from "../../postgres/location.ts";
import { PostgresRuntimeSource } from "../../postgres/source.ts";
import type { OperationOptions } from "../options.ts";

/** A blob of a worker. Plain JSON. */
export interface WorkerBlob {
  /** SHA-256 of its bytes. */
  readonly sha256: string;
  /** Number of bytes. */
  readonly bytes: number;
  /** Media type in the newest reference; absent if no entry refers to the blob. */
  readonly mediaType?: string;
  /** Entries that refer to it; 1 for a blob that holds the base of a fork. */
  readonly references: number;
  /** The sequence of the newest of them. */
  readonly seq?: number;
  /** An entry refers to it, but it is missing. */
  readonly missing?: true;
}

/**
 * Returns the blobs of a worker: those that its entries refer to, in the order of their first references, then
 * all others. Their bytes are not read. Requires `--allow-read`, or `--allow-net=HOST:PORT` for the client of a
 * database. Throws `worker_not_found`.
 */
export async function workerBlobs(
  location: StoreLocation | PostgresLocation,
  worker: WorkerName,
  options: OperationOptions = {},
): Promise<readonly WorkerBlob[]> {
  const source = "client" in location
    ? new PostgresRuntimeSource(location)
    : new FsRuntimeSource(location, { fileSystem: options.fileSystem });
  const reader = await RuntimeReader.open({ source });
  try {
    const workerId = workerIdOf(worker, source.runtimeId);
    // Listed first: a blob that is put and referred to meanwhile is not reported as unreferenced.
    const kept = new Map((await source.blobs(workerId)).map(({ sha256, bytes }) => [sha256, bytes]));
    await reader.refresh();
    const { fork } = reader.worker(workerId);
    const base = fork?.base === undefined ? [] : await ownBlobsOfBase(source, workerId, fork.base);
    const ofBase = base.map((blob) => ({
      ...blob,
      ...(kept.has(blob.sha256) ? {} : { missing: true as const }),
    }));
    const found = await referencedBlobs(reader, workerId, kept, ofBase, options.signal);
    const others = [...kept].filter(([sha256]) => !found.has(sha256)).sort(([a], [b]) => a < b ? -1 : 1);
    return [...found.values(), ...others.map(([sha256, bytes]) => ({ sha256, bytes, references: 0 }))];
  } finally {
    await reader.close();
  }
}

/** The blobs that hold the base of a fork. */
async function ownBlobsOfBase(
  source: RuntimeSource,
  workerId: WorkerId,
  base: BlobRef,
): Promise<WorkerBlob[]> {
  const { chunks } = await readIndex(source, workerId, base);
  const blob = ({ sha256, bytes }: BlobFacts, mediaType: string) => ({
    sha256,
    bytes,
    mediaType,
    references: 1,
  });
  return [blob(base, base.mediaType), ...chunks.map((chunk) => blob(chunk, BASE_TYPES.lines))];
}

/** The blobs that the entries of a worker refer to, besides those of a base; `kept` are those that the store keeps. */
async function referencedBlobs(
  reader: RuntimeReader,
  workerId: string,
  kept: ReadonlyMap<string, number>,
  ofBase: readonly WorkerBlob[],
  signal: AbortSignal | undefined,
): Promise<Map<string, WorkerBlob>> {
  const found = new Map<string, WorkerBlob>(ofBase.map((blob) => [blob.sha256, blob]));
  for (let after: number | null = 0; after !== null;) {
    signal?.throwIfAborted();
    const page = await reader.transcript(workerId, { after, limit: limits.pageItemsMax });
    for (const entry of page.items) {
      const { seq } = entry;
      for (const { sha256, bytes, mediaType } of blobRefsOf(entry)) {
        const references = (found.get(sha256)?.references ?? 0) + 1;
        const missing = kept.has(sha256) ? {} : { missing: true } as const;
        found.set(sha256, { sha256, bytes, mediaType, references, seq, ...missing });
      }
    }
    after = page.next;
  }
  return found;
}

/**
 * The blobs of a worker, and the entries that refer to them.
 *
 * @module
 */
import { blobRefsOf } from "../../core/blob_ref.ts";
import { workerIdOf, type WorkerName } from "../../core/ids.ts";
import { limits } from "../../core/limits.ts";
import { RuntimeReader } from "../../core/reader.ts";
import { listBlobs } from "../../fs/blobs/blobs.ts";
import type { StoreLocation } from "../../fs/place/find.ts";
import { FsRuntimeSource } from "../../fs/reading/source.ts";
import { type OperationOptions, placeOf } from "../options.ts";

/** A blob of a worker. Plain JSON. */
export interface WorkerBlob {
  /** SHA-256 of its bytes. */
  readonly sha256: string;
  /** Number of bytes. */
  readonly bytes: number;
  /** Media type in the newest reference; absent if no entry refers to the blob. */
  readonly mediaType?: string;
  /** Entries that refer to it. */
  readonly references: number;
  /** The sequence of the newest of them. */
  readonly seq?: number;
  /** An entry refers to it, but its file is missing. */
  readonly missing?: true;
}

/**
 * Returns the blobs of a worker: those that its entries refer to, in the order of their first references, then
 * all others. Their bytes are not read. Requires `--allow-read`. Throws `worker_not_found`.
 */
export async function workerBlobs(
  location: StoreLocation,
  worker: WorkerName,
  options: OperationOptions = {},
): Promise<readonly WorkerBlob[]> {
  const place = placeOf(location, options);
  const workerId = workerIdOf(worker, place.runtimeId);
  // Listed first: a blob that is put and referred to meanwhile is not reported as unreferenced.
  const files = new Map(listBlobs(place, workerId).map(({ sha256, bytes }) => [sha256, bytes]));
  const source = new FsRuntimeSource(location, { fileSystem: options.fileSystem });
  const reader = await RuntimeReader.open({ source });
  try {
    const found = await referencedBlobs(reader, workerId, files, options.signal);
    const others = [...files].filter(([sha256]) => !found.has(sha256)).sort(([a], [b]) => a < b ? -1 : 1);
    return [...found.values(), ...others.map(([sha256, bytes]) => ({ sha256, bytes, references: 0 }))];
  } finally {
    await reader.close();
  }
}

/** The blobs that the entries of a worker refer to; `files` are those on disk. */
async function referencedBlobs(
  reader: RuntimeReader,
  workerId: string,
  files: ReadonlyMap<string, number>,
  signal: AbortSignal | undefined,
): Promise<Map<string, WorkerBlob>> {
  const found = new Map<string, WorkerBlob>();
  for (let after: number | null = 0; after !== null;) {
    signal?.throwIfAborted();
    const page = await reader.transcript(workerId, { after, limit: limits.pageItemsMax });
    for (const entry of page.items) {
      const { seq } = entry;
      for (const { sha256, bytes, mediaType } of blobRefsOf(entry)) {
        const references = (found.get(sha256)?.references ?? 0) + 1;
        const missing = files.has(sha256) ? {} : { missing: true } as const;
        found.set(sha256, { sha256, bytes, mediaType, references, seq, ...missing });
      }
    }
    after = page.next;
  }
  return found;
}

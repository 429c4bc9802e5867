/**
 * The blobs of an export: each once, before the first event that refers to it.
 *
 * @module
 */
import type { BlobRef } from "../../core/blob_ref.ts";
import { isRuntimeError, RuntimeError } from "../../core/errors.ts";
import { blobsOfBase } from "../../core/fork_base.ts";
import type { BlobFacts } from "../../core/store.ts";
import type { RuntimeEvent } from "../../core/event_types.ts";
import type { WorkerId } from "../../core/ids.ts";
import { blobsOf } from "../read/blob_refs.ts";
import { blobLines } from "./blob_lines.ts";
import type { ExportSource } from "./export_source.ts";

/** The blobs of the workers that exist at the end of an export. */
export class ExportedBlobs {
  readonly #source: ExportSource;
  readonly #done = new Map<WorkerId, Set<string>>();

  /** The blobs of a runtime. */
  constructor(source: ExportSource) {
    this.#source = source;
  }

  /** Yields the lines of the blobs that no earlier event refers to. Throws `blob_missing` and `blob_corrupt`. */
  before(event: RuntimeEvent): AsyncIterable<string> | Iterable<string> {
    const refs = blobsOf(event);
    const base = event.type === "worker.created" ? event.fork?.base : undefined;
    const isBare = refs.length === 0 && base === undefined;
    if (isBare || !("workerId" in event) || event.workerId === undefined) return [];
    return this.#before(event.id, event.workerId, refs, base);
  }

  /** Yields the lines of the blobs of a fork's base. Throws `blob_missing` and `blob_corrupt`. */
  async *ofBase(
    workerId: WorkerId,
    createdEventId: number,
    base: BlobRef,
  ): AsyncGenerator<string, void, void> {
    const reads = {
      readBlob: (_: WorkerId, blob: BlobFacts) => this.#stream(workerId, createdEventId, blob),
    };
    yield* this.#each(workerId, createdEventId, await blobsOfBase(reads, workerId, base));
  }

  async *#before(
    id: number,
    workerId: WorkerId,
    refs: readonly BlobRef[],
    base: BlobRef | undefined,
  ): AsyncGenerator<string, void, void> {
    const createdEventId = this.#source.ledger.worker(workerId)?.createdEventId ?? Infinity;
    // The blobs of an earlier worker with this id were deleted by its purge.
    if (id < createdEventId) return;
    if (base !== undefined) yield* this.ofBase(workerId, createdEventId, base);
    yield* this.#each(workerId, createdEventId, refs);
  }

  async *#each(
    workerId: WorkerId,
    createdEventId: number,
    refs: readonly BlobFacts[],
  ): AsyncGenerator<string, void, void> {
    let done = this.#done.get(workerId);
    if (done === undefined) this.#done.set(workerId, done = new Set());
    for (const ref of refs) {
      if (done.has(ref.sha256)) continue;
      done.add(ref.sha256);
      yield* this.#lines(workerId, createdEventId, ref);
    }
  }

  async *#lines(
    workerId: WorkerId,
    createdEventId: number,
    { sha256, bytes }: BlobFacts,
  ): AsyncGenerator<string, void, void> {
    const blob = { sha256, bytes };
    yield* blobLines(workerId, blob, this.#chunks(workerId, createdEventId, blob));
  }

  /** The bytes of a blob as a stream. */
  #stream(
    workerId: WorkerId,
    createdEventId: number,
    blob: BlobFacts,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const copies = async function* (
      chunks: AsyncIterable<Uint8Array>,
    ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
      for await (const chunk of chunks) yield chunk.slice();
    };
    return Promise.resolve(ReadableStream.from(copies(this.#chunks(workerId, createdEventId, blob))));
  }

  async *#chunks(
    workerId: WorkerId,
    createdEventId: number,
    { sha256, bytes }: BlobFacts,
  ): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* this.#source.blobBytes(workerId, { sha256, bytes });
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "blob_missing") throw error;
      const purged = await this.#source.purgedSince([{ workerId, createdEventId }]);
      if (purged.size === 0) throw error;
      throw purgedMeanwhile(workerId, createdEventId, this.#source.firstEventId);
    }
  }
}

/** Creates the error of a worker that was purged during the export. */
export function purgedMeanwhile(
  workerId: string,
  createdEventId: number,
  firstEventId: number,
): RuntimeError<"cursor_expired"> {
  return cannotExport(workerId, createdEventId, "it was purged meanwhile; export again", firstEventId);
}

/** Creates the error of a worker that cannot be exported. */
export function cannotExport(
  workerId: string,
  createdEventId: number,
  why: string,
  firstEventId: number,
): RuntimeError<"cursor_expired"> {
  const message = `Cannot export worker ${JSON.stringify(workerId)}: ${why}`;
  return new RuntimeError("cursor_expired", message, { after: createdEventId - 1, firstEventId });
}

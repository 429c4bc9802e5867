/**
 * The blobs of an export: each once, before the first event that refers to it.
 *
 * @module
 */
import type { BlobRef } from "../../core/blob_ref.ts";
import { isRuntimeError, RuntimeError } from "../../core/errors.ts";
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
    if (refs.length === 0 || !("workerId" in event) || event.workerId === undefined) return [];
    return this.#before(event.id, event.workerId, refs);
  }

  async *#before(
    id: number,
    workerId: WorkerId,
    refs: readonly BlobRef[],
  ): AsyncGenerator<string, void, void> {
    const createdEventId = this.#source.ledger.worker(workerId)?.createdEventId ?? Infinity;
    // The blobs of an earlier worker with this id were deleted by its purge.
    if (id < createdEventId) return;
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
    { sha256, bytes }: BlobRef,
  ): AsyncGenerator<string, void, void> {
    try {
      const chunks = this.#source.blobBytes(workerId, { sha256, bytes });
      yield* blobLines(workerId, { sha256, bytes }, chunks);
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

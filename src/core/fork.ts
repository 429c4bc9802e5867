/**
 * Forks: new workers that begin with the first entries of another one.
 *
 * @module
 */
import { blobRefsOf } from "./blob_ref.ts";
import type { Engine } from "./engine.ts";
import { invalidRequest } from "./errors.ts";
import type { BlobRef } from "./blob_ref.ts";
import { BaseWriter } from "./fork_base.ts";
import type { WorkerRef } from "./ids.ts";
import { limits } from "./limits.ts";
import type { WorkerSpec } from "./records.ts";
import { existingWorker, workerNotFound } from "./rules.ts";
import type { WorkerState } from "./state.ts";
import type { NewWorker } from "./store.ts";

/** Description of a fork; the members that are absent are those of the worker it is forked from. */
export interface ForkSpec extends Partial<WorkerSpec> {
  /** The last entry to copy: 0 to the length of the transcript. @default the newest */
  readonly atSeq?: number | undefined;
}

/** The sequence at which a worker is forked. Throws `invalid_request` if it has no such entry. */
export function forkedSeq(
  { record, transcriptLength }: WorkerState,
  atSeq: number = transcriptLength,
): number {
  if (Number.isSafeInteger(atSeq) && atSeq >= 0 && atSeq <= transcriptLength) return atSeq;
  const issue = `atSeq: 0 to ${transcriptLength} is allowed, not ${atSeq}`;
  throw invalidRequest(`fork worker ${JSON.stringify(record.workerId)}`, issue);
}

/** The whole spec of a fork: what it does not say is that of the worker it is forked from. */
export function forkSpec({ record }: WorkerState, { atSeq: _, ...spec }: ForkSpec): WorkerSpec {
  const { workerId: __, ...inherited } = record;
  const given = Object.entries(spec).filter(([, value]) => value !== undefined);
  return { ...inherited, ...Object.fromEntries(given) };
}

/**
 * Copies the entries of a worker up to `seq`, and the blobs that they refer to, into blobs of a worker that is yet
 * to be created; in bounded memory. Returns the reference to their base. Throws `worker_not_found` if the worker is
 * purged meanwhile, and the errors of its transcript and blobs.
 */
export async function copyBase(
  engine: Engine,
  source: WorkerRef,
  life: number,
  seq: number,
  owner: NewWorker,
): Promise<BlobRef> {
  const { reads, blobs } = engine;
  const writer = new BaseWriter((text) => blobs.putNew(owner, new Blob([text]).stream()));
  try {
    for (let after = 0; after < seq;) {
      const limit = Math.min(limits.pageItemsMax, seq - after);
      const { items } = await reads.transcript(source, { after, limit });
      for (const entry of items) {
        for (const ref of blobRefsOf(entry)) {
          if (writer.addBlob(ref)) await blobs.putNew(owner, await reads.blob(source, ref));
        }
        await writer.add(entry);
        after = entry.seq;
      }
      assertLife(engine, source, life);
    }
  } catch (error) {
    // Its blobs go with the worker.
    assertLife(engine, source, life);
    throw error;
  }
  return await writer.end();
}

function assertLife({ view }: Engine, { workerId }: WorkerRef, life: number): void {
  if (existingWorker(view, workerId).createdEventId !== life) throw workerNotFound(workerId);
}

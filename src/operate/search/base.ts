/**
 * Search in the entries that a fork has from another worker.
 *
 * @module
 */
import { readBaseEntries } from "../../core/fork_base.ts";
import { limits } from "../../core/limits.ts";
import type { TranscriptEntry } from "../../core/reading.ts";
import type { Conduct } from "./conduct.ts";
import { type Candidates, reportBlob, type SearchedWorker, type SearchSource } from "./source.ts";

/** The entries in the base of a worker, page by page; none if it is not a fork. Damage is reported. */
export async function* baseCandidates(
  source: SearchSource,
  worker: SearchedWorker,
  conduct: Conduct,
): AsyncGenerator<Candidates, void, void> {
  const { workerId, fork } = worker;
  if (fork === undefined) return;
  for (let from = 1; from <= fork.seq;) {
    await conduct.pause();
    const to = Math.min(fork.seq, from + limits.pageItemsMax - 1);
    let entries: TranscriptEntry[];
    try {
      const read = { from, to, keep: "first" } as const;
      entries = await readBaseEntries(source, workerId, fork, read) as TranscriptEntry[];
    } catch (error) {
      return await reportBlob(error, source, worker, conduct);
    }
    yield { worker, entries };
    from += entries.length;
  }
}

/**
 * Detection of workers that were purged while their files were read.
 *
 * @module
 */
import type { WorkerId } from "../../core/ids.ts";
import type { TranscriptOwner } from "../../fs/transcripts/file.ts";
import { foldLog } from "../../fs/reading/follower.ts";
import type { FoundPlace } from "../../fs/place/find.ts";

/**
 * Returns those of the workers that existed at an event and have been purged
 * since, according to the log. A writer removes the files of a worker only after
 * the purge is in the log, so missing files of other workers are damage.
 */
export async function purgedSince(
  place: FoundPlace,
  lastEventId: number,
  owners: readonly TranscriptOwner[],
): Promise<ReadonlySet<TranscriptOwner>> {
  if (owners.length === 0) return new Set();
  const { ledger } = await foldLog(place);
  if (ledger.runtime.lastEventId <= lastEventId) return new Set();
  const createdEventIdOf = (workerId: string) => ledger.worker(workerId as WorkerId)?.createdEventId;
  return new Set(owners.filter((owner) => createdEventIdOf(owner.workerId) !== owner.createdEventId));
}

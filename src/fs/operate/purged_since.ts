/**
 * Workers that were purged while their files were being read.
 *
 * @module
 */
import type { WorkerId } from "../../core/ids.ts";
import type { TranscriptOwner } from "../transcript_file.ts";
import { LogFollower } from "./log_follower.ts";
import type { FoundPlace } from "./options.ts";

/**
 * Those of these workers that were there at an event and are no longer, by what
 * the log says now. A writer removes the files of a worker only after the log
 * has the purge, so files that are missing of the others are damage.
 */
export async function purgedSince(
  place: FoundPlace,
  lastEventId: number,
  owners: readonly TranscriptOwner[],
): Promise<ReadonlySet<TranscriptOwner>> {
  if (owners.length === 0) return new Set();
  const follower = new LogFollower(place, () => {});
  await follower.begin();
  if (follower.lastEventId <= lastEventId) return new Set();
  const createdEventIdOf = (workerId: string) => follower.ledger.worker(workerId as WorkerId)?.createdEventId;
  return new Set(owners.filter((owner) => createdEventIdOf(owner.workerId) !== owner.createdEventId));
}

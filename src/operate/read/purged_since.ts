/**
 * Detection of workers that were purged while their data was read.
 *
 * @module
 */
import type { WorkerId } from "../../core/ids.ts";
import type { StateView } from "../../core/state.ts";
import { foldLog } from "../../fs/reading/follower.ts";
import type { FoundPlace } from "../../fs/place/find.ts";

/** A life of a worker. */
interface Life {
  readonly workerId: string;
  readonly createdEventId: number;
}

/**
 * Returns those of the workers that existed at an event and have been purged
 * since, according to the log. A writer removes the files of a worker only after
 * the purge is in the log, so missing files of other workers are damage.
 */
export async function purgedSince<Owner extends Life>(
  place: FoundPlace,
  lastEventId: number,
  owners: readonly Owner[],
): Promise<ReadonlySet<Owner>> {
  if (owners.length === 0) return new Set();
  return purgedAmong((await foldLog(place)).ledger, lastEventId, owners);
}

/** Returns those of the workers that existed at an event and no longer do. */
export function purgedAmong<Owner extends Life>(
  now: StateView,
  lastEventId: number,
  owners: readonly Owner[],
): ReadonlySet<Owner> {
  if (now.runtime.lastEventId <= lastEventId) return new Set();
  const createdEventIdOf = (workerId: string) => now.worker(workerId as WorkerId)?.createdEventId;
  return new Set(owners.filter((owner) => createdEventIdOf(owner.workerId) !== owner.createdEventId));
}

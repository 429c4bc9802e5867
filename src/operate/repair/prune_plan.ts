/**
 * What pruning would free, told without the lock: the same rule as the
 * store's own.
 *
 * @module
 */
import type { PrunedEvents } from "../../core/store.ts";
import { Checkpoints } from "../../fs/checkpoint/checkpoints.ts";
import { prunable } from "../../fs/log/pruning.ts";
import { listSegments } from "../../fs/log/segments.ts";
import { logLines } from "../read/log_lines.ts";
import type { FoundPlace } from "../options.ts";
import { untilSteady } from "../steady.ts";

/** What pruning would free, and what keeps it from freeing more. */
export interface PrunePlan extends PrunedEvents {
  /** The last event that no checkpoint needs; no later event can be pruned. */
  readonly lastUnneeded: number;
}

/** Plans to give up events through an id, whole segments at a time, and none that the older checkpoint needs. */
export function planPrune(place: FoundPlace, through: number): PrunePlan {
  const { fs, layout, runtimeId } = place;
  const lastUnneeded = new Checkpoints(fs, layout, runtimeId, () => {}).lastUnneeded();
  const { firstEventIds } = listSegments(fs, layout);
  const { pruned } = prunable(fs, layout, firstEventIds, Math.min(through, lastUnneeded));
  return { ...pruned, lastUnneeded };
}

/**
 * Returns the last event before a time; 0 if there is none. Stops at the first
 * event of that time or later. Events dated after `now` come from a wrong clock:
 * their age is unknown, so they neither end the search nor count as old.
 */
export async function lastEventBefore(
  place: FoundPlace,
  { lastEventId }: { readonly lastEventId: number },
  time: string,
  now: string,
): Promise<number> {
  return await untilSteady(() => {
    const { firstEventIds: segments } = listSegments(place.fs, place.layout);
    return lastBefore(place, { segments, lastEventId }, time, now);
  });
}

async function lastBefore(
  place: FoundPlace,
  log: { readonly segments: readonly number[]; readonly lastEventId: number },
  time: string,
  now: string,
): Promise<number> {
  let last = 0;
  const stretch = { segments: log.segments, after: (log.segments[0] ?? 1) - 1, through: log.lastEventId };
  for await (const { bytes, start, id } of logLines(place, stretch)) {
    const at = timeAt(bytes, start);
    if (at > now) continue;
    if (at >= time) break;
    last = id;
  }
  return last;
}

/** The time of an event, which stands behind its id. */
function timeAt(bytes: Uint8Array, start: number): string {
  const at = bytes.indexOf(0x2c, start) + 7;
  return String.fromCharCode(...bytes.subarray(at, at + 24));
}

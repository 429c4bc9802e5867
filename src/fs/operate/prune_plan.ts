/**
 * What pruning would free, told without the lock: the same rule as the
 * store's own.
 *
 * @module
 */
import type { PrunedEvents } from "../../core/store.ts";
import { Checkpoints } from "../checkpoints.ts";
import { guarded } from "../faults.ts";
import { segmentPath } from "../layout.ts";
import { listSegments } from "../segments.ts";
import { logLines } from "./log_lines.ts";
import type { FoundPlace } from "./options.ts";

/** What pruning would free, and what keeps it from freeing more. */
export interface PrunePlan extends PrunedEvents {
  /** The last event that the older checkpoint covers: none behind it can be given up. */
  readonly previousCheckpointThrough: number;
}

/** Plans to give up events through an id, whole segments at a time, and none that the older checkpoint needs. */
export function planPrune(place: FoundPlace, through: number): PrunePlan {
  const { fs, layout, runtimeId } = place;
  const previousCheckpointThrough = new Checkpoints(fs, layout, runtimeId, () => {}).previousThrough();
  // The older checkpoint begins at its own last event, so the segment of that one stays.
  const last = Math.min(through, previousCheckpointThrough - 1);
  const { firstEventIds } = listSegments(fs, layout);
  const gone = firstEventIds.filter((_first, index) => (firstEventIds[index + 1] ?? Infinity) - 1 <= last);
  const firstEventId = firstEventIds[gone.length] ?? 1;
  const bytes = gone.reduce((sum, segment) => {
    const path = segmentPath(layout, segment);
    return sum + guarded("stat", path, () => fs.stat(path)?.size ?? 0);
  }, 0);
  return { firstEventId, events: firstEventId - (firstEventIds[0] ?? 1), bytes, previousCheckpointThrough };
}

/**
 * The last event before a time; 0 if there is none. Ends at the first event of
 * that time or later. Events dated after `now` are of a clock that was wrong:
 * their age is unknown, so they neither end the search nor count as old.
 */
export async function lastEventBefore(
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

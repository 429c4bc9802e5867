/**
 * What pruning would free, told without the lock: the same rule as the
 * store's own.
 *
 * @module
 */
import type { PrunedEvents } from "../../core/store.ts";
import { Checkpoints } from "../checkpoints.ts";
import { prunable } from "../pruning.ts";
import { listSegments } from "../segments.ts";
import { logLines } from "./log_lines.ts";
import type { FoundPlace } from "./options.ts";
import { untilSteady } from "./steady.ts";

/** What pruning would free, and what keeps it from freeing more. */
export interface PrunePlan extends PrunedEvents {
  /** The last event that no checkpoint needs: none after it can be given up. */
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

/** The last event before a time; 0 when there is none. Looks at the first event of each segment, then at one segment. */
export async function lastEventBefore(
  place: FoundPlace,
  { lastEventId }: { readonly lastEventId: number },
  time: string,
): Promise<number> {
  return await untilSteady(() => {
    const { firstEventIds: segments } = listSegments(place.fs, place.layout);
    return lastBefore(place, { segments, lastEventId }, time);
  });
}

async function lastBefore(
  place: FoundPlace,
  log: { readonly segments: readonly number[]; readonly lastEventId: number },
  time: string,
): Promise<number> {
  let from = log.segments[0] ?? 1;
  for (const segment of log.segments) {
    if (segment > log.lastEventId || await timeOf(place, log.segments, segment) >= time) break;
    from = segment;
  }
  let last = 0;
  const stretch = { segments: log.segments, after: from - 1, through: log.lastEventId };
  for await (const { bytes, start, id } of logLines(place, stretch)) {
    if (timeAt(bytes, start) >= time) break;
    last = id;
  }
  return last;
}

async function timeOf(place: FoundPlace, segments: readonly number[], id: number): Promise<string> {
  for await (const { bytes, start } of logLines(place, { segments, after: id - 1, through: id })) {
    return timeAt(bytes, start);
  }
  return "";
}

/** The time of an event, which stands behind its id. */
function timeAt(bytes: Uint8Array, start: number): string {
  const at = bytes.indexOf(0x2c, start) + 7;
  return String.fromCharCode(...bytes.subarray(at, at + 24));
}

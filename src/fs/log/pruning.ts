/**
 * Pruning: deletes the oldest segments, on request.
 *
 * @module
 */
import type { PrunedEvents } from "../../core/store.ts";
import { guarded, guardedAsync } from "../disk/faults.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { type RuntimeLayout, segmentPath } from "../layout.ts";

/** The segments that pruning deletes. */
export interface Prunable {
  /** First event ids of the segments, in order. */
  readonly gone: readonly number[];
  /** The answer to the caller. */
  readonly pruned: PrunedEvents;
}

/** The segments that hold no event after `through`; the last one is always kept. */
export function prunable(
  fs: FileSystem,
  layout: RuntimeLayout,
  segments: readonly number[],
  through: number,
): Prunable {
  const gone = segments.filter((_first, index) => (segments[index + 1] ?? Infinity) - 1 <= through);
  const firstEventId = segments[gone.length] ?? 1;
  const paths = gone.map((segment) => segmentPath(layout, segment));
  const bytes = paths.reduce(
    (sum, path) => sum + guarded("stat", path, () => fs.stat(path)?.size ?? 0),
    0,
  );
  return { gone, pruned: { firstEventId, events: firstEventId - (segments[0] ?? 1), bytes } };
}

/** Removes segments, oldest first. Each removal is synced before the next one, so that no crash leaves a gap. */
export async function removeSegments(
  fs: FileSystem,
  layout: RuntimeLayout,
  gone: readonly number[],
): Promise<void> {
  const { events } = layout;
  for (const path of gone.map((segment) => segmentPath(layout, segment))) {
    guarded("remove", path, () => fs.remove(path));
    await guardedAsync("sync", events, () => fs.syncDirectory(events));
  }
}

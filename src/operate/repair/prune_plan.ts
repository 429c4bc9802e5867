/**
 * Preview of a pruning, taken without the lock.
 *
 * @module
 */
import { firstDraftEvent } from "../../core/drafts.ts";
import type { RuntimeId } from "../../core/ids.ts";
import type { PrunedEvents } from "../../core/store.ts";
import { Checkpoints } from "../../fs/checkpoint/checkpoints.ts";
import { sizeOf } from "../../fs/disk/files.ts";
import { workerLayout } from "../../fs/layout.ts";
import { listSegments, prunable } from "../../fs/log/segments.ts";
import { foldLog, untilSteady } from "../../fs/reading/follower.ts";
import { logLines } from "../../fs/log/scan.ts";
import type { FoundPlace, StoreLocation } from "../../fs/place/find.ts";
import { type FindOptions, placeOf } from "../options.ts";

/** Options of {@linkcode planPrune}. */
export interface PlanPruneOptions extends FindOptions {
  /** The last event to prune. @default the newest event */
  readonly through?: number | undefined;
  /**
   * Prune only events before this time, in milliseconds since 1970. Events dated after `now` come from a
   * wrong clock: their age is unknown, so they neither end the search nor count as old.
   */
  readonly before?: number | undefined;
  /** The time, in milliseconds since 1970. @default {Date.now()} */
  readonly now?: number | undefined;
}

/** Result of {@linkcode planPrune}. */
export interface PrunePlan extends PrunedEvents {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** The last event that the options allow to be pruned. */
  readonly through: number;
  /** The last event that neither a checkpoint, the rebuilding of a transcript nor a draft needs; no later event can be pruned. */
  readonly lastUnneeded: number;
}

/**
 * Returns what `Runtime.prune` would delete: whole segments, and none that a checkpoint, the rebuilding of a
 * transcript or the draft of a run needs. Requires `--allow-read`. Throws `store_corrupt` if the log is damaged.
 */
export async function planPrune(location: StoreLocation, options: PlanPruneOptions = {}): Promise<PrunePlan> {
  const place = placeOf(location, options);
  const { runtimeId } = place;
  const { follower, ledger } = await foldLog(place);
  if (follower.damage !== undefined) throw follower.damage;
  const { lastEventId } = follower;
  const { through: last = lastEventId, before, now = Date.now() } = options;
  const old = before === undefined ? Infinity : await lastEventBefore(place, lastEventId, before, now);
  const through = Math.min(last, lastEventId, old);
  const checkpoints = new Checkpoints({ ...place, notice: () => {} });
  const needed = Math.min(firstNeeded(place, checkpoints), firstDraftEvent(ledger));
  const lastUnneeded = Math.min(checkpoints.lastUnneeded(), needed - 1);
  const { firstEventIds } = listSegments(place);
  const { pruned } = prunable(place, firstEventIds, Math.min(through, lastUnneeded));
  return { runtimeId, ...pruned, through, lastUnneeded };
}

/** The first event of the oldest worker whose transcript lacks synced bytes; `Infinity` if all are complete. */
function firstNeeded({ fs, layout }: FoundPlace, checkpoints: Checkpoints): number {
  const incomplete = (checkpoints.load()?.rows ?? []).filter((row) => {
    const { workerId, transcriptLength, transcriptBytes = Infinity, transcriptSynced } = row;
    if (transcriptLength === 0) return false;
    const { transcript: path } = workerLayout(layout, workerId);
    return sizeOf(fs, path) < (transcriptSynced?.bytes ?? transcriptBytes);
  });
  return incomplete.reduce((first, { createdEventId }) => Math.min(first, createdEventId), Infinity);
}

/** Returns the last of the events that precede the first event of `before` or later; 0 if there is none. */
async function lastEventBefore(
  place: FoundPlace,
  through: number,
  before: number,
  now: number,
): Promise<number> {
  const [end, future] = [before, now].map((ms) => new Date(Math.max(0, ms)).toISOString());
  return await untilSteady(async () => {
    const { firstEventIds: segments } = listSegments(place);
    let last = 0;
    for await (const { bytes, start, id } of logLines(place, { segments, after: 0, through })) {
      const at = timeAt(bytes, start);
      if (at > (future ?? "")) continue;
      if (at >= (end ?? "")) break;
      last = id;
    }
    return last;
  });
}

/** The time of an event, which follows its id. */
function timeAt(bytes: Uint8Array, start: number): string {
  const at = bytes.indexOf(0x2c, start) + 7;
  return String.fromCharCode(...bytes.subarray(at, at + 24));
}

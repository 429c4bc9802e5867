/**
 * `prune`: delete the oldest events.
 *
 * @module
 */
import { openRuntime, planPrune, type PrunePlan, type StoreLocation } from "../../operate.ts";
import { invalidRequest } from "../../store.ts";
import { exitCodes } from "../failure.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { bytes, counted, parseAge, whole } from "../units.ts";

/** Runs `prune`. */
export async function pruneCommand(
  io: Io,
  { through, olderThan, apply, json }: Options,
  location: StoreLocation,
): Promise<number> {
  const now = io.now();
  const before = olderThan === undefined ? undefined : now - ageOf(olderThan);
  const plan = await planPrune(location, { through, before, now });
  const applied = apply === true && plan.events > 0;
  let result = plan;
  if (applied) {
    await using runtime = await openRuntime(location);
    result = { ...plan, ...await runtime.prune({ through: plan.firstEventId - 1, dryRun: false }) };
  }
  print(io, json, { ...result, applied }, summary(result, applied));
  return exitCodes.ok;
}

function ageOf(text: string): number {
  const ageMs = parseAge(text);
  if (ageMs !== undefined) return ageMs;
  throw invalidRequest("prune", `--older-than: 30d, 12h or 90m is needed, not ${text}`);
}

function summary({ events, bytes: size, firstEventId, lastUnneeded }: PrunePlan, applied: boolean): string {
  if (events === 0) {
    const why = lastUnneeded === 0
      ? "every event is still needed; each close writes a checkpoint, and two are kept"
      : `events from ${whole(lastUnneeded + 1)} on are still needed, and only whole segments are deleted`;
    return `Nothing can be pruned: ${why}.\n`;
  }
  const what = `${counted(events, "event")} (${bytes(size)}), all before event ${whole(firstEventId)}`;
  return applied
    ? `Deleted ${what}. An event "runtime.pruned" records it.\n`
    : `Would delete ${what}. State and transcripts stay.\nNothing was changed. Run again with --apply to do it.\n`;
}

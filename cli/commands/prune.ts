/**
 * `prune`: delete the oldest events.
 *
 * @module
 */
import { locateStore, openRuntime, planPrune, type PrunePlan } from "../../operate.ts";
import { invalidRequest } from "../../store.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import { bytes, counted, parseAge, whole } from "../units.ts";
import { printJson, type StoreOptions } from "./view.ts";

/** Options of `prune`. */
export interface PruneCommandOptions extends StoreOptions {
  /** The last event to prune. */
  readonly through?: number | undefined;
  /** Only events older than this. */
  readonly olderThan?: string | undefined;
  /** Whether to do it. */
  readonly apply?: boolean | undefined;
}

/** Runs `prune`. */
export async function pruneCommand(io: Io, directory: string, options: PruneCommandOptions): Promise<number> {
  const location = locateStore(directory, options.runtime);
  const now = io.now();
  const before = options.olderThan === undefined ? undefined : now - ageOf(options.olderThan);
  const plan = await planPrune(location, { through: options.through, before, now });
  const applied = options.apply === true && plan.events > 0;
  let result = plan;
  if (applied) {
    await using runtime = await openRuntime(location);
    result = { ...plan, ...await runtime.prune({ through: plan.firstEventId - 1, dryRun: false }) };
  }
  if (options.json) printJson(io, { ...result, applied });
  else io.out(summary(result, applied));
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

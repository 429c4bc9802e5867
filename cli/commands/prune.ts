/**
 * `prune`: give up the oldest events.
 *
 * @module
 */
import { FsRuntimeSource } from "../../fs_store.ts";
import { RuntimeReader } from "../../mod.ts";
import { invalidRequest } from "../../src/core/errors.ts";
import { findPlace } from "../../src/operate/options.ts";
import { lastEventBefore, planPrune } from "../../src/operate/repair/prune_plan.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import { disk, locate } from "../place.ts";
import { bytes, counted, parseAge, whole } from "../units.ts";
import { printJson, type StoreOptions } from "./view.ts";
import { openToWrite } from "./writing.ts";

/** Options of `prune`. */
export interface PruneCommandOptions extends StoreOptions {
  /** None after this event. */
  readonly through?: number | undefined;
  /** Only events older than this. */
  readonly olderThan?: string | undefined;
  /** Whether to do it. */
  readonly apply?: boolean | undefined;
}

/** Runs `prune`. */
export async function pruneCommand(io: Io, directory: string, options: PruneCommandOptions): Promise<number> {
  const location = locate(directory, options.runtime);
  const place = findPlace(disk, location);
  const through = await throughOf(io, directory, options);
  const plan = planPrune(place, through);
  const applied = options.apply === true && plan.events > 0;
  if (applied) {
    const runtime = await openToWrite(location);
    try {
      await runtime.prune({ through: plan.firstEventId - 1, dryRun: false });
    } finally {
      await runtime.close();
    }
  }
  if (options.json) printJson(io, { runtimeId: place.runtimeId, ...plan, through, applied });
  else io.out(told(plan, applied));
  return exitCodes.ok;
}

async function throughOf(io: Io, directory: string, options: PruneCommandOptions): Promise<number> {
  const location = locate(directory, options.runtime);
  const source = new FsRuntimeSource(location);
  await using view = await RuntimeReader.open({ source });
  if (source.damage !== undefined) throw source.damage;
  const through = Math.min(options.through ?? Infinity, view.lastEventId);
  if (options.olderThan === undefined) return through;
  const ageMs = parseAge(options.olderThan);
  if (ageMs === undefined) {
    throw invalidRequest("prune", `--older-than: 30d, 12h or 90m is needed, not ${options.olderThan}`);
  }
  const [time, now] = [Math.max(0, io.now() - ageMs), io.now()].map((ms) => new Date(ms).toISOString());
  const log = { segments: source.segments, lastEventId: view.lastEventId };
  return Math.min(through, await lastEventBefore(findPlace(disk, location), log, time ?? "", now ?? ""));
}

function told(plan: ReturnType<typeof planPrune>, applied: boolean): string {
  if (plan.events === 0) {
    const why = plan.lastUnneeded === 0
      ? "there is no older checkpoint yet; every closing writes one"
      : `the older checkpoint needs the log from event ${
        whole(plan.lastUnneeded + 1)
      } on, and only whole segments go`;
    return `Nothing can be given up: ${why}.\n`;
  }
  const what = `${counted(plan.events, "event")} (${bytes(plan.bytes)}), all before event ${
    whole(plan.firstEventId)
  }`;
  return applied
    ? `Gave up ${what}. An event "runtime.pruned" tells of it.\n`
    : `Would give up ${what}. State and transcripts stay.\nNothing was changed. Run again with --apply to do it.\n`;
}

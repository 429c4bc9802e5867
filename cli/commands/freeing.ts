/**
 * Commands that free space: `prune` and `purge`.
 *
 * @module
 */
import { FsRuntimeSource } from "../../fs_store.ts";
import { RuntimeReader, type WorkerState } from "../../mod.ts";
import { openRuntime, planPrune, type PrunePlan, type StoreLocation, workerSizes } from "../../operate.ts";
import { invalidRequest } from "../../store.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { oneLine } from "../style.ts";
import { table } from "../table.ts";
import { bytes, counted, parseAge, whole } from "../units.ts";
import { filledPage } from "./events.ts";

/** Runs `prune`. */
export async function pruneCommand(
  io: Io,
  { through, olderThan, apply, json }: Options,
  location: StoreLocation,
): Promise<void> {
  const now = io.now();
  const before = olderThan === undefined ? undefined : now - ageOf(olderThan);
  const plan = await planPrune(location, { through, before, now });
  const applied = apply === true && plan.events > 0;
  let result = plan;
  if (applied) {
    await using runtime = await openRuntime(location);
    result = { ...plan, ...await runtime.prune({ through: plan.firstEventId - 1 }) };
  }
  print(io, json, { ...result, applied }, pruneText(result, applied));
}

function ageOf(text: string): number {
  const ageMs = parseAge(text);
  if (ageMs !== undefined) return ageMs;
  throw invalidRequest("prune", `--older-than: 30d, 12h or 90m is needed, not ${text}`);
}

function pruneText({ events, bytes: size, firstEventId, lastUnneeded }: PrunePlan, applied: boolean): string {
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

const COLUMNS = [
  { name: "WORKER", flexible: true },
  { name: "STATUS" },
  { name: "ENTRIES", align: "right" },
  { name: "BLOBS", align: "right" },
  { name: "FILES", align: "right" },
] as const;

/** Runs `purge`. */
export async function purgeCommand(
  io: Io,
  { apply, json }: Options,
  location: StoreLocation,
  workers: readonly string[],
): Promise<void> {
  const { plan, purgedBefore } = await planOf(location, [...new Set(workers)]);
  const applied = apply === true && plan.length > 0;
  if (applied) {
    await using runtime = await openRuntime(location);
    for (const { workerId } of plan) await runtime.worker(workerId).purge();
  }
  const skipped = purgedBefore.map((workerId) => `${oneLine(workerId)} was purged before: skipped.\n`);
  const rows = plan.map((
    row,
  ) => [oneLine(row.workerId), row.status, whole(row.entries), bytes(row.blobs), bytes(row.bytes)]);
  const text = plan.length === 0
    ? "There is nothing left to purge.\n"
    : `${table(io, COLUMNS, rows)}${applied ? DONE : PREVIEW}\n`;
  print(io, json, { workers: plan, purgedBefore, applied }, skipped.join("") + text);
}

const DONE = 'Purged. An event "worker.purged" records each; the log keeps their events until it is pruned.';
const PREVIEW = "Nothing was changed. Run again with --apply to purge them; " +
  "their events stay in the log until it is pruned.";

interface PurgeRow {
  readonly workerId: string;
  readonly status: string;
  readonly entries: number;
  /** Bytes of its blobs. */
  readonly blobs: number;
  /** Bytes of its other files. */
  readonly bytes: number;
}

interface PurgePlan {
  readonly plan: readonly PurgeRow[];
  /** Workers that an earlier run of this command may have purged. */
  readonly purgedBefore: readonly string[];
}

/** The workers to purge; all are checked before the first one is purged. */
async function planOf(location: StoreLocation, workers: readonly string[]): Promise<PurgePlan> {
  await using view = await RuntimeReader.open({ source: new FsRuntimeSource(location) });
  const present = new Set<string>([...view.allWorkers()].map(({ record }) => record.workerId));
  const [plan, purgedBefore]: [PurgeRow[], string[]] = [[], []];
  for (const workerId of workers) {
    const events = present.has(workerId)
      ? []
      : (await filledPage(view, { limit: 1, worker: workerId })).items;
    if (events[0]?.type === "worker.purged") purgedBefore.push(workerId);
    else plan.push(rowOf(location, workerId, view.worker(workerId)));
  }
  return { plan, purgedBefore };
}

function rowOf(
  location: StoreLocation,
  workerId: string,
  { status, transcriptLength: entries }: WorkerState,
): PurgeRow {
  if (status === "running") {
    throw invalidRequest(
      `purge ${JSON.stringify(workerId)}`,
      "it is running; its host has to stop or retire it first",
    );
  }
  const { transcript, blobs, other } = workerSizes(location, workerId);
  return { workerId, status, entries, blobs, bytes: transcript + other };
}

/**
 * `purge`: delete workers that have ended.
 *
 * @module
 */
import { openReadOnly, type ReadOnlyRuntime } from "../../fs_store.ts";
import { locateStore, openRuntime, type StoreLocation, workerSizes } from "../../operate.ts";
import { invalidRequest } from "../../store.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import { oneLine } from "../style.ts";
import { table } from "../table.ts";
import { bytes, whole } from "../units.ts";
import { filledPage } from "./events.ts";
import { printJson, type StoreOptions } from "./view.ts";

/** Runs `purge`. */
export async function purgeCommand(
  io: Io,
  directory: string,
  workers: readonly string[],
  options: StoreOptions & { readonly apply?: boolean | undefined },
): Promise<number> {
  const { plan, purgedBefore } = await planOf(directory, [...new Set(workers)], options);
  const applied = options.apply === true && plan.length > 0;
  if (applied) {
    await using runtime = await openRuntime(locateStore(directory, options.runtime));
    for (const { workerId } of plan) await runtime.worker(workerId).purge();
  }
  if (options.json) {
    printJson(io, { workers: plan, purgedBefore, applied });
    return exitCodes.ok;
  }
  for (const workerId of purgedBefore) io.out(`${oneLine(workerId)} was purged before: skipped.\n`);
  if (plan.length === 0) {
    io.out("There is nothing left to purge.\n");
    return exitCodes.ok;
  }
  const columns = [
    { name: "WORKER", flexible: true },
    { name: "STATUS" },
    { name: "ENTRIES", align: "right" as const },
    { name: "FILES", align: "right" as const },
  ];
  io.out(
    table(
      io,
      columns,
      plan.map((row) => [oneLine(row.workerId), row.status, whole(row.entries), bytes(row.bytes)]),
    ),
  );
  io.out(
    applied
      ? 'Purged. An event "worker.purged" tells of each; the log keeps what it held until it is pruned.\n'
      : "Nothing was changed. Run again with --apply to purge them; their events stay in the log until it is pruned.\n",
  );
  return exitCodes.ok;
}

interface PurgeRow {
  readonly workerId: string;
  readonly status: string;
  readonly entries: number;
  readonly bytes: number;
}

interface PurgePlan {
  readonly plan: readonly PurgeRow[];
  /** Workers that an earlier run of this command may have purged. */
  readonly purgedBefore: readonly string[];
}

/** The workers to purge; all are checked before the first one is purged. */
async function planOf(
  directory: string,
  workers: readonly string[],
  options: StoreOptions,
): Promise<PurgePlan> {
  const location = locateStore(directory, options.runtime);
  await using view = await openReadOnly(location);
  const present = new Set<string>([...view.allWorkers()].map(({ record }) => record.workerId));
  const purgedBefore: string[] = [];
  for (const workerId of workers) {
    if (!present.has(workerId) && await wasPurged(view, workerId)) purgedBefore.push(workerId);
  }
  const left = workers.filter((workerId) => !purgedBefore.includes(workerId));
  return { plan: rowsOf(location, view, left), purgedBefore };
}

/** Returns true if the last event of a worker in the log is its purge. */
async function wasPurged(view: ReadOnlyRuntime, worker: string): Promise<boolean> {
  const { items } = await filledPage(view, { limit: 1, worker });
  return items[0]?.type === "worker.purged";
}

function rowsOf(location: StoreLocation, view: ReadOnlyRuntime, workers: readonly string[]): PurgeRow[] {
  return workers.map((workerId) => {
    const { status, transcriptLength: entries } = view.worker(workerId);
    if (status === "running") {
      throw invalidRequest(
        `purge ${JSON.stringify(workerId)}`,
        "it is running; its host has to stop or cancel it first",
      );
    }
    const { transcript, other } = workerSizes(location, workerId);
    return { workerId, status, entries, bytes: transcript + other };
  });
}

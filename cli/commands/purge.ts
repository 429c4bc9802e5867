/**
 * `purge`: give up workers that have ended.
 *
 * @module
 */
import { join } from "@std/path";
import { FsRuntimeSource } from "../../fs_store.ts";
import { RuntimeReader } from "../../mod.ts";
import { invalidRequest } from "../../src/core/errors.ts";
import { layoutIn, workerLayout } from "../../src/fs/layout.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import { disk, locate } from "../place.ts";
import { oneLine } from "../style.ts";
import { table } from "../table.ts";
import { bytes, whole } from "../units.ts";
import { filledPage } from "./events.ts";
import { printJson, type StoreOptions } from "./view.ts";
import { openToWrite } from "./writing.ts";

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
    const runtime = await openToWrite(locate(directory, options.runtime));
    try {
      for (const { workerId } of plan) await runtime.worker(workerId).purge();
    } finally {
      await runtime.close();
    }
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

/** What would go; all workers are checked before the first one is purged. */
async function planOf(
  directory: string,
  workers: readonly string[],
  options: StoreOptions,
): Promise<PurgePlan> {
  const source = new FsRuntimeSource(locate(directory, options.runtime));
  await using view = await RuntimeReader.open({ source });
  const present = new Set<string>([...view.allWorkers()].map(({ record }) => record.workerId));
  const purgedBefore: string[] = [];
  for (const workerId of workers) {
    if (!present.has(workerId) && await wasPurged(view, workerId)) purgedBefore.push(workerId);
  }
  const left = workers.filter((workerId) => !purgedBefore.includes(workerId));
  return { plan: rowsOf(view, source.directory, left), purgedBefore };
}

/** Returns true if the last event of a worker in the log is its purge. */
async function wasPurged(view: RuntimeReader, worker: string): Promise<boolean> {
  const { items } = await filledPage(view, { limit: 1, worker });
  return items[0]?.type === "worker.purged";
}

function rowsOf(view: RuntimeReader, directory: string, workers: readonly string[]): PurgeRow[] {
  const layout = layoutIn(directory);
  return workers.map((workerId) => {
    const { status, transcriptLength: entries } = view.worker(workerId);
    if (status === "running") {
      throw invalidRequest(
        `purge ${JSON.stringify(workerId)}`,
        "it is running; its host has to stop or cancel it first",
      );
    }
    const path = workerLayout(layout, workerId).directory;
    const names = disk.stat(path)?.kind === "directory" ? disk.list(path) : [];
    const bytes = names.reduce((sum, { name }) => sum + (disk.stat(join(path, name))?.size ?? 0), 0);
    return { workerId, status, entries, bytes };
  });
}

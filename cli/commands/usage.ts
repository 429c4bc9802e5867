/**
 * `usage`: what work with models took, by worker, by model, by day.
 *
 * @module
 */
import type { FsRuntimeSource } from "../../fs_store.ts";
import type { RuntimeReader, UsageByModel, UsageTotals, WorkerState } from "../../mod.ts";
import { parseWorkerId } from "../../src/core/ids.ts";
import { layoutIn } from "../../src/fs/layout.ts";
import { type HistoryDay, readHistory } from "../../src/operate/read/history.ts";
import type { Io } from "../io.ts";
import { disk } from "../place.ts";
import { withProgress } from "../progress.ts";
import { oneLine, tone } from "../style.ts";
import { type Column, table } from "../table.ts";
import { amount, dollars, duration, whole } from "../units.ts";
import { printJson, type StoreOptions, withView } from "./view.ts";

/** Options of `usage`. */
export interface UsageOptions extends StoreOptions {
  /** Only this table. */
  readonly by?: "worker" | "model" | "day" | undefined;
  /** Only of this worker. */
  readonly worker?: string | undefined;
  /** Workers to list. */
  readonly limit: number;
}

/** Runs `usage`. */
export async function usageCommand(io: Io, directory: string, options: UsageOptions): Promise<number> {
  return await withView(io, directory, options, async (view, source) => {
    const { by, worker } = options;
    const used = worker === undefined ? view.overview() : view.worker(worker);
    const workers = worker === undefined ? byCost(view, options.limit) : [];
    const days = by === undefined || by === "day" ? await daysOf(io, view, source, options) : [];
    if (options.json) {
      const rows = workers.map(({ record, usage, usageByModel }) => ({
        workerId: record.workerId,
        usage,
        usageByModel,
      }));
      return printJson(io, {
        runtimeId: view.runtimeId,
        total: used.usage,
        byModel: used.usageByModel,
        byWorker: rows,
        byDay: days.map(({ day, usage, usageByModel }) => ({ day, usage, usageByModel })),
      });
    }
    if (by === undefined || by === "model") io.out(`${modelTable(io, used.usageByModel, used.usage)}\n`);
    if (by === undefined || by === "day") {
      io.out(`${usageTable(io, "DAY", days.map(({ day, usage }) => [day, usage]))}`);
      if ((source.segments[0] ?? 1) > 1) {
        io.out(tone(io, "faint", "older days were pruned; the totals count them\n"));
      }
      io.out("\n");
    }
    if (worker === undefined && (by === undefined || by === "worker")) {
      io.out(usageTable(io, "WORKER", workers.map(({ record, usage }) => [record.workerId, usage])));
    }
  });
}

function byCost(view: RuntimeReader, limit: number): WorkerState[] {
  const used = [...view.allWorkers()].filter(({ usage }) => usage.requests > 0);
  used.sort((a, b) => b.usage.costMicroUsd - a.usage.costMicroUsd || tokens(b.usage) - tokens(a.usage));
  return limit === 0 ? used : used.slice(0, limit);
}

function tokens(usage: UsageTotals): number {
  return usage.inputTokens + usage.outputTokens;
}

async function daysOf(
  io: Io,
  view: RuntimeReader,
  { directory, runtimeId }: FsRuntimeSource,
  options: UsageOptions,
): Promise<readonly HistoryDay[]> {
  const place = { fs: disk, layout: layoutIn(directory), runtimeId };
  const worker = options.worker === undefined ? undefined : parseWorkerId(options.worker);
  const history = await withProgress(
    io,
    true,
    (progress) => readHistory(place, view, { ...progress, worker }),
  );
  return history.days.filter(({ usage }) => usage.requests > 0);
}

/** Usage by model, the costliest first, with a total where one is given. */
export function modelTable(io: Io, byModel: UsageByModel, total?: UsageTotals): string {
  const rows = Object.entries(byModel).sort(([, a], [, b]) =>
    b.costMicroUsd - a.costMicroUsd || tokens(b) - tokens(a)
  );
  return usageTable(io, "MODEL", total === undefined || rows.length < 2 ? rows : [...rows, ["total", total]]);
}

/** Columns that a narrow terminal goes without. */
const OPTIONAL: ReadonlySet<string> = new Set(["CACHED", "REASONING", "TIME", "REQUESTS"]);

function usageTable(io: Io, name: string, rows: readonly (readonly [string, UsageTotals])[]): string {
  if (rows.length === 0) return tone(io, "faint", `no usage by ${name.toLowerCase()}\n`);
  const right = (name: string): Column => ({ name, align: "right", optional: OPTIONAL.has(name) });
  const columns = [
    { name, flexible: true },
    ...["INPUT", "CACHED", "OUTPUT", "REASONING", "REQUESTS", "TIME", "COST"].map(right),
  ];
  return table(
    io,
    columns,
    rows.map(([key, usage]) => [
      oneLine(key),
      amount(usage.inputTokens),
      amount(usage.cachedTokens),
      amount(usage.outputTokens),
      amount(usage.reasoningTokens),
      whole(usage.requests),
      duration(usage.durationMs),
      dollars(usage.costMicroUsd),
    ]),
  );
}

/**
 * `usage`: usage of models by worker, by model, by day.
 *
 * @module
 */
import {
  parseWorkerId,
  type RuntimeReader,
  type UsageByModel,
  type UsageTotals,
  type WorkerState,
} from "../../mod.ts";
import { type HistoryDay, readHistory } from "../../operate.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { withProgress } from "../progress.ts";
import { oneLine, tone } from "../style.ts";
import { type Column, table } from "../table.ts";
import { amount, dollars, duration, whole } from "../units.ts";
import type { OpenedStore } from "../store.ts";

/** Runs `usage`. */
export async function usageCommand(
  io: Io,
  options: Options,
  { location, view, firstEventId }: OpenedStore,
): Promise<void> {
  const { by, worker, limit, json } = options;
  const used = worker === undefined ? view.overview() : view.worker(worker);
  const workers = worker === undefined ? byCost(view, limit) : [];
  const shows = (table: typeof by): boolean => by === undefined || by === table;
  const days = shows("day") ? await daysOf(io, location, view.lastEventId, options) : [];
  const isPruned = firstEventId > 1;
  const pruned = isPruned ? tone(io, "faint", "older days were pruned; the totals count them\n") : "";
  const tables = [
    shows("model") ? `${modelTable(io, used.usageByModel, used.usage)}\n` : "",
    shows("day") ? `${usageTable(io, "DAY", days.map(({ day, usage }) => [day, usage]))}${pruned}\n` : "",
    worker === undefined && shows("worker")
      ? usageTable(io, "WORKER", workers.map(({ record, usage }) => [record.workerId, usage]))
      : "",
  ];
  const value = {
    runtimeId: view.runtimeId,
    total: used.usage,
    byModel: used.usageByModel,
    byWorker: workers.map(({ record: { workerId }, usage, usageByModel }) => ({
      workerId,
      usage,
      usageByModel,
    })),
    byDay: days.map(({ day, usage, usageByModel }) => ({ day, usage, usageByModel })),
  };
  print(io, json, value, tables.join(""));
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
  location: OpenedStore["location"],
  through: number,
  options: Options,
): Promise<readonly HistoryDay[]> {
  const worker = options.worker === undefined ? undefined : parseWorkerId(options.worker);
  const history = await withProgress(
    io,
    true,
    (progress) => readHistory(location, { ...progress, through, worker }),
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

/** Columns left out on a narrow terminal. */
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

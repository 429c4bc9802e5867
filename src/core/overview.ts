/**
 * The overview: counts by status and usage totals of a runtime, and a row for
 * each worker.
 *
 * @module
 */
import type { WorkerStatus } from "./event_types.ts";
import type { WorkerRecord } from "./records.ts";
import { readable, type RuntimeState, type StateView, type WorkerState } from "./state.ts";

/** Summary of a runtime. */
export interface RuntimeOverview extends RuntimeState {
  /** The operator's name for it. */
  readonly displayName?: string;
  /** Number of workers: all, by status, and busy with a run. */
  readonly workers: Readonly<Record<WorkerStatus | "total" | "busy", number>>;
}

/** Summary of a worker. */
export interface WorkerRow extends
  Pick<WorkerRecord, "workerId">,
  Omit<
    WorkerState,
    "record" | "reason" | "run" | "lastRun" | "data" | "context" | "usageByModel" | "createdEventId"
  > {
  /** The open run, or null. */
  readonly runId: string | null;
}

/** Returns the overview of a state. */
export function overviewOf(view: StateView, displayName: string | undefined): RuntimeOverview {
  const workers = { total: 0, busy: 0, running: 0, stopped: 0, retired: 0 };
  for (const { status, run } of view.workers()) {
    workers.total++;
    workers[status]++;
    if (run !== null) workers.busy++;
  }
  return { ...readable(view.runtime), ...(displayName === undefined ? {} : { displayName }), workers };
}

/** Returns the row of a worker. */
export function workerRow(state: WorkerState): WorkerRow {
  const {
    record,
    displayName,
    labels,
    status,
    run,
    transcriptLength,
    usage,
    createdAt,
    updatedAt,
    lastEventId,
  } = state;
  return {
    workerId: record.workerId,
    ...(displayName === undefined ? {} : { displayName }),
    labels,
    status,
    runId: run?.runId ?? null,
    transcriptLength,
    usage,
    createdAt,
    updatedAt,
    lastEventId,
  };
}

/**
 * The overview: counts by status and usage totals of a runtime, and a row for
 * each worker.
 *
 * @module
 */
import type { RuntimeId, WorkerId } from "./ids.ts";
import { readable, type StateView, type WorkerState, type WorkerStatus } from "./state.ts";
import type { UsageByModel, UsageTotals } from "./usage.ts";

/** Summary of a runtime. */
export interface RuntimeOverview {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** The operator's name for it. */
  readonly displayName?: string;
  /** `stopped` is final. */
  readonly status: "running" | "stopped";
  /** Number of openings. */
  readonly epoch: number;
  /** When it was created, ISO 8601. */
  readonly createdAt: string;
  /** Time of its last event, ISO 8601. */
  readonly updatedAt: string;
  /** Its last event. */
  readonly lastEventId: number;
  /** Number of workers: all, by status, and busy with a run. */
  readonly workers: Readonly<Record<WorkerStatus | "total" | "busy", number>>;
  /** Usage of all workers, including purged ones. */
  readonly usage: UsageTotals;
  /** The same by model. */
  readonly usageByModel: UsageByModel;
}

/** Summary of a worker. */
export interface WorkerRow {
  /** The worker. */
  readonly workerId: WorkerId;
  /** Name for people. */
  readonly displayName?: string | undefined;
  /** Only a running worker accepts commands. */
  readonly status: WorkerStatus;
  /** The open run, or null. */
  readonly runId: string | null;
  /** Entries in its transcript. */
  readonly transcriptLength: number;
  /** Its usage. */
  readonly usage: UsageTotals;
  /** When it was created, ISO 8601. */
  readonly createdAt: string;
  /** Time of its last event, ISO 8601. */
  readonly updatedAt: string;
  /** Its last event. */
  readonly lastEventId: number;
}

/** Returns the overview of a state. */
export function overviewOf(view: StateView, displayName: string | undefined): RuntimeOverview {
  const workers = { total: 0, busy: 0, running: 0, stopped: 0, cancelled: 0 };
  for (const { status, run } of view.workers()) {
    workers.total++;
    workers[status]++;
    if (run !== null) workers.busy++;
  }
  return { ...readable(view.runtime), ...(displayName === undefined ? {} : { displayName }), workers };
}

/** Returns the row of a worker. */
export function workerRow(state: WorkerState): WorkerRow {
  const { record, status, run, transcriptLength, usage, createdAt, updatedAt, lastEventId } = state;
  return {
    workerId: record.workerId,
    displayName: record.displayName,
    status,
    runId: run?.runId ?? null,
    transcriptLength,
    usage,
    createdAt,
    updatedAt,
    lastEventId,
  };
}

/**
 * The state of a runtime and of its workers, as folded from the log. All of
 * it is immutable: `evolve` makes new objects, so that a batch which fails to
 * become durable is simply dropped.
 *
 * @module
 */
import type { RunOutcome } from "./event_types.ts";
import type { RuntimeId, WorkerId } from "./ids.ts";
import { deepFreeze, type JsonObject } from "./json.ts";
import type { WorkerRecord } from "./records.ts";
import { noUsage, type UsageByModel, type UsageTotals } from "./usage.ts";

/** Whether a worker takes commands; `stopped` and `cancelled` are final. */
export type WorkerStatus = "running" | "stopped" | "cancelled";

/** A run that is going on. */
export interface OpenRun {
  /** The run. */
  readonly runId: string;
  /** When it began, ISO 8601. */
  readonly startedAt: string;
}

/** A run that has ended. */
export interface EndedRun extends OpenRun {
  /** When it ended, ISO 8601. */
  readonly endedAt: string;
  /** How it ended. */
  readonly outcome: RunOutcome;
  /** Why. */
  readonly reason?: string;
}

/** Everything about a worker but its transcript and its events. */
export interface WorkerState {
  /** Who it is. */
  readonly record: WorkerRecord;
  /** Whether it takes commands. */
  readonly status: WorkerStatus;
  /** Why it was stopped or cancelled. */
  readonly reason?: string;
  /** The open run, or null when idle. */
  readonly run: OpenRun | null;
  /** The run that ended last. */
  readonly lastRun: EndedRun | null;
  /** The host's own data. */
  readonly data: JsonObject;
  /** Entries in its transcript, which is also the sequence of the newest. */
  readonly transcriptLength: number;
  /** What it used in all. */
  readonly usage: UsageTotals;
  /** What it used, by model. */
  readonly usageByModel: UsageByModel;
  /** When it was created, ISO 8601. */
  readonly createdAt: string;
  /** When its last event happened, ISO 8601. */
  readonly updatedAt: string;
  /** The event that created it; workers are listed in this order. */
  readonly createdEventId: number;
  /** Its last event. */
  readonly lastEventId: number;
}

/** The state of the runtime itself. */
export interface RuntimeState {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** `stopped` is final. */
  readonly status: "running" | "stopped";
  /** How many times it was opened. */
  readonly epoch: number;
  /** When it was created, ISO 8601; empty before event 1. */
  readonly createdAt: string;
  /** When its last event happened, ISO 8601. */
  readonly updatedAt: string;
  /** The last event; 0 before event 1. */
  readonly lastEventId: number;
  /** What all workers used, purged ones too. */
  readonly usage: UsageTotals;
  /** What all workers used, by model. */
  readonly usageByModel: UsageByModel;
}

/** What decisions and folding read: the runtime and its workers. */
export interface StateView {
  /** The runtime. */
  readonly runtime: RuntimeState;
  /** A worker, or `undefined`. */
  worker(workerId: WorkerId): WorkerState | undefined;
  /** The number of workers. */
  readonly workerCount: number;
  /** Workers in the order of their creation. */
  workers(): Iterable<WorkerState>;
}

/** A state as callers get it: a copy, whose parts are frozen at the first look, so that nobody can change ours. */
export function readable<State extends WorkerState | RuntimeState>(state: State): State {
  for (const part of Object.values(state)) deepFreeze(part);
  return { ...state };
}

/** The state before the first event. */
export function initialRuntimeState(runtimeId: RuntimeId): RuntimeState {
  return {
    runtimeId,
    status: "running",
    epoch: 0,
    createdAt: "",
    updatedAt: "",
    lastEventId: 0,
    usage: noUsage,
    usageByModel: Object.freeze({}),
  };
}

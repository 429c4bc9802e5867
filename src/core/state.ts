/**
 * The state of a runtime and of its workers, as folded from the log. All of it is
 * immutable: `evolve` makes new objects, so that a batch which fails to become
 * durable can simply be dropped.
 *
 * @module
 */
import type { ContextSeqs, RunOutcome, WorkerFork, WorkerStatus } from "./event_types.ts";
import type { DataOf, HostTypes } from "./host_types.ts";
import type { RuntimeId, WorkerId } from "./ids.ts";
import { deepFreeze } from "./json.ts";
import type { WorkerRecord } from "./records.ts";
import { noUsage, type UsageByModel, type UsageTotals } from "./usage.ts";

/** The partial answer of a run. Its text is in the events of the worker, from the first one on. */
export interface RunDraft {
  /** The event that began it. */
  readonly eventId: number;
  /** Sum of the UTF-8 bytes of the texts that its events add. Half of a surrogate pair has three. */
  readonly bytes: number;
}

/** An open run. */
export interface OpenRun {
  /** The run. */
  readonly runId: string;
  /** The event that began it, which identifies it even if run ids repeat. */
  readonly eventId: number;
  /** Time of its start, ISO 8601. */
  readonly startedAt: string;
  /**
   * Its partial answer, if it has one. Of runs that ended, only an interrupted one
   * keeps it, until the next run begins or the worker is rewound, stopped or retired.
   */
  readonly draft?: RunDraft;
}

/** A run that has ended. */
export interface EndedRun extends OpenRun {
  /** Time of its end, ISO 8601. */
  readonly endedAt: string;
  /** Outcome. */
  readonly outcome: RunOutcome;
  /** Reason. */
  readonly reason?: string;
}

/** The context of a worker. */
export interface ContextState extends ContextSeqs {
  /** The event of the last compaction or rewind, or of the creation of a fork. */
  readonly version: number;
}

/** Everything about a worker but its transcript and its events. */
export interface WorkerState<Types extends HostTypes = HostTypes> {
  /** Immutable description. */
  readonly record: WorkerRecord;
  /** Name for people. */
  readonly displayName?: string;
  /** Labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** Status: only a running worker accepts entries and runs. */
  readonly status: WorkerStatus;
  /** Reason for the status. */
  readonly reason?: string;
  /** The open run, or null when idle. */
  readonly run: OpenRun | null;
  /** The run that ended most recently. */
  readonly lastRun: EndedRun | null;
  /** Data of the host. */
  readonly data: DataOf<Types>;
  /** Entries in its transcript, which is also the sequence of the newest. */
  readonly transcriptLength: number;
  /** The context; absent before the first compaction or rewind: then it is the whole transcript. */
  readonly context?: ContextState;
  /** Usage in total. */
  readonly usage: UsageTotals;
  /** Usage by model. */
  readonly usageByModel: UsageByModel;
  /** When it was created, ISO 8601. */
  readonly createdAt: string;
  /** Time of its last event, ISO 8601. */
  readonly updatedAt: string;
  /** The event that created it; workers are listed in this order. */
  readonly createdEventId: number;
  /** Its last event. */
  readonly lastEventId: number;
  /** Its origin, if it was forked from another worker. */
  readonly fork?: Omit<WorkerFork, "context">;
}

/** The state of the runtime itself. */
export interface RuntimeState {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** `retired` is final. */
  readonly status: "running" | "retired";
  /** Number of openings. */
  readonly epoch: number;
  /** When it was created, ISO 8601; empty before event 1. */
  readonly createdAt: string;
  /** Time of its last event, ISO 8601. */
  readonly updatedAt: string;
  /** The last event; 0 before event 1. */
  readonly lastEventId: number;
  /** Usage of all workers, including purged ones. */
  readonly usage: UsageTotals;
  /** The same by model. */
  readonly usageByModel: UsageByModel;
}

/** The state that decisions and folding read: the runtime and its workers. */
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

/**
 * Returns a copy of a state for callers, whose parts are frozen on first access, so
 * that nobody can change the original.
 */
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

/**
 * Folding: applies one event to the state. Pure, and the same for a new event and
 * for one read from the log.
 *
 * @module
 */
import { isRuntimeError, RuntimeError } from "./errors.ts";
import type { EventHead } from "./event_types.ts";
import type { WorkerId } from "./ids.ts";
import { type JsonObject, mergePatch } from "./json.ts";
import { assertFollows } from "./rules.ts";
import type { EndedRun, RuntimeState, StateView, WorkerState } from "./state.ts";
import { addUsage, addUsageOf, noUsage } from "./usage.ts";

/** Receives the state of a worker after an event; `undefined` if the worker is gone. */
export type PutWorker = (workerId: WorkerId, state: WorkerState | undefined) => void;

/**
 * Returns the runtime after `event`; the workers that it changes are passed to
 * `put`. Throws `store_corrupt` if the event cannot follow the state; then `put` is
 * not called.
 */
export function evolve(view: StateView, event: EventHead, put: PutWorker): RuntimeState {
  const workerId = "workerId" in event ? event.workerId : undefined;
  const worker = workerId === undefined ? undefined : view.worker(workerId);
  assertPossible(view, worker, event);
  const runtime = evolveRuntime(view.runtime, event);
  if (workerId !== undefined) put(workerId, evolveWorker(worker, event));
  else if (event.type === "runtime.stopped") {
    for (const state of stopWorkers(view, event)) put(state.record.workerId, state);
  }
  return runtime;
}

function assertPossible(view: StateView, worker: WorkerState | undefined, event: EventHead): void {
  const { lastEventId } = view.runtime;
  if (event.id !== lastEventId + 1) {
    throw inconsistent(event, `Cannot ${actionOf(event)}: it follows event ${lastEventId}`);
  }
  try {
    assertFollows(view, worker, event, () => actionOf(event));
  } catch (error) {
    throw isRuntimeError(error) ? inconsistent(event, error.message, error) : error;
  }
}

function evolveRuntime(state: RuntimeState, event: EventHead): RuntimeState {
  const next = { ...state, lastEventId: event.id, updatedAt: event.at };
  switch (event.type) {
    case "runtime.created":
      return { ...next, createdAt: event.at };
    case "runtime.opened":
      return { ...next, epoch: event.epoch };
    case "runtime.stopped":
      return { ...next, status: "stopped" };
    case "worker.usage_recorded":
      return {
        ...next,
        usage: addUsage(state.usage, event.usage),
        usageByModel: addUsageOf(state.usageByModel, event.usage.model, event.usage),
      };
    default:
      return next;
  }
}

function evolveWorker(state: WorkerState | undefined, event: EventHead): WorkerState | undefined {
  if (event.type === "worker.created") return createdWorker(event);
  // A custom event may name a worker that no longer exists; the effect of unknown events is unknown.
  if (state === undefined) return undefined;
  switch (event.type) {
    case "worker.input_accepted":
    case "worker.transcript_appended":
      return {
        ...state,
        transcriptLength: state.transcriptLength + event.count,
        updatedAt: event.at,
        lastEventId: event.id,
      };
    case "worker.purged":
      return undefined;
    default:
      return { ...state, ...changeOf(state, event), updatedAt: event.at, lastEventId: event.id };
  }
}

function changeOf(state: WorkerState, event: EventHead): Partial<WorkerState> {
  switch (event.type) {
    case "worker.state_updated":
      return { data: mergePatch(state.data, event.patch) as JsonObject };
    case "worker.run_started":
      return { run: Object.freeze({ runId: event.runId, startedAt: event.at }) };
    case "worker.run_finished":
    case "worker.run_interrupted":
      return { run: null, lastRun: endedRun(state, event.at, event.outcome, event.reason) };
    case "worker.usage_recorded":
      return {
        usage: addUsage(state.usage, event.usage),
        usageByModel: addUsageOf(state.usageByModel, event.usage.model, event.usage),
      };
    case "worker.stopped":
      return ended(state, "stopped", event.at, event.reason);
    case "worker.cancelled":
      return ended(state, "cancelled", event.at, event.reason);
    default:
      return {};
  }
}

function createdWorker(event: Extract<EventHead, { type: "worker.created" }>): WorkerState {
  return {
    record: event.record,
    status: "running",
    run: null,
    lastRun: null,
    data: Object.freeze({}),
    transcriptLength: 0,
    usage: noUsage,
    usageByModel: Object.freeze({}),
    createdAt: event.at,
    updatedAt: event.at,
    createdEventId: event.id,
    lastEventId: event.id,
  };
}

/** Returns a worker that has ended; its open run is cancelled with it. */
function ended(
  state: WorkerState,
  status: WorkerState["status"],
  at: string,
  reason: string | undefined,
): Partial<WorkerState> {
  return {
    status,
    ...(reason === undefined ? {} : { reason }),
    run: null,
    lastRun: endedRun(state, at, "cancelled", reason),
  };
}

function endedRun(
  state: WorkerState,
  at: string,
  outcome: EndedRun["outcome"],
  reason: string | undefined,
): EndedRun | null {
  if (state.run === null) return state.lastRun;
  return Object.freeze({ ...state.run, endedAt: at, outcome, ...(reason === undefined ? {} : { reason }) });
}

function stopWorkers(
  view: StateView,
  event: Extract<EventHead, { type: "runtime.stopped" }>,
): WorkerState[] {
  const workers: WorkerState[] = [];
  for (const state of view.workers()) {
    if (state.status !== "running") continue;
    workers.push({
      ...state,
      ...ended(state, "stopped", event.at, event.reason),
      updatedAt: event.at,
      lastEventId: event.id,
    });
  }
  return workers;
}

function actionOf(event: EventHead): string {
  return `apply event ${event.id} (${event.type})`;
}

function inconsistent(event: EventHead, message: string, cause?: unknown): RuntimeError<"store_corrupt"> {
  const reason = `${message.slice("Cannot apply ".length)}, which contradicts the events before it`;
  const eventIds: readonly [number, number] = [event.id, event.id];
  return new RuntimeError("store_corrupt", message, { file: "", eventIds, reason }, { cause });
}

/**
 * Folding: applies one event to the state. Pure, and the same for a new event and
 * for one read from the log.
 *
 * @module
 */
import { changedContext } from "./context.ts";
import { isRuntimeError, RuntimeError } from "./errors.ts";
import type { EventHead, RecordedUsage, RunChange, WorkerFork } from "./event_types.ts";
import type { WorkerId } from "./ids.ts";
import { type JsonObject, mergePatch } from "./json.ts";
import { assertFollows, leavesNoRun } from "./rules.ts";
import type { EndedRun, OpenRun, RuntimeState, StateView, WorkerState } from "./state.ts";
import { byteLength } from "./text.ts";
import { addUsage, addUsageOf, noUsage, type UsageByModel, type UsageTotals } from "./usage.ts";

/** Receives the state of a worker after an event; `undefined` if the worker is gone. */
export type PutWorker = (workerId: WorkerId, state: WorkerState | undefined) => void;

type ChangeHead = Extract<EventHead, { type: "worker.created" | "worker.committed" }>;

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
  else if (event.type === "runtime.retired") {
    for (const state of retiredWorkers(view, event)) put(state.record.workerId, state);
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
    case "runtime.retired":
      return { ...next, status: "retired" };
    case "worker.created":
    case "worker.committed":
      return event.usage === undefined ? next : { ...next, ...withUsage(state, event.usage) };
    default:
      return next;
  }
}

function evolveWorker(state: WorkerState | undefined, event: EventHead): WorkerState | undefined {
  if (event.type === "worker.created") return changed(createdWorker(event), event);
  // The effect of unknown events is unknown.
  if (state === undefined || event.type === "worker.purged") return undefined;
  if (event.type === "worker.committed") return changed(state, event);
  return { ...state, updatedAt: event.at, lastEventId: event.id };
}

/** Returns a worker after its changes. Only entries are frequent, so they take the short path. */
function changed(state: WorkerState, event: ChangeHead): WorkerState {
  const { count = 0, run, status, displayName, labels, data, usage, context, draft } = event;
  const next = {
    ...state,
    transcriptLength: state.transcriptLength + count,
    updatedAt: event.at,
    lastEventId: event.id,
  };
  if (run !== undefined) Object.assign(next, changedRun(state, event, run));
  if (status !== undefined) setOrDelete(next, "reason", event.reason);
  if (status !== undefined) next.status = status;
  if (leavesNoRun(event)) next.lastRun = withoutDraft(next.lastRun);
  // The end of a run drops its draft.
  if (draft !== undefined && next.run !== null) next.run = withDraft(next.run, event.id, draft);
  if (displayName !== undefined) setOrDelete(next, "displayName", displayName ?? undefined);
  if (labels !== undefined) next.labels = mergePatch(state.labels, labels) as WorkerState["labels"];
  if (data !== undefined) next.data = mergePatch(state.data, data) as JsonObject;
  if (usage !== undefined) Object.assign(next, withUsage(state, usage));
  if (context !== undefined) next.context = changedContext(state, context, event.id);
  return next;
}

type Mutable<State> = { -readonly [Name in keyof State]: State[Name] };

function setOrDelete<Name extends "reason" | "displayName">(
  state: Mutable<WorkerState>,
  name: Name,
  value: WorkerState[Name],
): void {
  if (value === undefined) delete state[name];
  else state[name] = value;
}

function changedRun(state: WorkerState, event: ChangeHead, run: RunChange): Partial<WorkerState> {
  const { id: eventId, at, runId = "" } = event;
  if (run.began) {
    return { run: Object.freeze({ runId, eventId, startedAt: at }), lastRun: withoutDraft(state.lastRun) };
  }
  return { run: null, lastRun: endedRun(state, at, run.ended ?? "interrupted", run.reason) };
}

/** Returns a run whose draft an event continues, begins or drops. */
function withDraft(run: OpenRun, id: number, text: string | null): OpenRun {
  if (text === null) return withoutDraft(run);
  const { eventId, bytes } = run.draft ?? { eventId: id, bytes: 0 };
  const draft = Object.freeze({ eventId, bytes: bytes + byteLength(text) });
  return Object.freeze({ ...run, draft });
}

function withoutDraft<Run extends OpenRun | null>(run: Run): Run {
  if (run?.draft === undefined) return run;
  const { draft: _, ...others } = run;
  return Object.freeze(others) as Run;
}

function withUsage(
  { usage, usageByModel }: { readonly usage: UsageTotals; readonly usageByModel: UsageByModel },
  reports: readonly RecordedUsage[],
): { usage: UsageTotals; usageByModel: UsageByModel } {
  for (const report of reports) {
    usage = addUsage(usage, report);
    usageByModel = addUsageOf(usageByModel, report.model, report);
  }
  return { usage, usageByModel };
}

function createdWorker(event: Extract<EventHead, { type: "worker.created" }>): WorkerState {
  return {
    record: event.record,
    labels: Object.freeze({}),
    status: "running",
    run: null,
    lastRun: null,
    data: Object.freeze({}),
    transcriptLength: event.fork?.seq ?? 0,
    usage: noUsage,
    usageByModel: Object.freeze({}),
    createdAt: event.at,
    updatedAt: event.at,
    createdEventId: event.id,
    lastEventId: event.id,
    ...(event.fork === undefined ? {} : forkedFrom(event.id, event.fork)),
  };
}

/** Members of the state of a fork. */
function forkedFrom(
  version: number,
  { context, ...fork }: WorkerFork,
): Pick<WorkerState, "fork" | "context"> {
  return context === undefined ? { fork } : { fork, context: { version, ...context } };
}

function endedRun(
  { run, lastRun }: WorkerState,
  endedAt: string,
  outcome: EndedRun["outcome"],
  reason: string | undefined,
): EndedRun | null {
  if (run === null) return lastRun;
  const kept = outcome === "interrupted" ? run : withoutDraft(run);
  return Object.freeze({ ...kept, endedAt, outcome, ...(reason === undefined ? {} : { reason }) });
}

function retiredWorkers(
  view: StateView,
  { id, at, reason }: Extract<EventHead, { type: "runtime.retired" }>,
): WorkerState[] {
  const workers: WorkerState[] = [];
  for (const state of view.workers()) {
    if (state.status === "retired") continue;
    const lastRun = withoutDraft(endedRun(state, at, "cancelled", reason));
    const next: Mutable<WorkerState> = { ...state, status: "retired", run: null, lastRun };
    setOrDelete(next, "reason", reason);
    workers.push(Object.assign(next, { updatedAt: at, lastEventId: id }));
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

/**
 * Preconditions of events. A command that violates one is rejected; a log that
 * violates one is corrupt.
 *
 * @module
 */
import { invalidRequest, limitExceeded, RuntimeError } from "./errors.ts";
import type { EventHead } from "./event_types.ts";
import { isKnownEvent, SALVAGED } from "./events.ts";
import type { WorkerId } from "./ids.ts";
import { limits } from "./limits.ts";
import type { RuntimeState, StateView, WorkerState } from "./state.ts";

/** Returns the name of the action for the error message, such as `stop worker`. Called only on failure. */
export type Action = () => string;

/**
 * Throws a typed error if an event cannot follow the state; `worker` is the
 * state of the event's worker, if it exists. An event of an unknown type may
 * follow any state but the empty one.
 */
export function assertFollows(
  view: StateView,
  worker: WorkerState | undefined,
  event: EventHead,
  action: Action,
): void {
  const { runtime } = view;
  if ((runtime.lastEventId === 0) !== (event.type === "runtime.created")) {
    throw invalidRequest(action(), "the first event, and no other, is runtime.created");
  }
  switch (event.type) {
    case "runtime.created":
      if (event.runtimeId === runtime.runtimeId) return;
      throw invalidRequest(action(), `it is of runtime ${JSON.stringify(event.runtimeId)}`);
    case "runtime.opened":
      if (event.epoch === runtime.epoch + 1) return;
      throw invalidRequest(action(), `its epoch is ${event.epoch}, and the last one was ${runtime.epoch}`);
    case "runtime.closed":
      return;
    case "custom":
      // An opening records it, even for a stopped runtime.
      if (event.name === SALVAGED && event.workerId === undefined) return;
      return assertLive(runtime, action);
    case "runtime.stopped":
      return assertLive(runtime, action);
    case "worker.created":
      assertLive(runtime, action);
      return assertNew(view, worker, event.record.workerId, event.workerId, action);
    default:
      if (!isKnownEvent(event)) return;
      assertLive(runtime, action);
      if (worker === undefined) throw workerNotFound(event.workerId, action());
      assertFitsWorker(worker, event, action);
  }
}

type OfWorker = Exclude<EventHead, { type: `runtime.${string}` | "custom" | "worker.created" }>;

function assertFitsWorker(worker: WorkerState, event: OfWorker, action: Action): void {
  switch (event.type) {
    case "worker.input_accepted":
    case "worker.transcript_appended":
      assertRunning(worker, action);
      assertNext(worker, event.seq, event.count, action);
      return assertNamesRun(worker, event.runId, action);
    case "worker.usage_recorded":
      return assertNamesRun(worker, event.runId, action);
    case "worker.run_finished":
    case "worker.run_interrupted":
      if (worker.run?.runId === event.runId) return;
      throw notRunning(worker, action(), `run ${JSON.stringify(event.runId)} is not open`);
    case "worker.purged":
      if (worker.status !== "running") return;
      throw invalidRequest(
        action(),
        `${JSON.stringify(worker.record.workerId)} is running, stop or cancel it first`,
      );
    case "worker.run_started":
    case "worker.stopped":
      assertRunning(worker, action);
      if (worker.run !== null) throw busy(worker, worker.run.runId, action());
      return;
    default:
      assertRunning(worker, action);
  }
}

/** Throws `runtime_stopped` once the runtime is stopped. */
export function assertLive({ status, runtimeId }: RuntimeState, action: Action): void {
  if (status === "running") return;
  const message = `Cannot ${action()}: runtime ${JSON.stringify(runtimeId)} is stopped`;
  throw new RuntimeError("runtime_stopped", message, { runtimeId });
}

/** Returns a worker. Throws `worker_not_found`. */
export function existingWorker(view: StateView, workerId: WorkerId): WorkerState {
  const worker = view.worker(workerId);
  if (worker === undefined) throw workerNotFound(workerId);
  return worker;
}

/** Creates the error for a worker that does not exist. */
export function workerNotFound(
  workerId: WorkerId,
  action = "find worker",
): RuntimeError<"worker_not_found"> {
  const message = `Cannot ${withWorker(action, workerId)}: the runtime has no such worker`;
  return new RuntimeError("worker_not_found", message, { workerId });
}

function assertNew(
  view: StateView,
  worker: WorkerState | undefined,
  recordId: WorkerId,
  workerId: WorkerId,
  action: Action,
): void {
  if (recordId !== workerId) {
    throw invalidRequest(action(), `its record is of worker ${JSON.stringify(recordId)}`);
  }
  if (worker !== undefined) {
    const message = `Cannot ${withWorker(action(), workerId)}: the id is in use`;
    throw new RuntimeError("worker_exists", message, { workerId });
  }
  if (view.workerCount >= limits.workersMax) {
    throw limitExceeded(action(), "workers", limits.workersMax, view.workerCount + 1);
  }
}

function assertRunning(worker: WorkerState, action: Action): void {
  if (worker.status !== "running") throw notRunning(worker, action(), `the worker is ${worker.status}`);
}

function assertNext({ transcriptLength }: WorkerState, seq: number, count: number, action: Action): void {
  if (seq === transcriptLength + 1 && Number.isSafeInteger(transcriptLength + count)) return;
  throw invalidRequest(action(), `seq is ${seq}, and the transcript has ${transcriptLength} entries`);
}

function assertNamesRun({ run }: WorkerState, runId: string | undefined, action: Action): void {
  if (run?.runId === runId) return;
  const named = runId === undefined ? "it names no run" : `it names run ${JSON.stringify(runId)}`;
  const open = run === null ? "none is open" : `run ${JSON.stringify(run.runId)} is open`;
  throw invalidRequest(action(), `${named}, and ${open}`);
}

function notRunning(worker: WorkerState, action: string, state: string): RuntimeError<"worker_not_running"> {
  const { workerId } = worker.record;
  const message = `Cannot ${withWorker(action, workerId)}: ${state}`;
  return new RuntimeError("worker_not_running", message, { workerId, status: worker.status });
}

function busy(worker: WorkerState, runId: string, action: string): RuntimeError<"worker_busy"> {
  const { workerId } = worker.record;
  const message = `Cannot ${withWorker(action, workerId)}: run ${JSON.stringify(runId)} is open`;
  return new RuntimeError("worker_busy", message, { workerId, runId });
}

function withWorker(action: string, workerId: WorkerId): string {
  return `${action}${action.endsWith(" worker") ? "" : " of worker"} ${JSON.stringify(workerId)}`;
}

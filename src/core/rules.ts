/**
 * Preconditions of events. A command that violates one is rejected; a log that
 * violates one is corrupt.
 *
 * @module
 */
import { assertChangesContext, contextIssue } from "./context.ts";
import { invalidRequest, limitExceeded, RuntimeError } from "./errors.ts";
import type { EventHead, WorkerChange } from "./event_types.ts";
import { isKnownEvent, SALVAGED } from "./events.ts";
import type { WorkerId } from "./ids.ts";
import { limits } from "./limits.ts";
import type { RunDraft, RuntimeState, StateView, WorkerState } from "./state.ts";
import { byteLength } from "./text.ts";

/** Returns the name of the action for the error message, such as `stop worker`. Called only on failure. */
export type Action = () => string;

type OfWorker = Exclude<EventHead, { type: `runtime.${string}` | "custom" | "worker.created" }>;
type Committed = Extract<EventHead, { type: "worker.committed" }>;

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
      // An opening records it, even for a retired runtime.
      if (event.name === SALVAGED) return;
      return assertLive(runtime, action);
    case "runtime.retired":
      return assertLive(runtime, action);
    case "worker.created":
      assertLive(runtime, action);
      return assertCreates(view, worker, event, action);
    default:
      if (!isKnownEvent(event)) return;
      assertLive(runtime, action);
      if (worker === undefined) throw workerNotFound(event.workerId, action());
      assertFitsWorker(worker, event, action);
  }
}

function assertFitsWorker(worker: WorkerState, event: OfWorker, action: Action): void {
  if (event.type === "worker.committed") return assertCommits(worker, event, action);
  if (worker.status !== "running") return;
  throw invalidRequest(
    action(),
    `${JSON.stringify(worker.record.workerId)} is running, stop or retire it first`,
  );
}

/** Members that only a running worker accepts. Costs may arrive late, and so may members of a newer version. */
const WHILE_RUNNING = ["seq", "runId", "run", "displayName", "labels", "data", "events", "context"] as const;

function assertCommits(worker: WorkerState, event: Committed, action: Action): void {
  const { seq, count, runId, run, status, context, draft } = event;
  if (status !== undefined) assertNextStatus(worker, status, action);
  const isRunning = worker.status === "running" || status === "running";
  if (!isRunning && WHILE_RUNNING.some((name) => event[name] !== undefined)) {
    throw notRunning(worker, action());
  }
  if (seq !== undefined && count !== undefined) assertNext(worker, seq, count, action);
  if (run !== undefined && (run.began === undefined) === (run.ended === undefined)) {
    throw invalidRequest(action(), "a run either begins or ends");
  }
  if (run?.began) {
    if (runId === undefined) throw invalidRequest(action(), "it begins a run without an id");
    if (worker.run !== null) throw busy(worker, worker.run.runId, action());
  } else if (runId !== undefined || run !== undefined) assertNamesRun(worker, runId, action);
  if (draft !== undefined) assertDraft(worker.run?.draft, runId, draft, action);
  const isOpen = run === undefined ? worker.run !== null : run.ended === undefined;
  if (isOpen && leavesNoRun(event)) throw busy(worker, worker.run?.runId ?? runId ?? "", action());
  if (context !== undefined) assertChangesContext(worker, context, count, action);
}

/** Returns true for a change that leaves no run open, and no draft. */
export function leavesNoRun({ status, context }: Pick<WorkerChange, "status" | "context">): boolean {
  return status === "stopped" || status === "retired" || context?.rewound !== undefined;
}

/** Statuses that may follow each status. */
const NEXT_STATUS: Readonly<Record<WorkerState["status"], readonly WorkerState["status"][]>> = {
  running: ["stopped", "retired"],
  stopped: ["running", "retired"],
  retired: [],
};

function assertNextStatus(worker: WorkerState, status: WorkerState["status"], action: Action): void {
  if (NEXT_STATUS[worker.status].includes(status)) return;
  if (worker.status !== "running") throw notRunning(worker, action());
  throw invalidRequest(action(), `${JSON.stringify(worker.record.workerId)} is running`);
}

/** Throws `runtime_retired` once the runtime is retired. */
export function assertLive({ status, runtimeId }: RuntimeState, action: Action): void {
  if (status === "running") return;
  const message = `Cannot ${action()}: runtime ${JSON.stringify(runtimeId)} is retired`;
  throw new RuntimeError("runtime_retired", message, { runtimeId });
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

/** Creates the error for a run that has ended. */
export function runEnded(workerId: WorkerId, runId: string, action: string): RuntimeError<"run_ended"> {
  const message = `Cannot ${withWorker(action, workerId)}: run ${JSON.stringify(runId)} has ended`;
  return new RuntimeError("run_ended", message, { workerId, runId });
}

function assertCreates(
  view: StateView,
  worker: WorkerState | undefined,
  event: Extract<EventHead, { type: "worker.created" }>,
  action: Action,
): void {
  const { workerId, record, seq, count, run, runId, status, context, draft, fork } = event;
  if (record.workerId !== workerId) {
    throw invalidRequest(action(), `its record is of worker ${JSON.stringify(record.workerId)}`);
  }
  if ([run, runId, status, context, draft].some((member) => member !== undefined)) {
    throw invalidRequest(action(), "a new worker is running, has no run, and its context is its transcript");
  }
  if (fork !== undefined && (fork.seq === 0) !== (fork.base === undefined)) {
    throw invalidRequest(action(), "a fork has a base if it has entries of another worker");
  }
  const issue = fork?.context === undefined ? undefined : contextIssue({
    context: { version: event.id, ...fork.context },
    transcriptLength: fork.seq,
    createdEventId: event.id,
    lastEventId: event.id,
  });
  if (issue !== undefined) throw invalidRequest(action(), `context of the fork: ${issue}`);
  if (seq !== undefined && count !== undefined) {
    assertNext({ transcriptLength: fork?.seq ?? 0 }, seq, count, action);
  }
  if (worker !== undefined) {
    const message = `Cannot ${withWorker(action(), workerId)}: the id is in use`;
    throw new RuntimeError("worker_exists", message, { workerId });
  }
  if (view.workerCount >= limits.workersMax) {
    throw limitExceeded(action(), "workers", limits.workersMax, view.workerCount + 1);
  }
}

function assertNext(
  { transcriptLength }: Pick<WorkerState, "transcriptLength">,
  seq: number,
  count: number,
  action: Action,
): void {
  if (seq === transcriptLength + 1 && Number.isSafeInteger(transcriptLength + count)) return;
  throw invalidRequest(action(), `seq is ${seq}, and the transcript has ${transcriptLength} entries`);
}

function assertNamesRun({ run, record }: WorkerState, runId: WorkerChange["runId"], action: Action): void {
  if (runId === undefined) throw invalidRequest(action(), "it ends a run without an id");
  if (run?.runId !== runId) throw runEnded(record.workerId, runId, action());
}

function assertDraft(
  before: RunDraft | undefined,
  runId: string | undefined,
  text: string | null,
  action: Action,
): void {
  if (runId === undefined) throw invalidRequest(action(), "draft: only a run has one");
  const bytes = text === null ? 0 : (before?.bytes ?? 0) + byteLength(text);
  if (bytes > limits.draftBytesMax) throw limitExceeded(action(), "draft bytes", limits.draftBytesMax, bytes);
}

function notRunning(worker: WorkerState, action: string): RuntimeError<"worker_not_running"> {
  const { workerId } = worker.record;
  const message = `Cannot ${withWorker(action, workerId)}: the worker is ${worker.status}`;
  return new RuntimeError("worker_not_running", message, { workerId, status: worker.status });
}

function busy(worker: WorkerState, runId: string, action: string): RuntimeError<"worker_busy"> {
  const { workerId } = worker.record;
  const message = `Cannot ${withWorker(action, workerId)}: run ${JSON.stringify(runId)} is open`;
  return new RuntimeError("worker_busy", message, { workerId, runId });
}

function withWorker(action: string, workerId: WorkerId): string {
  const id = JSON.stringify(workerId);
  if (action.endsWith(" worker")) return `${action} ${id}`;
  return `${action} ${action === "send input" ? "to" : "of"} worker ${id}`;
}

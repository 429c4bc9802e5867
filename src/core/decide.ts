/**
 * Decisions: a command against the state gives exactly one event, the receipt
 * of an earlier one, or a typed error. Pure.
 *
 * @module
 */
import { actionOf, type Command, type CommandBody } from "./commands.ts";
import { invalidRequest, limitExceeded, RuntimeError } from "./errors.ts";
import type { EventHead } from "./events.ts";
import type { WorkerId } from "./ids.ts";
import { type Json, mergePatch } from "./json.ts";
import { ENDED, endedKey, type KeyEntry } from "./keys.ts";
import { limits } from "./limits.ts";
import type { StateView, WorkerState } from "./state.ts";
import { byteLength, fitsBytes } from "./text.ts";

/** What a decision reads besides the state: the keys of a worker, of commands that ended one, or (undefined) of the runtime. */
export interface DecisionView extends StateView {
  /** What a key led to. */
  keyEntry(scope: string | undefined, key: string): KeyEntry | undefined;
}

/** The outcome of a decision. */
export type Decision =
  | { readonly head: EventHead; readonly entriesJson: string }
  | { readonly duplicate: KeyEntry };

/** What event a command becomes, with the given id and time. Throws the typed error that refuses it. */
export function decide(view: DecisionView, command: Command, id: number, at: string): Decision {
  const { body, key } = command;
  const workerId = scopeOf(body);
  if (key !== undefined) {
    const earlier = view.keyEntry(workerId, key.key) ?? endedEntry(view, body, key.key);
    if (earlier !== undefined) return { duplicate: sameRequest(earlier, key) };
  }
  const worker = workerId === undefined ? undefined : knownWorker(view, workerId);
  if (view.runtime.status === "stopped") {
    const { runtimeId } = view.runtime;
    throw new RuntimeError(
      "runtime_stopped",
      `Cannot ${actionOf(body)}: runtime ${JSON.stringify(runtimeId)} is stopped`,
      {
        runtimeId,
      },
    );
  }
  checkExpectation(view, worker, command);
  const head = eventOf(view, worker, body, { id, at });
  const entriesJson = body.type === "append_entries" ? body.entriesJson : "";
  return { head: key === undefined ? head : { ...head, ...key }, entriesJson };
}

/** The worker whose keys and expectation a command goes by; `undefined` for the runtime's. */
function scopeOf(body: CommandBody): WorkerId | undefined {
  return "workerId" in body ? body.workerId : undefined;
}

function knownWorker(view: StateView, workerId: WorkerId): WorkerState {
  const worker = view.worker(workerId);
  if (worker !== undefined) return worker;
  throw workerNotFound(workerId);
}

/** The error for a worker that is not there. */
export function workerNotFound(workerId: WorkerId): RuntimeError<"worker_not_found"> {
  const message = `Cannot find worker ${JSON.stringify(workerId)}: the runtime has no such worker`;
  return new RuntimeError("worker_not_found", message, { workerId });
}

/** The command of this key that ended a worker of that id, which may be gone. */
function endedEntry(view: DecisionView, body: CommandBody, key: string): KeyEntry | undefined {
  if (body.type !== "end_worker" && body.type !== "purge_worker") return undefined;
  return view.keyEntry(ENDED, endedKey(body.workerId, key));
}

function sameRequest(earlier: KeyEntry, { key, request }: NonNullable<Command["key"]>): KeyEntry {
  if (earlier.request === request) return earlier;
  const { eventId } = earlier;
  const message = `Cannot repeat command: key ${
    JSON.stringify(key)
  } was used for other content in event ${eventId}`;
  throw new RuntimeError("key_reused", message, { key, eventId });
}

function checkExpectation(view: StateView, worker: WorkerState | undefined, command: Command): void {
  const expected = command.expectedLastEventId;
  if (expected === undefined) return;
  const actual = worker === undefined ? view.runtime.lastEventId : worker.lastEventId;
  if (expected === actual) return;
  const message = `Cannot ${
    actionOf(command.body)
  }: the last event is ${actual}, not ${expected} as expected`;
  throw new RuntimeError("conflict", message, { expected, actual });
}

/** What every event begins with. */
interface Seal {
  readonly id: number;
  readonly at: string;
}

function eventOf(view: StateView, worker: WorkerState | undefined, body: CommandBody, seal: Seal): EventHead {
  switch (body.type) {
    case "create_worker":
      return createWorker(view, body, seal);
    case "stop_runtime":
      return { ...seal, type: "runtime.stopped", ...reasonOf(body) };
    case "record_custom": {
      const { name, data, workerId } = body;
      return { ...seal, type: "custom", ...(workerId === undefined ? {} : { workerId }), name, data };
    }
    default:
      return workerEvent(present(worker), body, seal);
  }
}

type WorkerCommand = Exclude<CommandBody, { type: "create_worker" | "stop_runtime" | "record_custom" }>;

function workerEvent(worker: WorkerState, body: WorkerCommand, seal: Seal): EventHead {
  switch (body.type) {
    case "purge_worker":
      return purge(worker, seal);
    case "finish_run":
      return finishRun(worker, body, seal);
    case "record_usage":
      return recordUsage(worker, body, seal);
    default:
      mustRun(worker, actionOf(body));
      return runningWorkerEvent(worker, body, seal);
  }
}

type RunningWorkerCommand = Exclude<WorkerCommand, { type: "purge_worker" | "finish_run" | "record_usage" }>;

function runningWorkerEvent(worker: WorkerState, body: RunningWorkerCommand, seal: Seal): EventHead {
  const { workerId } = body;
  switch (body.type) {
    case "append_entries": {
      const { id, at } = seal;
      // Member by member: to spread another object into it takes several times as long.
      const head = { id, at, type: body.as, workerId, seq: worker.transcriptLength + 1, count: body.count };
      return worker.run === null ? head : { ...head, runId: worker.run.runId };
    }
    case "update_state":
      checkData(worker, body.patch);
      return { ...seal, type: "worker.state_updated", workerId, patch: body.patch };
    case "begin_run":
      if (worker.run !== null) throw busy(worker, worker.run.runId, "begin run");
      return { ...seal, type: "worker.run_started", workerId, runId: body.runId };
    case "end_worker":
      if (body.as === "worker.stopped" && worker.run !== null) {
        throw busy(worker, worker.run.runId, actionOf(body));
      }
      return { ...seal, type: body.as, workerId, ...reasonOf(body) };
  }
}

function createWorker(
  view: StateView,
  body: Extract<CommandBody, { type: "create_worker" }>,
  seal: Seal,
): EventHead {
  const { workerId } = body.record;
  if (view.worker(workerId) !== undefined) {
    const message = `Cannot create worker ${JSON.stringify(workerId)}: the id is in use`;
    throw new RuntimeError("worker_exists", message, { workerId });
  }
  if (view.workerCount >= limits.workersMax) {
    throw limitExceeded("create worker", "workers", limits.workersMax, view.workerCount + 1);
  }
  return { ...seal, type: "worker.created", workerId, record: body.record };
}

function purge(worker: WorkerState, seal: Seal): EventHead {
  const { workerId } = worker.record;
  if (worker.status === "running") {
    throw invalidRequest("purge worker", `${JSON.stringify(workerId)} is running, stop or cancel it first`);
  }
  return { ...seal, type: "worker.purged", workerId };
}

function finishRun(
  worker: WorkerState,
  body: Extract<CommandBody, { type: "finish_run" }>,
  seal: Seal,
): EventHead {
  const { workerId, runId, outcome } = body;
  if (worker.run?.runId !== runId) throw notRunning(worker, `finish run ${runId}`, "the run is not open");
  return { ...seal, type: "worker.run_finished", workerId, runId, outcome, ...reasonOf(body) };
}

/** Also after the worker's end: what a model call cost is owed, however late it comes back. */
function recordUsage(
  worker: WorkerState,
  body: Extract<CommandBody, { type: "record_usage" }>,
  seal: Seal,
): EventHead {
  const { workerId, usage } = body;
  return { ...seal, type: "worker.usage_recorded", workerId, ...runIdOf(worker), usage };
}

function checkData(worker: WorkerState, patch: Json): void {
  const text = JSON.stringify(mergePatch(worker.data, patch));
  if (!fitsBytes(text, limits.dataBytesMax)) {
    throw limitExceeded("update state", "data bytes", limits.dataBytesMax, byteLength(text));
  }
}

function mustRun(worker: WorkerState, action: string): void {
  if (worker.status !== "running") throw notRunning(worker, action, `the worker is ${worker.status}`);
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

function reasonOf(body: { readonly reason: string | undefined }): { reason?: string } {
  return body.reason === undefined ? {} : { reason: body.reason };
}

function runIdOf(worker: WorkerState): { runId?: string } {
  return worker.run === null ? {} : { runId: worker.run.runId };
}

function present(worker: WorkerState | undefined): WorkerState {
  if (worker === undefined) throw new Error("Cannot decide: the worker was not looked up");
  return worker;
}

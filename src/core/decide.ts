/**
 * Decisions: a command and the state yield exactly one event, the receipt of an
 * earlier one, or a typed error. Pure.
 *
 * @module
 */
import { actionOf, type Command, type CommandBody } from "./commands.ts";
import { limitExceeded, RuntimeError } from "./errors.ts";
import type { EventHead } from "./event_types.ts";
import type { WorkerId } from "./ids.ts";
import { type Json, mergePatch } from "./json.ts";
import { ENDED, endedKey, type KeyEntry } from "./keys.ts";
import { limits } from "./limits.ts";
import { assertFollows, assertLive, workerNotFound } from "./rules.ts";
import type { StateView, WorkerState } from "./state.ts";
import { byteLength, fitsBytes } from "./text.ts";

/** Reads the keys of a worker, of commands that ended a worker, or (undefined) of the runtime. */
export interface DecisionView extends StateView {
  /** Returns the entry of a key, if it is known. */
  keyEntry(scope: string | undefined, key: string): KeyEntry | undefined;
}

/** Outcome of a decision. */
export type Decision =
  | { readonly head: EventHead; readonly entriesJson: string }
  | { readonly duplicate: KeyEntry };

/** Returns the event of a command, with the given id and time. Throws the typed error that rejects it. */
export function decide(view: DecisionView, command: Command, id: number, at: string): Decision {
  const { body, key } = command;
  const workerId = scopeOf(body);
  if (key !== undefined) {
    const earlier = view.keyEntry(workerId, key.key) ?? endedEntry(view, body, key.key);
    if (earlier !== undefined) return { duplicate: sameRequest(earlier, key) };
  }
  const worker = workerId === undefined ? undefined : knownWorker(view, workerId);
  const action = () => actionOf(body);
  assertLive(view.runtime, action);
  checkExpectation(view, worker, command);
  const head = eventOf(worker, body, { id, at });
  assertFollows(view, head.type === "worker.created" ? view.worker(head.workerId) : worker, head, action);
  if (body.type === "update_state") checkData(present(worker), body.patch);
  const entriesJson = body.type === "append_entries" ? body.entriesJson : "";
  return { head: key === undefined ? head : { ...head, ...key }, entriesJson };
}

/** Returns the worker whose keys and last event apply to a command; `undefined` for the runtime's. */
function scopeOf(body: CommandBody): WorkerId | undefined {
  return "workerId" in body ? body.workerId : undefined;
}

function knownWorker(view: StateView, workerId: WorkerId): WorkerState {
  const worker = view.worker(workerId);
  if (worker !== undefined) return worker;
  throw workerNotFound(workerId);
}

/** Returns the earlier command with this key that ended a worker with this id, which may no longer exist. */
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

/** Members at the start of every event. */
interface Seal {
  readonly id: number;
  readonly at: string;
}

function eventOf(worker: WorkerState | undefined, body: CommandBody, seal: Seal): EventHead {
  switch (body.type) {
    case "create_worker":
      return { ...seal, type: "worker.created", workerId: body.record.workerId, record: body.record };
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
  const { workerId } = body;
  switch (body.type) {
    case "append_entries": {
      const { id, at } = seal;
      // Member by member: spreading another object into it takes several times as long.
      const head = { id, at, type: body.as, workerId, seq: worker.transcriptLength + 1, count: body.count };
      return worker.run === null ? head : { ...head, runId: worker.run.runId };
    }
    case "update_state":
      return { ...seal, type: "worker.state_updated", workerId, patch: body.patch };
    case "begin_run":
      return { ...seal, type: "worker.run_started", workerId, runId: body.runId };
    case "finish_run": {
      const { runId, outcome } = body;
      return { ...seal, type: "worker.run_finished", workerId, runId, outcome, ...reasonOf(body) };
    }
    case "record_usage":
      // Also accepted after the worker's end: usage of a model call counts, however late the call returns.
      return { ...seal, type: "worker.usage_recorded", workerId, ...runIdOf(worker), usage: body.usage };
    case "end_worker":
      return { ...seal, type: body.as, workerId, ...reasonOf(body) };
    case "purge_worker":
      return { ...seal, type: "worker.purged", workerId };
  }
}

function checkData(worker: WorkerState, patch: Json): void {
  const text = JSON.stringify(mergePatch(worker.data, patch));
  if (!fitsBytes(text, limits.dataBytesMax)) {
    throw limitExceeded("update state", "data bytes", limits.dataBytesMax, byteLength(text));
  }
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

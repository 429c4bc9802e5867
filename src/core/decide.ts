/**
 * Decisions: a command and the state yield exactly one event, the receipt of an
 * earlier one, or a typed error. Pure.
 *
 * @module
 */
import { actionOf, type Command, type CommandBody } from "./commands.ts";
import { limitExceeded, RuntimeError } from "./errors.ts";
import type { EventHead } from "./event_types.ts";
import { type Json, mergePatch } from "./json.ts";
import { ENDED, endedKey, endsWorker, type KeyEntry, keyScopeOf } from "./keys.ts";
import { limits } from "./limits.ts";
import { assertFollows, assertLive, existingWorker } from "./rules.ts";
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
  const workerId = keyScopeOf(body);
  if (key !== undefined) {
    const earlier = view.keyEntry(workerId, key.key) ?? endedEntry(view, body, key.key);
    if (earlier !== undefined) return { duplicate: sameRequest(earlier, key) };
  }
  const worker = workerId === undefined ? undefined : existingWorker(view, workerId);
  const action = () => actionOf(body);
  assertLive(view.runtime, action);
  checkExpectation(view, worker, command);
  const head = eventOf(worker, body, id, at);
  assertFollows(view, body.type === "worker.created" ? view.worker(body.workerId) : worker, head, action);
  if (body.type === "worker.state_updated") checkData(worker, body.patch);
  const entriesJson = "entriesJson" in body ? body.entriesJson : "";
  return { head: key === undefined ? head : { ...head, ...key }, entriesJson };
}

/** Returns the earlier command with this key that ended a worker with this id, which may no longer exist. */
function endedEntry(view: DecisionView, body: CommandBody, key: string): KeyEntry | undefined {
  if (!endsWorker(body)) return undefined;
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

function eventOf(worker: WorkerState | undefined, body: CommandBody, id: number, at: string): EventHead {
  const runId = worker?.run?.runId;
  if ("entriesJson" in body) {
    const { type, workerId, count } = body;
    const seq = (worker?.transcriptLength ?? 0) + 1;
    // Member by member: spreading another object into it takes several times as long.
    return runId === undefined
      ? { id, at, type, workerId, seq, count }
      : { id, at, type, workerId, seq, count, runId };
  }
  // Usage also counts after the worker's end, however late the call of the model returns.
  const inRun = body.type === "worker.usage_recorded" && runId !== undefined ? { runId } : {};
  return { id, at, ...body, ...inRun };
}

function checkData(worker: WorkerState | undefined, patch: Json): void {
  const text = JSON.stringify(mergePatch(worker?.data, patch));
  if (!fitsBytes(text, limits.dataBytesMax)) {
    throw limitExceeded("update state", "data bytes", limits.dataBytesMax, byteLength(text));
  }
}

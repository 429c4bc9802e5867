/**
 * Decisions: a command and the state yield exactly one event, the receipt of an
 * earlier one, or a typed error. Pure.
 *
 * @module
 */
import type { Command, Requested } from "./commands.ts";
import { contextVersion } from "./context.ts";
import { limitExceeded, RuntimeError } from "./errors.ts";
import type { EventHead } from "./event_types.ts";
import { type Json, mergePatch } from "./json.ts";
import { type KeyEntry, keyScopeOf, PURGED, purgedKey } from "./keys.ts";
import { limits } from "./limits.ts";
import { assertFollows, assertLive, runEnded, workerNotFound } from "./rules.ts";
import type { StateView, WorkerState } from "./state.ts";
import { byteLength, fitsBytes } from "./text.ts";

/** Reads the keys of a worker, of purges, or (undefined) of the runtime. */
export interface DecisionView extends StateView {
  /** Returns the entry of a key, if it is known. */
  keyEntry(scope: string | undefined, key: string): KeyEntry | undefined;
}

/** Outcome of a decision. */
export type Decision = { readonly head: EventHead } | { readonly duplicate: KeyEntry };

/** Returns the event of a command, with the given id and time. Throws the typed error that rejects it. */
export function decide(view: DecisionView, command: Command, id: number, at: string): Decision {
  const { requested, key } = command;
  const { type, workerId, action } = requested;
  const worker = workerId === undefined ? undefined : view.worker(workerId);
  const isOwn = workerId === undefined || type === "worker.created" ||
    worker?.createdEventId === requested.life;
  if (key !== undefined) {
    const earlier = isOwn ? view.keyEntry(keyScopeOf(requested), key.key) : purgeOf(view, requested, key.key);
    if (earlier !== undefined) return { duplicate: sameRequest(earlier, key) };
  }
  if (!isOwn) throw workerNotFound(workerId, action);
  assertLive(view.runtime, () => action);
  checkExpectation(view, worker, command);
  if (worker !== undefined) checkRun(worker, requested);
  const head = headOf(worker, command, id, at);
  assertFollows(view, worker, head, () => action);
  if (requested.members !== undefined) checkSizes(worker, requested);
  return { head };
}

/** Returns the earlier purge of the life of a worker that a command is for. */
function purgeOf(view: DecisionView, { type, workerId, life }: Requested, key: string): KeyEntry | undefined {
  if (type !== "worker.purged" || workerId === undefined) return undefined;
  return view.keyEntry(PURGED, purgedKey(workerId, life, key));
}

/** Returns an earlier command with the same key. Throws `key_reused` if its content was another. */
export function sameRequest(earlier: KeyEntry, { key, request }: NonNullable<Command["key"]>): KeyEntry {
  if (earlier.request === request) return earlier;
  const { eventId } = earlier;
  const message = `Cannot repeat command: key ${
    JSON.stringify(key)
  } was used for other content in event ${eventId}`;
  throw new RuntimeError("key_reused", message, { key, eventId });
}

function checkExpectation(view: StateView, worker: WorkerState | undefined, command: Command): void {
  const { expected, requested: { action, type } } = command;
  if (expected === undefined) return;
  const isOfRuntime = worker === undefined || type === "worker.created";
  const { lastEventId } = isOfRuntime ? view.runtime : worker;
  assertExpected("the last event", lastEventId, expected.lastEventId, action);
  if (worker === undefined) return;
  assertExpected("the version of the context", contextVersion(worker), expected.contextVersion, action);
}

function assertExpected(what: string, actual: number, expected = actual, action: string): void {
  if (expected === actual) return;
  const message = `Cannot ${action}: ${what} is ${actual}, not ${expected} as expected`;
  throw new RuntimeError("conflict", message, { expected, actual });
}

/** Throws `run_ended` if the run that makes a change is not the open one. Run ids may repeat, events do not. */
function checkRun(worker: WorkerState, { run, action }: Requested): void {
  if (run === undefined || run.eventId === undefined || worker.run?.eventId === run.eventId) return;
  throw runEnded(worker.record.workerId, run.runId, action);
}

function headOf(worker: WorkerState | undefined, command: Command, id: number, at: string): EventHead {
  const { requested, key } = command;
  const { type, workerId, members, entries } = requested;
  const run = requested.run ?? (requested.cancelsRun ? worker?.run ?? undefined : undefined);
  const runId = run?.runId;
  const length = type === "worker.created" ? members?.fork?.seq : worker?.transcriptLength;
  const seq = (length ?? 0) + 1;
  if (members === undefined && entries !== undefined && workerId !== undefined) {
    const { count } = entries;
    // Member by member: spreading another object into it takes several times as long.
    const head = runId === undefined
      ? { id, at, type: "worker.committed", workerId, seq, count } as const
      : { id, at, type: "worker.committed", workerId, seq, count, runId } as const;
    return key === undefined ? head : { ...head, ...key };
  }
  const { meta, reason } = members ?? {};
  // In the order of the text.
  const cancelled = run !== undefined && requested.cancelsRun
    ? {
      ...(meta === undefined ? {} : { meta }),
      run: { ended: "cancelled", ...(reason === undefined ? {} : { reason }) },
    }
    : {};
  return {
    id,
    at,
    type,
    ...(workerId === undefined ? {} : { workerId }),
    ...(entries === undefined ? {} : { seq, count: entries.count }),
    ...(runId === undefined ? {} : { runId }),
    ...key,
    ...cancelled,
    ...members,
  } as EventHead;
}

/** Checks what a patch results in. */
function checkSizes(worker: WorkerState | undefined, { members, action }: Requested): void {
  if (members?.data !== undefined) {
    const text = JSON.stringify(mergePatch(worker?.data, members.data as Json));
    if (!fitsBytes(text, limits.dataBytesMax)) {
      throw limitExceeded(action, "data bytes", limits.dataBytesMax, byteLength(text));
    }
  }
  if (members?.labels === undefined) return;
  const count = Object.keys(mergePatch(worker?.labels, members.labels as Json) ?? {}).length;
  if (count > limits.listItemsMax) throw limitExceeded(action, "labels", limits.listItemsMax, count);
}

/**
 * Snapshots: the whole state as text, a part for the runtime and one for each
 * worker, and back.
 *
 * @module
 */
import { RuntimeError } from "./errors.ts";
import { plainLines } from "./json.ts";
import { ENDED, type KeyEntry, KeyTable } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import type { RuntimeState, WorkerState } from "./state.ts";
import type { LoadedSnapshot, Snapshot, SnapshotPart } from "./store.ts";

/** A key as it is written: key, request, event id, time, sequence, count, subject. */
type KeyRow = [string, string, number, string, number, number, string];

/** The durable state of this moment; workers are written out as they are asked for. */
export function takeSnapshot(ledger: Ledger): Snapshot {
  const { runtime } = ledger;
  const states = [...ledger.workers()];
  const keys = keyRows(ledger.keys(undefined), runtime.lastEventId);
  const ended = keyRows(ledger.keys(ENDED), runtime.lastEventId);
  return {
    through: runtime.lastEventId,
    runtimeJson: plainLines(
      JSON.stringify({ state: runtime, keys, ...(ended.length === 0 ? {} : { ended }) }),
    ),
    workers: workerParts(ledger, states, runtime.lastEventId),
  };
}

function* workerParts(
  ledger: Ledger,
  states: readonly WorkerState[],
  through: number,
): Generator<SnapshotPart> {
  for (const state of states) {
    const { workerId } = state.record;
    const part = { state, keys: keyRows(keysOf(ledger, state), through) };
    yield { workerId, json: plainLines(JSON.stringify(part)) };
  }
}

/** The keys of a worker, unless it was purged since and another took its id. */
function keysOf(ledger: Ledger, state: WorkerState): KeyTable | undefined {
  const { workerId } = state.record;
  return ledger.worker(workerId)?.createdEventId === state.createdEventId ? ledger.keys(workerId) : undefined;
}

/** Keys of events that the snapshot covers. Those that came since are in the log behind it. */
function keyRows(keys: KeyTable | undefined, through: number): KeyRow[] {
  const rows: KeyRow[] = [];
  for (const entry of keys?.entries() ?? []) {
    if (entry.eventId <= through) {
      rows.push([entry.key, entry.request, entry.eventId, entry.at, entry.seq, entry.count, entry.subject]);
    }
  }
  return rows;
}

/** Puts a snapshot into an empty ledger. Throws `store_corrupt` when it is none. */
export function restoreSnapshot(ledger: Ledger, snapshot: LoadedSnapshot): void {
  const { state, keys, ended = [] } = parsePart<RuntimeState>(snapshot.runtimeJson);
  if (state.runtimeId !== ledger.runtime.runtimeId || state.lastEventId !== snapshot.through) {
    throw corruptSnapshot("it is of another runtime or moment");
  }
  ledger.restore(state, keyTable(keys) ?? new KeyTable(), keyTable(ended) ?? new KeyTable());
  for (const text of snapshot.workers) {
    const worker = parsePart<WorkerState>(text);
    if (typeof worker.state.record?.workerId !== "string") {
      throw corruptSnapshot("a worker of it has no record");
    }
    ledger.restoreWorker(worker.state, keyTable(worker.keys));
  }
}

interface Part<State> {
  readonly state: State;
  readonly keys: KeyRow[];
  /** In the runtime's part: the keys of commands that ended workers, if there are any. */
  readonly ended?: KeyRow[];
}

function parsePart<State>(text: string): Part<State> {
  let part: Partial<Part<State>> | null;
  try {
    part = JSON.parse(text);
  } catch (cause) {
    throw corruptSnapshot("a part of it is no JSON", cause);
  }
  if (typeof part?.state !== "object" || part.state === null || !Array.isArray(part.keys)) {
    throw corruptSnapshot("a part of it holds no state");
  }
  const { state, keys, ended = [] } = part;
  if (!Array.isArray(ended)) throw corruptSnapshot("its keys of ended workers are no list");
  return { state, keys, ended };
}

function keyTable(rows: readonly KeyRow[]): KeyTable | undefined {
  if (rows.length === 0) return undefined;
  const table = new KeyTable();
  for (const row of rows) table.add(keyEntry(row));
  return table;
}

function keyEntry([key, request, eventId, at, seq, count, subject]: KeyRow): KeyEntry {
  return { key, request, eventId, at, seq, count, subject };
}

function corruptSnapshot(reason: string, cause?: unknown): RuntimeError<"store_corrupt"> {
  const message = `Cannot restore snapshot: ${reason}`;
  return new RuntimeError("store_corrupt", message, { file: "", reason }, { cause });
}

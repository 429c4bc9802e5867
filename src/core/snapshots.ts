/**
 * Snapshots: the whole state as text, a part for the runtime and one for each
 * worker, and back.
 *
 * @module
 */
import { RuntimeError } from "./errors.ts";
import { plainLines } from "./json.ts";
import { type KeyEntry, KeyTable } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import type { RuntimeState, WorkerState } from "./state.ts";
import type { LoadedSnapshot, Snapshot, SnapshotPart } from "./store.ts";

/** A key as it is written: key, request, event id, time, sequence, count, subject. */
type KeyRow = [string, string, number, string, number, number, string];

/** The durable state of this moment; workers are written out as they are asked for. */
export function takeSnapshot(ledger: Ledger): Snapshot {
  const { runtime } = ledger;
  const states = [...ledger.workers()];
  // A purge takes a table from the ledger, and leaves what is in it.
  const tables = states.map(({ record }) => ledger.keys(record.workerId));
  return {
    through: runtime.lastEventId,
    runtimeJson: plainLines(
      JSON.stringify({ state: runtime, keys: keyRows(ledger.keys(undefined), runtime.lastEventId) }),
    ),
    workers: workerParts(states, tables, runtime.lastEventId),
  };
}

function* workerParts(
  states: readonly WorkerState[],
  tables: readonly (KeyTable | undefined)[],
  through: number,
): Generator<SnapshotPart> {
  for (const [index, state] of states.entries()) {
    const { workerId } = state.record;
    const part = { state, keys: keyRows(tables[index], through) };
    yield { workerId, json: plainLines(JSON.stringify(part)) };
  }
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
  const { state, keys } = parsePart<RuntimeState>(snapshot.runtimeJson);
  if (state.runtimeId !== ledger.runtime.runtimeId || state.lastEventId !== snapshot.through) {
    throw corruptSnapshot("it is of another runtime or moment");
  }
  ledger.restore(state, keyTable(keys) ?? new KeyTable());
  for (const text of snapshot.workers) {
    const worker = parsePart<WorkerState>(text);
    if (typeof worker.state.record?.workerId !== "string") {
      throw corruptSnapshot("a worker of it has no record");
    }
    ledger.restoreWorker(worker.state, keyTable(worker.keys));
  }
}

function parsePart<State>(text: string): { state: State; keys: KeyRow[] } {
  let part: { state?: State; keys?: KeyRow[] } | null;
  try {
    part = JSON.parse(text);
  } catch (cause) {
    throw corruptSnapshot("a part of it is no JSON", cause);
  }
  if (typeof part?.state !== "object" || part.state === null || !Array.isArray(part.keys)) {
    throw corruptSnapshot("a part of it holds no state");
  }
  return { state: part.state, keys: part.keys };
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

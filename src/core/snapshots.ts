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

/** The keys of a worker at one moment. */
type KeySnapshot = ReadonlyMap<string, KeyEntry>;

/** The durable state of this moment; workers are written out as they are asked for. */
export function takeSnapshot(ledger: Ledger): Snapshot {
  const { runtime } = ledger;
  const states = [...ledger.workers()];
  const keys = keyRows(ledger.keys(undefined)?.snapshot());
  const ended = keyRows(ledger.keys(ENDED)?.snapshot());
  // Keys that are added, replaced or purged while the parts are written do not change these.
  const tables = states.map(({ record }) => ledger.keys(record.workerId)?.snapshot());
  return {
    through: runtime.lastEventId,
    runtimeJson: plainLines(
      JSON.stringify({ state: runtime, keys, ...(ended.length === 0 ? {} : { ended }) }),
    ),
    workers: workerParts(states, tables),
  };
}

function* workerParts(
  states: readonly WorkerState[],
  tables: readonly (KeySnapshot | undefined)[],
): Generator<SnapshotPart> {
  for (const [index, state] of states.entries()) {
    const { workerId } = state.record;
    const part = { state, keys: keyRows(tables[index]) };
    yield { workerId, json: plainLines(JSON.stringify(part)) };
  }
}

function keyRows(keys: KeySnapshot | undefined): KeyRow[] {
  return Array.from(
    keys?.values() ?? [],
    ({ key, request, eventId, at, seq, count, subject }) => [key, request, eventId, at, seq, count, subject],
  );
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

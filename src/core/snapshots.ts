/**
 * Snapshots: the whole state as text, one part for the runtime and one for each
 * worker, and back.
 *
 * @module
 */
import { contextIssue } from "./context.ts";
import { RuntimeError } from "./errors.ts";
import type { RuntimeId } from "./ids.ts";
import { plainLines } from "./json.ts";
import { type KeyEntry, KeyTable, PURGED } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import type { Shape } from "./shape.ts";
import { runtimePartShape, workerPartShape } from "./shapes.ts";
import type { RuntimeState, WorkerState } from "./state.ts";
import type { LoadedSnapshot, Snapshot, SnapshotPart } from "./store.ts";

/** A key as written: key, request, event id, time, sequence, count, subject. */
type KeyRow = readonly [string, string, number, string, number, number, string];

/** The keys of a worker at one moment. */
type KeySnapshot = ReadonlyMap<string, KeyEntry>;

/** The durable state of one moment. */
export interface SnapshotTexts extends Omit<Snapshot, "workers" | "changed"> {
  /** The parts of all workers, created on demand. */
  readonly workers: Iterable<SnapshotPart>;
}

/** Returns a snapshot of the current state. The ledger starts to collect the next changed workers. */
export function takeSnapshot(ledger: Ledger): Snapshot {
  const texts = snapshotTexts(ledger);
  return { ...texts, workers: asynchronous(texts.workers), changed: ledger.takeChanged() };
}

async function* asynchronous<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}

/** Returns the current state as texts. */
export function snapshotTexts(ledger: Ledger): SnapshotTexts {
  const { runtime } = ledger;
  const states = [...ledger.workers()];
  const keys = keyRows(ledger.keys(undefined)?.snapshot());
  const purged = keyRows(ledger.keys(PURGED)?.snapshot());
  // Unaffected by keys that are added, replaced or purged while the parts are written.
  const tables = states.map(({ record }) => ledger.keys(record.workerId)?.snapshot());
  return {
    through: runtime.lastEventId,
    runtimeJson: plainLines(
      JSON.stringify({ state: runtime, keys, ...(purged.length === 0 ? {} : { purged }) }),
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

/** A parsed part. */
interface Part<State> {
  readonly state: State;
  readonly keys: readonly KeyRow[];
  /** In the runtime's part: the keys of purges, if any. */
  readonly purged?: readonly KeyRow[];
}

/** A snapshot whose parts are parsed and validated, ready to be restored. */
export class CheckedSnapshot implements LoadedSnapshot {
  /** The last event covered. */
  readonly through: number;
  /** The runtime's part. */
  readonly runtimeJson: string;
  /** A part for each worker. */
  readonly workers: readonly string[];
  /** The runtime's part, parsed. */
  readonly runtimePart: Part<RuntimeState>;
  /** The parts of the workers, parsed. */
  readonly workerParts: readonly Part<WorkerState>[];

  /** Parses and validates a snapshot of a runtime. Throws `store_corrupt`, naming the invalid member. */
  constructor(runtimeId: RuntimeId, { through, runtimeJson, workers }: LoadedSnapshot) {
    this.through = through;
    this.runtimeJson = runtimeJson;
    this.workers = [...workers];
    this.runtimePart = parsePart<RuntimeState>(runtimeJson, runtimePartShape, "the runtime's part");
    this.workerParts = this.workers.map((json, index) =>
      parsePart<WorkerState>(json, workerPartShape, `the part of worker ${index + 1}`)
    );
    const { state } = this.runtimePart;
    if (state.runtimeId !== runtimeId || state.lastEventId !== through) {
      throw corruptSnapshot("it is of another runtime or moment");
    }
    assertCoherent(this);
  }
}

/** Checks the invariants between the parts of a snapshot. */
function assertCoherent({ through, runtimePart, workerParts }: CheckedSnapshot): void {
  const workerIds = new Set<string>();
  let createdBefore = 0;
  for (const part of [runtimePart, ...workerParts]) {
    if ([...part.keys, ...part.purged ?? []].every(([, , eventId]) => eventId <= through)) continue;
    throw corruptSnapshot(`keys: one is of an event after ${through}`);
  }
  for (const { state } of workerParts) {
    const { record: { workerId }, createdEventId, lastEventId, status, run } = state;
    const what = `the part of worker ${JSON.stringify(workerId)}`;
    if (workerIds.has(workerId)) throw corruptSnapshot(`${what}: it is there twice`);
    workerIds.add(workerId);
    if (!(createdEventId > createdBefore && createdEventId <= lastEventId && lastEventId <= through)) {
      throw corruptSnapshot(`${what}: createdEventId or lastEventId is out of order`);
    }
    createdBefore = createdEventId;
    const issue = contextIssue(state);
    if (issue !== undefined) throw corruptSnapshot(`${what}: context: ${issue}`);
    const isLive = runtimePart.state.status === "running";
    const isPossible = status === "running" ? isLive : run === null && (isLive || status === "retired");
    if (isPossible) continue;
    throw corruptSnapshot(`${what}: status is ${status}, which contradicts its run or the runtime's status`);
  }
}

/** Restores a snapshot into an empty ledger. Throws `store_corrupt` if it is invalid, naming the member. */
export function restoreSnapshot(ledger: Ledger, snapshot: LoadedSnapshot): void {
  const { runtimePart, workerParts } = snapshot instanceof CheckedSnapshot
    ? snapshot
    : new CheckedSnapshot(ledger.runtime.runtimeId, snapshot);
  const { state, keys, purged = [] } = runtimePart;
  ledger.restore(state, keyTable(keys) ?? new KeyTable(), keyTable(purged) ?? new KeyTable());
  for (const { state, keys } of workerParts) ledger.restoreWorker(state, keyTable(keys));
}

function parsePart<State>(text: string, shape: Shape, what: string): Part<State> {
  let part: unknown;
  try {
    part = JSON.parse(text);
  } catch (cause) {
    throw corruptSnapshot(`${what}: it is not valid JSON`, cause);
  }
  const issues = shape(part, "stored");
  if (issues !== undefined) throw corruptSnapshot(`${what}: ${issues.join("; ")}`);
  return part as Part<State>;
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

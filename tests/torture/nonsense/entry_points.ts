/**
 * All operations that read a store, run on a store of nonsense.
 *
 * @module
 */
import { isRuntimeError, RuntimeReader } from "../../../mod.ts";
import { FsRuntimeSource } from "../../../fs_store.ts";
import {
  backup,
  exportRuntime,
  importRuntime,
  readHistory,
  repair,
  verify,
  type VerifyReport,
} from "../../../operate.ts";
import type { SimulatedDisk } from "../../disk/mod.ts";
import { openReader } from "../../fs/reading/reader.ts";
import { HOME, openOn, ROOT } from "../../kit/opened.ts";
import { seqsOf } from "../kit/fold.ts";
import { readAll } from "../kit/readings.ts";
import { Finding } from "../script/history.ts";
import { settled } from "../script/stage.ts";
import { bytesOf } from "./inputs.ts";
import { sorted } from "./plain_fold.ts";

/** Calls of the disk that one operation may make: far more than any needs. */
const CALLS_MAX = 100_000;
/** Another root on the same disk. */
const COPY = "/copy";

/** Outcome of an operation. */
export type Came<T> = { readonly value: T } | { readonly error: unknown };

/** Runs an operation on a disk; anything but a typed error is a finding, and so is a call outside the store. */
export async function attempt<T>(
  what: string,
  disk: SimulatedDisk,
  work: (disk: SimulatedDisk) => Promise<T>,
): Promise<Came<T>> {
  let calls = 0;
  let stray: string | undefined;
  disk.onCall = ({ path, to = path }) => {
    for (const each of [path, to]) if (!isInside(each)) stray ??= each;
    if (++calls > CALLS_MAX) throw new Finding("I7", `${what} does not end`);
    return undefined;
  };
  const came = await cameOf(what, () => settled(work(disk)));
  disk.onCall = undefined;
  if (stray !== undefined) throw new Finding("I1", `${what} went to ${JSON.stringify(stray)}`);
  return came;
}

async function cameOf<T>(what: string, work: () => Promise<T>): Promise<Came<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof Finding) throw error;
    mustBeTyped(what, error);
    return { error };
  }
}

function isInside(path: string): boolean {
  return path === "/" || path === ROOT || path === `${ROOT}/runtimes` || path === HOME ||
    path.startsWith(`${HOME}/`) || path === COPY || path.startsWith(`${COPY}/`);
}

function mustBeTyped(what: string, error: unknown): void {
  if (!isRuntimeError(error)) {
    throw new Finding("I1", `${what} let a raw error out: ${error}`, { cause: error });
  }
}

const place = { root: ROOT, runtimeId: "t" } as const;

/** Verifies. */
export function verified(disk: SimulatedDisk): Promise<Came<VerifyReport>> {
  return attempt("verify", disk, (fileSystem) => verify(place, { fileSystem }));
}

/** The state as seen by a reader without the lock, as text; `undefined` if there is damage. */
export function viewed(disk: SimulatedDisk): Promise<Came<string | undefined>> {
  return attempt("view", disk, async (fileSystem) => {
    const source = new FsRuntimeSource(place, { fileSystem });
    await using reader = await RuntimeReader.open({ source });
    const text = stateOf(reader);
    for (const { record: { workerId } } of reader.allWorkers()) {
      await typed("context", () => reader.context(workerId));
      for (const limit of [3, 1_000]) await typed("transcript", () => reader.transcript(workerId, { limit }));
    }
    await typed("events", () => reader.events({ after: source.segments[0] === 1 ? 0 : undefined, limit: 7 }));
    await typed("events of a worker", () => reader.events({ worker: "alpha", limit: 1_000 }));
    return source.damage === undefined ? text : undefined;
  });
}

function stateOf(reader: RuntimeReader): string {
  const { status, epoch, usage, lastEventId } = reader.overview();
  const rows = [...reader.allWorkers()].map((state) => [
    state.record.workerId,
    state.status,
    state.reason ?? null,
    state.run?.runId ?? null,
    state.lastRun?.outcome ?? null,
    state.transcriptLength,
    seqsOf(state),
    sorted(state.data),
    sorted(state.labels),
    state.displayName ?? null,
    state.usage.inputTokens,
  ]);
  return JSON.stringify([status, epoch, usage.inputTokens, lastEventId, rows]);
}

/** Reads; a typed error is an answer too. */
async function typed<T>(what: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    mustBeTyped(what, error);
    return undefined;
  }
}

/** Opens the store, reads all of it, changes it a little and closes it. */
export function opened(disk: SimulatedDisk): Promise<Came<void>> {
  return attempt("open", disk, async (fileSystem) => {
    const { runtime } = await openOn(fileSystem, { create: false });
    const workerIds = runtime.workers({ limit: 1_000 }).items.map(({ record }) => record.workerId);
    const readings = await readAll(runtime, workerIds, { events: 5, entries: 3 });
    for (const [what, { error }] of readings) if (error !== undefined) mustBeTyped(what, error);
    await typed("record", () => runtime.record("host.event", { answer: 42 }));
    await typed("flush", () => runtime.flush());
    await runtime.close();
  });
}

/** Operations besides verify, view and open, by name. Each gets a disk of its own. */
export const operations: Readonly<Record<string, (fileSystem: SimulatedDisk) => Promise<unknown>>> = {
  "export and import": async (fileSystem) => {
    const bytes = await bytesOf(exportRuntime(place, { fileSystem }));
    await importRuntime(COPY, pieces(bytes), { fileSystem });
  },
  "export of a worker": (fileSystem) => bytesOf(exportRuntime(place, { fileSystem, worker: "alpha" })),
  "backup": (fileSystem) => backup(place, { fileSystem, to: COPY }),
  "repair without apply": (fileSystem) => repair(place, { fileSystem }),
  "repair": (fileSystem) => repair(place, { fileSystem, apply: true }),
  "repair with salvage": (fileSystem) => repair(place, { fileSystem, apply: true, salvage: true }),
  "history": async (fileSystem) => {
    await using reader = await openReader(place, { fileSystem });
    const { lastEventId: through } = reader;
    for (const worker of [undefined, "alpha" as never]) {
      const history = await readHistory(place, { through, fileSystem, worker });
      for (const { day } of history.days) new Date(day).toISOString();
    }
  },
  "follow": async (fileSystem) => {
    const source = new FsRuntimeSource(place, { fileSystem, pollMs: 1 });
    await using reader = await RuntimeReader.open({ source });
    const after = (source.segments[0] ?? 1) - 1;
    if (reader.lastEventId <= after) return;
    for await (const { id } of reader.watch({ after })) if (id >= reader.lastEventId) break;
  },
};

/** Imports a stream twice, once without writing; gives whether it was accepted, and then what was written is clean. */
export async function imported(disk: SimulatedDisk, bytes: Uint8Array): Promise<boolean> {
  await attempt(
    "dry import",
    disk,
    (fileSystem) => importRuntime(COPY, pieces(bytes), { fileSystem, dryRun: true }),
  );
  const came = await attempt(
    "import",
    disk,
    (fileSystem) => importRuntime(COPY, pieces(bytes), { fileSystem }),
  );
  if ("error" in came) return false;
  const { runtimeId } = came.value;
  const found = await verify({ root: COPY, runtimeId }, { fileSystem: disk });
  if (found.verdict !== "clean") {
    throw new Finding("I5", `an import succeeded, and verify says ${JSON.stringify(found.findings)}`);
  }
  return true;
}

/** Bytes in pieces, as a pipe gives them. */
export async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 4_099) yield await Promise.resolve(bytes.slice(at, at + 4_099));
}

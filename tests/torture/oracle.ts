/**
 * Invariants of a store on a disk after any fault: the oracles I1 to I8, in two
 * depths. Both throw a {@linkcode Finding}.
 *
 * @module
 */
import { isRuntimeError, type Runtime } from "../../mod.ts";
import { overviewOf } from "../../src/core/overview.ts";
import type { SimulatedDisk } from "../disk/mod.ts";
import { HOME } from "../kit/opened.ts";
import { checkBlobs, checkNoTemporaries } from "./script/blobs.ts";
import { checkKept, filesOf } from "./script/kept.ts";
import { contextsOf, foldOf, seqsOf, stableText, transcriptsOf } from "./kit/fold.ts";
import { Finding, type History } from "./script/history.ts";
import { checkProjections } from "./script/projections.ts";
import { Session } from "./script/session.ts";

/** Diagnostics that must not appear when a store is opened after a normal close. */
export const UNCLEAN: ReadonlySet<string> = new Set([
  "unclean_open",
  "torn_tail_cut",
  "unfinished_segment_removed",
  "unfinished_store_completed",
  "checkpoint_unusable",
  "transcript_rebuilt",
  "projection_rebuilt",
]);

/** Number of events that every opening reads. */
const LAST_EVENTS = 8;

/** Opens the store; its content is compared with the history, which continues from there. */
export async function opened(disk: SimulatedDisk, history: History): Promise<Session> {
  const session = new Session(disk, history);
  try {
    const runtime = await session.openOrThrow();
    const live = runtime.workers({ limit: 1_000 }).items.find(({ run }) => run !== null);
    if (live !== undefined) throw new Finding("I5", `${live.record.workerId} pretends to be live`);
    await checkLast(runtime, history);
    if (history.checksBlobs) checkBlobs(disk, history);
    checkNoTemporaries(disk);
    return session;
  } catch (error) {
    if (error instanceof Finding) throw error;
    const what = isRuntimeError(error) ? `refused with ${error.code}` : "untyped error";
    throw new Finding("I1", `${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** The newest events, where a crash has its effects, are unchanged, including entries. */
async function checkLast(runtime: Runtime, history: History): Promise<void> {
  const { items } = await runtime.events({ limit: LAST_EVENTS });
  const wanted = history.texts.slice(-items.length);
  if (JSON.stringify(items) === `[${wanted}]`) return;
  same("I1", "newest events", items, wanted.map((text) => JSON.parse(text)));
}

/** The store opens with the expected content (I1, I2, I3). The disk cannot be used afterwards. Returns the diagnostics. */
export async function checkOpens(disk: SimulatedDisk, history: History): Promise<Session["diagnostics"]> {
  const { runtime, diagnostics } = await opened(disk, history);
  const found = [...diagnostics];
  disk.cutPower();
  await runtime?.close().catch(() => {});
  return found;
}

/**
 * {@linkcode checkOpens}, and all of it can be read, written, closed and opened again (I4, I5, I8). With
 * `written`, answers do not wait for the device.
 */
export async function checkWhole(
  disk: SimulatedDisk,
  history: History,
  written = false,
): Promise<Session["diagnostics"]> {
  const before = filesOf(disk, `${HOME}/events/`);
  const session = await opened(disk, history);
  checkKept(before, disk, history.mark().prunable);
  // The copy is on the device before the original is truncated.
  checkKept(before, disk.crash(), history.mark().prunable);
  const found = [...session.diagnostics];
  const runtime = session.runtime;
  if (runtime === undefined) throw new Finding("I1", "the store did not open");
  await checkReads(runtime, history);
  await checkKeys(session, history);
  await useIt(session);
  await session.tell((runtime) => runtime.flush());
  checkProjections(disk, history);
  // Data read at the opening is on the device by now, whatever happened before.
  await checkOpens(disk.crash(), history.at(history.mark(), written));
  await session.close();
  if (history.checksBlobs) checkBlobs(disk, history);
  if (session.refusals.length > 0) throw new Finding("I7", `refused on a sound disk: ${session.refusals}`);
  checkProjections(disk, history);
  await checkSecondChance(disk, history);
  await checkAgain(disk, history);
  return found;
}

/** Without its newest checkpoint, a store opens with the one before it. */
async function checkSecondChance(disk: SimulatedDisk, history: History): Promise<void> {
  if (disk.peek(`${HOME}/checkpoint.previous.json`) === undefined) return;
  const spoiled = disk.fork();
  spoiled.plant.nothing(`${HOME}/checkpoint.json`);
  await checkOpens(spoiled, history.at(history.mark()));
}

async function checkReads(runtime: Runtime, history: History): Promise<void> {
  const fold = foldOf(history.texts);
  same("I5", "overview", runtime.overview(), overviewOf(fold, undefined));
  same("I5", "workers", runtime.workers({ limit: 1_000 }).items, [...fold.workers()]);
  const transcripts = transcriptsOf(history.texts);
  const contexts = contextsOf(history.texts);
  for (const state of fold.workers()) {
    const { record: { workerId } } = state;
    same("I5", `context of ${workerId}`, seqsOf(state), contexts.get(workerId));
    const { items } = await runtime.worker(workerId).transcript({ after: 0, limit: 1_000 });
    same("I1", `transcript of ${workerId}`, items, transcripts.get(workerId));
  }
  const last = await runtime.events({ limit: 1 });
  const { firstEventId } = last;
  if (firstEventId > history.mark().prunable + 1) {
    throw new Finding("I1", `event ${firstEventId} is the first kept`);
  }
  const events: unknown[] = [];
  for (let after: number | null = firstEventId - 1; after !== null;) {
    const page: Awaited<ReturnType<Runtime["events"]>> = await runtime.events({ after, limit: 1_000 });
    events.push(...page.items);
    after = page.next;
  }
  same("I1", "events", events, history.texts.slice(firstEventId - 1).map((text) => JSON.parse(text)));
}

/** A command whose event is certain has no effect a second time. */
async function checkKeys({ runtime }: Session, history: History): Promise<void> {
  const fold = foldOf(history.texts);
  const event = (id: number): string => history.texts[id - 1] ?? "";
  for (const { workerId, key, entry, eventId } of history.keyed.slice(-3)) {
    if (runtime === undefined) throw new Finding("I7", "the runtime is gone");
    const worker = [...fold.workers()].find(({ record }) => record.workerId === workerId);
    // A purge removes the keys of its worker, and the event may be another one: that of a failed append.
    if (worker === undefined || worker.createdEventId > eventId || !event(eventId).includes(`"${key}"`)) {
      continue;
    }
    const again = await runtime.worker(workerId).sendInput(entry, { key });
    if (!again.duplicate || again.eventId !== eventId) {
      throw new Finding("I3", `key ${key} was done again: ${JSON.stringify(again)}`);
    }
  }
}

/** It accepts commands: for each running worker, and a new one. */
async function useIt(session: Session): Promise<void> {
  const workers = session.runtime?.workers({ limit: 1_000, status: "running" }).items ?? [];
  if (session.runtime?.health.status === "retired") return;
  for (const { record: { workerId } } of workers) {
    const blob = await session.put(workerId, new TextEncoder().encode(`picture of ${workerId}`));
    const blobs = blob === undefined ? [] : [blob];
    await session.ask(
      workerId,
      (worker) => worker.sendInput({ role: "user", content: "still there?", blobs }),
    );
  }
  await session.tell((runtime) => runtime.createWorker({ intent: { kind: "assistant" } }));
}

/** A second opening finds the same, and that it was closed. */
async function checkAgain(disk: SimulatedDisk, history: History): Promise<void> {
  const count = history.texts.length;
  const session = await opened(disk, history);
  if (session.runtime !== undefined) await checkReads(session.runtime, history);
  await session.tell((runtime) => runtime.flush());
  const lies = session.diagnostics.filter(({ code }) => UNCLEAN.has(code));
  if (lies.length > 0) {
    throw new Finding("I4", `after a close, it opens with ${lies[0]?.code}: ${lies[0]?.message}`);
  }
  await session.close();
  if (history.texts.length < count + 2) throw new Finding("I4", "an opening and a close left no events");
}

function same(oracle: string, what: string, found: unknown, wanted: unknown): void {
  const [one, other] = [stableText(found), stableText(wanted)];
  if (one !== other) throw new Finding(oracle, `${what}: ${one}\n is not ${other}`);
}

/**
 * All answers of a runtime, part by part, as text: to compare a damaged store with
 * the undamaged one.
 *
 * @module
 */
import { isRuntimeError, type Runtime, type TranscriptEntry, type TranscriptPage } from "../../../mod.ts";

/** Result of one part of the reading. */
export interface Answer {
  /** The answer as text; `undefined` if it was rejected. */
  readonly text: string | undefined;
  /** Error of a rejected read. */
  readonly error: unknown;
}

/** Answers by the name of the part. */
export type Readings = ReadonlyMap<string, Answer>;

/** Sizes of the pages read, so that page ends differ. */
export interface PageSizes {
  /** Events of a page. */
  readonly events: number;
  /** Entries of a page. */
  readonly entries: number;
}

async function answerOf(read: () => unknown): Promise<Answer> {
  try {
    return { text: JSON.stringify(await read()), error: undefined };
  } catch (error) {
    return { text: undefined, error };
  }
}

/** Reads everything: the overview, all workers, all events, the transcript and the events of each worker. */
export async function readAll(
  runtime: Runtime,
  workerIds: readonly string[],
  sizes: PageSizes,
): Promise<Readings> {
  const parts = new Map<string, Answer>();
  parts.set("overview", await answerOf(() => overview(runtime)));
  parts.set("workers", await answerOf(() => runtime.workers({ limit: 1_000 })));
  parts.set("events", await answerOf(() => allEvents(runtime, sizes.events)));
  for (const workerId of workerIds) {
    parts.set(`transcript ${workerId}`, await answerOf(() => transcript(runtime, workerId, sizes.entries)));
    parts.set(`back ${workerId}`, await answerOf(() => transcriptBack(runtime, workerId, sizes.entries)));
  }
  return parts;
}

/** Without the name given by the operator, which is not part of the store's data. */
function overview(runtime: Runtime): unknown {
  const { displayName: _, ...rest } = runtime.overview();
  return rest;
}

/** All events, read forward. */
export async function allEvents(runtime: Runtime, limit: number): Promise<unknown[]> {
  const events: unknown[] = [];
  for (let after: number | null = 0; after !== null;) {
    const { items, next }: Awaited<ReturnType<Runtime["events"]>> = await runtime.events({ after, limit });
    mustGoOn(after, next);
    events.push(...items);
    after = next;
  }
  return events;
}

/** A whole transcript, read forward. */
export async function transcript(
  runtime: Runtime,
  workerId: string,
  limit: number,
): Promise<TranscriptEntry[]> {
  const entries: TranscriptEntry[] = [];
  for (let after: number | null = 0; after !== null;) {
    const { items, next }: TranscriptPage = await runtime.worker(workerId).transcript({ after, limit });
    mustGoOn(after, next);
    entries.push(...items);
    after = next;
  }
  return entries;
}

/** A whole transcript, read from its end. */
async function transcriptBack(runtime: Runtime, workerId: string, limit: number): Promise<unknown[]> {
  const pages: unknown[][] = [];
  const worker = runtime.worker(workerId);
  for (let before: number | null | undefined = undefined; before !== null;) {
    const page: { readonly items: readonly unknown[]; readonly previous: number | null } = await worker
      .transcript(before === undefined ? { limit } : { before, limit });
    if (before !== undefined) mustGoOn(-before, page.previous === null ? null : -page.previous);
    pages.unshift([...page.items]);
    before = page.previous;
  }
  return pages.flat();
}

/** A cursor that does not move would read the same page for ever. */
function mustGoOn(cursor: number, next: number | null): void {
  if (next !== null && next <= cursor) throw new Error(`The cursor ${cursor} leads to ${next}`);
}

/** Codes that need no file to be understood; `cursor_expired` names the oldest event that is kept. */
const SPEAKING: ReadonlySet<string> = new Set([
  "store_missing",
  "store_io",
  "store_permission",
  "invalid_request",
  "cursor_expired",
]);

/**
 * Returns true if a rejection is understandable for callers: typed, and with the
 * path of a file relative to the runtime's directory.
 */
export function namesFile(error: unknown): boolean {
  if (!isRuntimeError(error)) return false;
  if (error.code === "store_corrupt" || error.code === "store_version") {
    return /^[^/]/.test(error.details.file);
  }
  return SPEAKING.has(error.code);
}

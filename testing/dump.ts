/**
 * Data that a runtime returns, read in pages, for comparisons.
 *
 * @module
 */
import type { RuntimeEvent } from "../src/core/event_types.ts";
import type { Json } from "../src/core/json.ts";
import { limits } from "../src/core/limits.ts";
import type { PageOptions, TranscriptEntry } from "../src/core/reading.ts";
import type { Runtime } from "../src/core/runtime.ts";
import type { WorkerState } from "../src/core/state.ts";
import type { Worker } from "../src/core/worker.ts";

/** The integers from `first` to `last`. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** A cursor after every item of a test. */
const END = 1_000_000;

/** Page of any kind. */
interface AnyPage<Item> {
  readonly items: readonly Item[];
  readonly next: number | null;
  readonly previous?: number | null;
}

/** Reads all items in pages from one end, and returns them oldest first; `check` receives each page. */
export async function inPages<Item>(
  read: (options: PageOptions) => AnyPage<Item> | Promise<AnyPage<Item>>,
  limit: number = limits.pageItemsMax,
  side: "after" | "before" = "after",
  check: (items: readonly Item[]) => void = () => {},
): Promise<Item[]> {
  const pages: (readonly Item[])[] = [];
  for (let cursor: number | null | undefined = side === "after" ? 0 : END; typeof cursor === "number";) {
    const { items, next, previous }: AnyPage<Item> = await read({ [side]: cursor, limit });
    check(items);
    pages.push(items);
    cursor = side === "after" ? next : previous;
  }
  return (side === "after" ? pages : pages.toReversed()).flat();
}

/** All workers. */
export async function allWorkers(runtime: Runtime): Promise<WorkerState[]> {
  return await inPages((options) => runtime.workers(options), 7);
}

/** Ids of all workers. */
export async function workerIdsOf(runtime: Runtime): Promise<string[]> {
  return (await allWorkers(runtime)).map(({ record }) => record.workerId);
}

/** All events, oldest first. */
export async function allEvents(source: Runtime | Worker): Promise<RuntimeEvent[]> {
  return await inPages((options) => source.events(options));
}

/** A whole transcript. */
export async function allEntries(worker: Worker): Promise<TranscriptEntry[]> {
  return await inPages((options) => worker.transcript(options));
}

/** Contents of a whole transcript, including those that are kept as blobs. */
export async function contentsOf(worker: Worker): Promise<Json[]> {
  return await Promise.all((await allEntries(worker)).map((entry) => worker.content(entry)));
}

/** Returns all data except openings and closings. */
export async function dump(runtime: Runtime): Promise<unknown> {
  const { runtimeId, status, createdAt, workers, usage, usageByModel } = runtime.overview();
  const states = await allWorkers(runtime);
  const transcripts = [];
  for (const { record } of states) transcripts.push(await allEntries(runtime.worker(record.workerId)));
  const events = (await allEvents(runtime)).filter(({ type }) =>
    type !== "runtime.opened" && type !== "runtime.closed"
  );
  return { runtimeId, status, createdAt, workers, usage, usageByModel, states, transcripts, events };
}

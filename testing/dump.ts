/**
 * All data that a runtime returns, for comparisons before and after.
 *
 * @module
 */
import type { RuntimeEvent } from "../src/core/event_types.ts";
import { limits } from "../src/core/limits.ts";
import type { EventPage, TranscriptEntry, TranscriptPage } from "../src/core/reading.ts";
import type { WorkerPage } from "../src/core/reads.ts";
import type { Runtime } from "../src/core/runtime.ts";
import type { WorkerState } from "../src/core/state.ts";
import type { Worker } from "../src/core/worker.ts";

/** Returns all data except openings and closings. */
export async function dump(runtime: Runtime): Promise<unknown> {
  const { runtimeId, status, createdAt, workers, usage, usageByModel } = runtime.overview();
  const states = allWorkers(runtime);
  const transcripts = [];
  for (const { record } of states) transcripts.push(await allEntries(runtime.worker(record.workerId)));
  const events = (await allEvents(runtime)).filter(({ type }) =>
    type !== "runtime.opened" && type !== "runtime.closed"
  );
  return { runtimeId, status, createdAt, workers, usage, usageByModel, states, transcripts, events };
}

/** All workers, in pages. */
export function allWorkers(runtime: Runtime): WorkerState[] {
  const states: WorkerState[] = [];
  for (let after: number | null = 0; after !== null;) {
    const page: WorkerPage = runtime.workers({ after, limit: 7 });
    states.push(...page.items);
    after = page.next;
  }
  return states;
}

/** All events, oldest first. */
export async function allEvents(runtime: Runtime | Worker): Promise<RuntimeEvent[]> {
  const events: RuntimeEvent[] = [];
  for (let after: number | null = 0; after !== null;) {
    const page: EventPage = await runtime.events({ after, limit: limits.pageItemsMax });
    events.push(...page.items);
    after = page.next;
  }
  return events;
}

/** A whole transcript. */
export async function allEntries(worker: Worker): Promise<TranscriptEntry[]> {
  const entries: TranscriptEntry[] = [];
  for (let after: number | null = 0; after !== null;) {
    const page: TranscriptPage = await worker.transcript({ after, limit: limits.pageItemsMax });
    entries.push(...page.items);
    after = page.next;
  }
  return entries;
}

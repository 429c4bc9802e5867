/**
 * Events that an opening adds to the log: the first event of a new runtime, the new
 * epoch, and the end of every run that the last process left open.
 *
 * @module
 */
import type { Notice } from "./diagnostics.ts";
import type { EventBody, EventHead } from "./event_types.ts";
import type { StateView } from "./state.ts";
import type { UnrecordedEvent } from "./store.ts";

const REASON = "the process that ran it is gone";

/** Returns the events of an opening; `unrecorded` are those that the log does not contain yet. */
export function opening(
  view: StateView,
  at: string,
  unrecorded: readonly UnrecordedEvent[] = [],
): EventHead[] {
  const { runtimeId, epoch, lastEventId } = view.runtime;
  const bodies: EventBody[] = [];
  if (lastEventId === 0) bodies.push({ type: "runtime.created", runtimeId });
  // Before the others: a power cut may keep only the first events, and with others these would not be due any more.
  for (const { name, data, key, request } of unrecorded) {
    bodies.push({ type: "custom", name, data, key, request });
  }
  bodies.push({ type: "runtime.opened", epoch: epoch + 1 });
  for (const { record: { workerId }, run } of view.workers()) {
    if (run === null) continue;
    const { runId } = run;
    bodies.push({ type: "worker.committed", workerId, runId, run: { ended: "interrupted", reason: REASON } });
  }
  return bodies.map((body, index) => ({ id: lastEventId + 1 + index, at, ...body }) as EventHead);
}

/** Creates the diagnostic about a run that an opening has ended; `undefined` for any other event. */
export function interruption(event: EventHead): Notice | undefined {
  if (event.type !== "worker.committed") return undefined;
  const { id, workerId, runId } = event;
  const message = `Run ${runId} of ${JSON.stringify(workerId)} was open when the last process ended`;
  return { code: "run_interrupted", severity: "info", message, workerId, eventIds: [id, id] };
}

/** Creates the diagnostic about events that a newer version wrote. */
export function unknownEvents(count: number): Notice {
  const message = `The log holds ${count} events of types that this version does not know; they are kept`;
  return { code: "unknown_event", severity: "warning", message };
}

/**
 * The transcripts that a list of events amounts to, folded by other code than
 * the library's own.
 *
 * @module
 */
import type { RuntimeEvent } from "../../../mod.ts";

/** Transcripts by worker, entries in the form that pages give them. */
export function transcriptsOf(events: readonly RuntimeEvent[]): Map<string, unknown[]> {
  const transcripts = new Map<string, unknown[]>();
  for (const event of events) {
    if (event.type === "worker.created") transcripts.set(event.workerId, []);
    if (event.type === "worker.purged") transcripts.delete(event.workerId);
    if (event.type !== "worker.input_accepted" && event.type !== "worker.transcript_appended") continue;
    const { at, runId, id: eventId } = event;
    const entries = event.entries.map((entry, index) => ({
      seq: event.seq + index,
      at,
      ...(runId === undefined ? {} : { runId }),
      eventId,
      ...entry,
    }));
    transcripts.get(event.workerId)?.push(...entries);
  }
  return transcripts;
}

/**
 * Transcripts folded from events, independently of the library.
 *
 * @module
 */
import type { RuntimeEvent, TranscriptEntry } from "../../../mod.ts";

/** Transcripts by worker, with entries as pages return them. */
export function transcriptsOf(events: readonly RuntimeEvent[]): Map<string, TranscriptEntry[]> {
  const transcripts = new Map<string, TranscriptEntry[]>();
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

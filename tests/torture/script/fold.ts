/**
 * What follows from the events alone: the state and the transcripts that
 * every projection must equal.
 *
 * @module
 */
import type { TranscriptEntry } from "../../../mod.ts";
import { parseEvent, parseEventHead } from "../../../src/core/events.ts";
import { parseRuntimeId } from "../../../src/core/ids.ts";
import { Ledger } from "../../../src/core/ledger.ts";

/** The state after these events. */
export function foldOf(texts: readonly string[]): Ledger {
  const ledger = new Ledger(parseRuntimeId("t"));
  for (const text of texts) ledger.apply(parseEventHead(text));
  return ledger;
}

/** The transcripts of all workers after these events. */
export function transcriptsOf(texts: readonly string[]): Map<string, TranscriptEntry[]> {
  const transcripts = new Map<string, TranscriptEntry[]>();
  for (const text of texts) {
    const event = parseEvent(text);
    if (event.type === "worker.created") transcripts.set(event.workerId, []);
    else if (event.type === "worker.purged") transcripts.delete(event.workerId);
    else if (event.type === "worker.input_accepted" || event.type === "worker.transcript_appended") {
      const { at, runId, id: eventId, seq } = event;
      const common = runId === undefined ? { at, eventId } : { at, runId, eventId };
      transcripts.get(event.workerId)?.push(
        ...event.entries.map((entry, index) => ({ seq: seq + index, ...common, ...entry })),
      );
    }
  }
  return transcripts;
}

/** The ids of the events that each worker's transcript holds. */
export function transcriptEventsOf(texts: readonly string[]): Map<string, number[]> {
  const events = new Map<string, number[]>();
  for (const [workerId, entries] of transcriptsOf(texts)) {
    events.set(workerId, [...new Set(entries.map(({ eventId }) => eventId))]);
  }
  return events;
}

/** The text of a value, with members in one order. */
export function stableText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => a < b ? -1 : 1));
  });
}

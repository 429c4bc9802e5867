/**
 * State and transcripts folded from the events alone, which every projection
 * must equal.
 *
 * @module
 */
import type { TranscriptEntry } from "../../../mod.ts";
import { parseEvent } from "../../../src/core/events.ts";
import { parseRuntimeId } from "../../../src/core/ids.ts";
import { Ledger } from "../../../src/core/ledger.ts";
import { transcriptsOf as foldTranscripts } from "../kit/fold.ts";

/** The state after these events. */
export function foldOf(texts: readonly string[]): Ledger {
  const ledger = new Ledger(parseRuntimeId("t"));
  ledger.replay(texts);
  return ledger;
}

/** The transcripts of all workers after these events. */
export function transcriptsOf(texts: readonly string[]): Map<string, TranscriptEntry[]> {
  return foldTranscripts(texts.map((text) => parseEvent(text)));
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

/**
 * State and transcripts folded from the events alone, which every projection must
 * equal. Transcripts are folded independently of the library.
 *
 * @module
 */
import type { RuntimeEvent, TranscriptEntry } from "../../../mod.ts";
import { parseEvent } from "../../../src/core/events.ts";
import { parseRuntimeId, type WorkerId } from "../../../src/core/ids.ts";
import { Ledger } from "../../../src/core/ledger.ts";

/** The state after these events. */
export function foldOf(texts: readonly string[]): Ledger {
  const ledger = new Ledger(parseRuntimeId("t"));
  ledger.replay(texts);
  return ledger;
}

/** Transcripts by worker after these events or texts of events, with entries as pages return them. */
export function transcriptsOf(events: readonly (RuntimeEvent | string)[]): Map<string, TranscriptEntry[]> {
  const transcripts = new Map<string, TranscriptEntry[]>();
  /** Also those of workers that were purged, by their creation. */
  const lives = new Map<number, TranscriptEntry[]>();
  for (const each of events) {
    const event = typeof each === "string" ? parseEvent(each) : each;
    if (event.type === "worker.created") {
      const { fork } = event;
      const entries = fork === undefined ? [] : lives.get(fork.createdEventId)?.slice(0, fork.seq) ?? [];
      transcripts.set(event.workerId, entries);
      lives.set(event.id, entries);
    }
    if (event.type === "worker.purged") transcripts.delete(event.workerId);
    if (event.type !== "worker.created" && event.type !== "worker.committed") continue;
    const { at, runId, id: eventId, seq = 0, entries: added = [] } = event;
    const entries = added.map((entry, index) => ({
      seq: seq + index,
      at,
      ...(runId === undefined ? {} : { runId }),
      eventId,
      ...entry,
    }));
    transcripts.get(event.workerId)?.push(...entries);
  }
  return transcripts;
}

/** The ids of the events that each worker's transcript holds. */
export function transcriptEventsOf(texts: readonly string[]): Map<string, number[]> {
  const events = new Map<string, number[]>();
  const fold = foldOf(texts);
  for (const [workerId, entries] of transcriptsOf(texts)) {
    // Those of the base of a fork are of another worker.
    const before = fold.worker(workerId as WorkerId)?.fork?.seq ?? 0;
    events.set(workerId, [...new Set(entries.slice(before).map(({ eventId }) => eventId))]);
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

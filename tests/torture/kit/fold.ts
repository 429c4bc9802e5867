/**
 * State and transcripts folded from the events alone, which every projection must
 * equal. Transcripts are folded independently of the library.
 *
 * @module
 */
import type { RuntimeEvent, TranscriptEntry, WorkerFork, WorkerState } from "../../../mod.ts";
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
    const { at, runId, id: eventId, seq = 0, entries: added = [], context } = event;
    const entries = added.map((entry, index) => ({
      seq: seq + index,
      at,
      ...(runId === undefined ? {} : { runId }),
      eventId,
      ...(context?.compacted === undefined ? {} : { compacted: context.compacted }),
      ...entry,
    }));
    transcripts.get(event.workerId)?.push(...entries);
  }
  return transcripts;
}

/** Texts of drafts by worker after these texts of events. */
export function draftsOf(texts: readonly string[]): Map<string, string> {
  const drafts = new Map<string, string>();
  for (const text of texts) {
    const event = parseEvent(text);
    if (event.type === "worker.purged") drafts.delete(event.workerId);
    if (event.type === "runtime.retired") drafts.clear();
    if (event.type !== "worker.committed") continue;
    const { workerId, run, status, context, draft } = event;
    if (run !== undefined && run.ended !== "interrupted") drafts.delete(workerId);
    if (context?.rewound !== undefined) drafts.delete(workerId);
    if (status !== undefined && status !== "running") drafts.delete(workerId);
    if (draft === null) drafts.delete(workerId);
    else if (draft !== undefined && run?.ended === undefined) {
      drafts.set(workerId, (drafts.get(workerId) ?? "") + draft);
    }
  }
  return drafts;
}

/** The context with which a worker begins, as a list. */
function forkedContext(fork: WorkerFork | undefined): { seqs: number[]; summary: number | undefined } {
  const { seq = 0, context: { summary = null, ranges = [], openFrom = 1 } = {} } = fork ?? {};
  const all = [...ranges, [openFrom, seq] as const];
  const seqs = all.flatMap(([from, to]) =>
    Array.from({ length: Math.max(0, to + 1 - from) }, (_, n) => from + n)
  );
  return { seqs: summary === null ? seqs : [summary, ...seqs], summary: summary ?? undefined };
}

/** Sequences of the context of each worker after these events, in their order; folded as plain lists. */
export function contextsOf(texts: readonly string[]): Map<string, number[]> {
  const contexts = new Map<string, { seqs: number[]; summary: number | undefined }>();
  for (const event of texts.map(parseEvent)) {
    if (event.type === "worker.created") contexts.set(event.workerId, forkedContext(event.fork));
    if (event.type === "worker.purged") contexts.delete(event.workerId);
    if (event.type !== "worker.created" && event.type !== "worker.committed") continue;
    const { workerId, seq = 0, count = 0, context } = event;
    const kept = contexts.get(workerId);
    if (kept === undefined) continue;
    const { compacted, rewound } = context ?? {};
    if (compacted !== undefined) {
      const later = kept.seqs.filter((each) => each > compacted && each !== kept.summary);
      contexts.set(workerId, { seqs: [seq, ...later], summary: seq });
    } else if (rewound !== undefined) {
      kept.seqs.length = kept.seqs.indexOf(rewound) + 1;
      if (rewound === 0) kept.summary = undefined;
    } else kept.seqs.push(...Array.from({ length: count }, (_, index) => seq + index));
  }
  return new Map([...contexts].map(([workerId, { seqs }]) => [workerId, seqs]));
}

/** Sequences of the context of a state, in their order. */
export function seqsOf({ context, transcriptLength }: WorkerState): number[] {
  const { summary = null, ranges = [], openFrom = 1 } = context ?? {};
  const all = [...ranges, [openFrom, transcriptLength] as const];
  const seqs = all.flatMap(([from, to]) => Array.from({ length: to + 1 - from }, (_, index) => from + index));
  return summary === null ? seqs : [summary, ...seqs];
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

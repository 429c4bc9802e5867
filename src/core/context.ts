/**
 * The context of a worker: the part of its transcript that a model sees. How
 * compactions and rewinds change it, and which of them can follow. Pure.
 *
 * @module
 */
import { invalidRequest, limitExceeded } from "./errors.ts";
import type { ContextChange, ContextSeqs, SeqRange } from "./event_types.ts";
import { limits } from "./limits.ts";
import type { ContextState, WorkerState } from "./state.ts";

type Contextual = Parameters<typeof contextRanges>[0];

/** The context before the first compaction or rewind. */
const WHOLE: ContextState = { version: 0, summary: null, compacted: 0, ranges: [], openFrom: 1 };

/** Returns the event that the context is of: its last compaction or rewind, or else the creation of the worker. */
export function contextVersion({ context, createdEventId }: WorkerState): number {
  return context?.version ?? createdEventId;
}

/** Returns the sequences of the context of a worker, in its order: the summary, then all other entries. */
export function contextRanges(
  state: Pick<WorkerState, "context" | "transcriptLength">,
): readonly SeqRange[] {
  const summary = state.context?.summary ?? null;
  return summary === null ? entryRanges(state) : [[summary, summary], ...entryRanges(state)];
}

/** Returns true if an entry is in the context of a worker, as its summary or otherwise. */
export function isInContext(
  state: Pick<WorkerState, "context" | "transcriptLength">,
  seq: number,
): boolean {
  return contextRanges(state).some(([from, to]) => from <= seq && seq <= to);
}

/** The sequences of a context without its summary. */
function entryRanges(
  { context: { ranges, openFrom } = WHOLE, transcriptLength }: Contextual,
): readonly SeqRange[] {
  return openFrom > transcriptLength ? ranges : [...ranges, [openFrom, transcriptLength]];
}

/** Returns the context after a change by event `version`; the state does not include the entries of the event. */
export function changedContext(
  state: Contextual,
  { compacted, rewound = 0 }: ContextChange,
  version: number,
): ContextState {
  return compacted === undefined
    ? rewoundContext(state, rewound, version)
    : compactedContext(state, compacted, version);
}

function compactedContext(state: Contextual, through: number, version: number): ContextState {
  const { context: { compacted } = WHOLE, transcriptLength } = state;
  const ranges = entryRanges(state)
    .filter(([, to]) => to > through)
    .map(([from, to]) => [Math.max(from, through + 1), to] as const);
  const summary = transcriptLength + 1;
  return { version, summary, compacted: Math.max(compacted, through), ranges, openFrom: summary + 1 };
}

function rewoundContext(state: Contextual, toSeq: number, version: number): ContextState {
  const { context: { summary, compacted } = WHOLE, transcriptLength } = state;
  if (toSeq === 0) return { ...WHOLE, version, openFrom: transcriptLength + 1 };
  const kept = toSeq === summary ? [] : entryRanges(state);
  return { version, summary, compacted, ...cutAfter(kept, toSeq, transcriptLength) };
}

/** Cuts ranges after an entry of a transcript of `length` entries. A range up to the newest entry stays open. */
function cutAfter(
  all: readonly SeqRange[],
  end: number,
  length: number,
): Pick<ContextSeqs, "ranges" | "openFrom"> {
  const ranges = all.filter(([from]) => from <= end).map(([from, to]) => [from, Math.min(to, end)] as const);
  const last = ranges.at(-1);
  if (last === undefined || last[1] !== length) return { ranges, openFrom: length + 1 };
  return { ranges: ranges.slice(0, -1), openFrom: last[0] };
}

/**
 * Returns the context of a fork at entry `seq`: what the context of the worker has up to there, if it has that entry
 * and its summary is not a later one. Without `seq`, that of the newest entry, whether the context has it or not.
 * Returns `undefined` for all entries.
 */
export function forkedContext(state: Contextual, seq?: number): ContextSeqs | undefined {
  const { context, transcriptLength } = state;
  const end = seq ?? transcriptLength;
  if (context === undefined || end === 0) return undefined;
  const isIn = seq === undefined || isInContext(state, seq);
  if (!isIn || (context.summary ?? 0) > end) return undefined;
  const { summary, compacted } = context;
  const cut = cutAfter(entryRanges(state), end, end);
  return cut.openFrom === 1 && summary === null ? undefined : { summary, compacted, ...cut };
}

/** Throws a typed error if a change of the context, with this number of entries, cannot follow the state. */
export function assertChangesContext(
  state: Contextual,
  change: ContextChange,
  count: number | undefined,
  action: () => string,
): void {
  const { compacted, rewound } = change;
  if ((compacted === undefined) === (rewound === undefined)) {
    throw invalidRequest(action(), "a context is either compacted or rewound");
  }
  if (count !== (compacted === undefined ? undefined : 1)) {
    throw invalidRequest(action(), "a compaction adds one entry, its summary, and a rewind adds none");
  }
  const issue = compacted === undefined
    ? rewindIssue(state, rewound ?? 0)
    : compactionIssue(state, compacted);
  if (issue !== undefined) throw invalidRequest(action(), issue);
  // The open range counts.
  const ranges = changedContext(state, change, 0).ranges.length + 1;
  if (ranges <= limits.contextRangesMax) return;
  throw limitExceeded(action(), "context ranges (compact reduces them)", limits.contextRangesMax, ranges);
}

function compactionIssue(state: Contextual, through: number): string | undefined {
  const { context: { summary } = WHOLE, transcriptLength } = state;
  if (through > transcriptLength) return `through: the transcript ends with entry ${transcriptLength}`;
  if (summary !== null || entryRanges(state).some(([from]) => from <= through)) return undefined;
  return `through: the context has neither a summary nor an entry up to ${through}`;
}

function rewindIssue(state: Contextual, toSeq: number): string | undefined {
  const { context: { summary, compacted } = WHOLE, transcriptLength } = state;
  if (toSeq > transcriptLength) return `toSeq: the transcript ends with entry ${transcriptLength}`;
  if (toSeq === 0 || isInContext(state, toSeq)) return undefined;
  const how = toSeq <= compacted
    ? `compacted into entry ${summary}`
    : summary === null
    ? "rewound away"
    : "rewound away, or is a summary that was replaced";
  return `toSeq: entry ${toSeq} is not in the context: it was ${how}; a fork can begin there`;
}

/** Returns the issue of a context that no compactions and rewinds lead to, or `undefined`. */
export function contextIssue(
  state: Pick<WorkerState, "context" | "transcriptLength" | "createdEventId" | "lastEventId">,
): string | undefined {
  const { context, transcriptLength, createdEventId, lastEventId } = state;
  if (context === undefined) return undefined;
  const { version, summary, compacted, ranges, openFrom } = context;
  if (version < createdEventId || version > lastEventId) return "version is out of order";
  // Neither ranges nor the open one touch: there are entries between them that the context lacks.
  let free = compacted + 1;
  for (const [from, to] of ranges) {
    if (from < free || to < from) return "ranges are out of order";
    free = to + 2;
  }
  if (openFrom < free || openFrom > transcriptLength + 1) return "openFrom is out of order";
  if (summary === null) return compacted === 0 ? undefined : "compacted is there without a summary";
  const isApart = ranges.every(([from, to]) => summary < from || summary > to);
  return isApart && summary > compacted && summary < openFrom ? undefined : "summary is out of order";
}

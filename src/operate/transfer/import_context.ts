/**
 * The context of a worker that is imported: compactions are repeated as they are
 * read, rewinds follow from the context at the end of the stream, whose log may have
 * been pruned.
 *
 * @module
 */
import { contextRanges } from "../../core/context.ts";
import type { WorkerState } from "../../core/state.ts";

/**
 * The rewinds that lead to the context of a state: before the entry of each sequence,
 * which may be one past the newest, everything after another sequence is rewound.
 */
export function rewindsTo({ context }: WorkerState): ReadonlyMap<number, number> {
  const rewinds = new Map<number, number>();
  if (context === undefined) return rewinds;
  const { summary, compacted, ranges, openFrom } = context;
  let kept = compacted;
  for (const [from, to] of [...ranges, [openFrom, openFrom] as const]) {
    const isSummaryBetween = summary !== null && summary > kept && summary < from;
    if (from - kept - 1 > Number(isSummaryBetween)) rewinds.set(from, kept);
    kept = to;
  }
  return rewinds;
}

/** The `toSeq` of a rewind that keeps the entries up to `through`; the summary stays, unless the one at the end has none. */
export function rewindSeq(state: WorkerState, through: number, atEnd: WorkerState): number {
  const summary = state.context?.summary ?? null;
  const kept = contextRanges(state)
    .filter(([from]) => from <= through && from !== summary)
    .map(([, to]) => Math.min(to, through));
  return kept.at(-1) ?? (atEnd.context?.summary === null ? 0 : summary ?? 0);
}

/**
 * Runtimes and workers in a few words.
 *
 * @module
 */
import {
  contextRanges,
  isInContext,
  type RuntimeOverview,
  type TranscriptEntry,
  type WorkerState,
} from "../mod.ts";
import type { OpenedStore } from "./store.ts";
import { counted, whole } from "./units.ts";

/** Purpose of a worker. */
export function intentOf(intent: WorkerState["record"]["intent"]): string {
  if (intent.kind === "task") return intent.objective;
  if (intent.kind === "assistant") return intent.purpose ?? "assistant";
  return intent.purpose === undefined ? intent.role : `${intent.role}: ${intent.purpose}`;
}

/** Labels of a worker. */
export function labelsText(labels: WorkerState["labels"]): string {
  return Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(", ");
}

/** Ranges of a context that are named one by one. */
const RANGES_MAX = 6;

/** The context of a worker; empty if it is the whole transcript. */
export function contextText(state: WorkerState): string {
  const { context, transcriptLength } = state;
  if (context === undefined) return "";
  const all = contextRanges(state);
  const count = all.reduce((sum, [from, to]) => sum + to + 1 - from, 0);
  const ranges = context.summary === null ? all : all.slice(1);
  const names = ranges.slice(0, RANGES_MAX)
    .map(([from, to]) => from === to ? `#${whole(from)}` : `#${whole(from)} to #${whole(to)}`);
  if (ranges.length > RANGES_MAX) names.push(counted(ranges.length - RANGES_MAX, "more range"));
  if (context.summary !== null) names.unshift(`summary #${whole(context.summary)}`);
  return [`${whole(count)} of ${whole(transcriptLength)} entries`, ...names].join(", ");
}

/** Place of an entry in the context of its worker; empty for an ordinary one that is in it. */
export function placeText(state: WorkerState, { seq, compacted }: TranscriptEntry): string {
  const summary = compacted === undefined ? [] : [`summary through #${whole(compacted)}`];
  return [...summary, ...isInContext(state, seq) ? [] : ["not in the context"]].join(", ");
}

/** Condition of a runtime, given whether the last writer closed it. */
export function conditionOf(status: RuntimeOverview["status"], closed: boolean): string {
  if (status === "retired") return "retired";
  return closed ? "closed in good order" : "open, or not closed";
}

/** True if the log is intact and the last writer closed it. */
export async function isClosed({ view, damage }: OpenedStore): Promise<boolean> {
  if (damage !== undefined) return false;
  return (await view.events({ limit: 1 })).items.at(-1)?.type === "runtime.closed";
}

/**
 * Runtimes and workers in a few words.
 *
 * @module
 */
import type { RuntimeOverview, WorkerState } from "../mod.ts";
import type { OpenedStore } from "./store.ts";

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

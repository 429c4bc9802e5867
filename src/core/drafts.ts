/**
 * Drafts: partial answers of runs. State says where one begins; the text is in
 * the events.
 *
 * @module
 */
import { RuntimeError } from "./errors.ts";
import { isWorkerChange, parseEventHead } from "./events.ts";
import { limits } from "./limits.ts";
import type { OpenRun, RunDraft, StateView, WorkerState } from "./state.ts";
import type { StoredRuntime } from "./store.ts";
import { byteLength } from "./text.ts";

/** The partial answer of a run. */
export interface DraftText {
  /** The run: the open one, or the one that was interrupted. */
  readonly runId: string;
  /** The event that began the run. */
  readonly runEventId: number;
  /** The text. */
  readonly text: string;
  /** The newest event that it includes: a watch after it continues it. */
  readonly lastEventId: number;
}

/** The run whose draft a worker has: the open one, else the last one. */
function runOf({ run, lastRun }: WorkerState): OpenRun | null {
  return run ?? lastRun;
}

/** The oldest event that a draft needs; `Infinity` if there is no draft. */
export function firstDraftEvent(view: StateView): number {
  let first = Infinity;
  for (const state of view.workers()) first = Math.min(first, runOf(state)?.draft?.eventId ?? Infinity);
  return first;
}

/** Reads the text of a worker's draft page by page; null if it has none. Throws `store_corrupt` if events of it are missing. */
export async function readDraft(
  store: Pick<StoredRuntime, "readEvents">,
  state: WorkerState,
  lastEventId: number,
): Promise<DraftText | null> {
  const run = runOf(state);
  if (run?.draft === undefined) return null;
  const { runId, eventId: runEventId, draft } = run;
  const { record: { workerId }, lastEventId: to } = state;
  let [text, bytes, from] = ["", 0, draft.eventId];
  while (bytes < draft.bytes && from <= to) {
    const page = await store.readEvents({ from, to, keep: "first", workerId, limit: limits.pageItemsMax });
    for (const json of page.events) {
      const head = parseEventHead(json);
      if (!isWorkerChange(head) || typeof head.draft !== "string") continue;
      text += head.draft;
      bytes += byteLength(head.draft);
    }
    from = page.scanned + 1;
  }
  if (bytes !== draft.bytes) throw incompleteDraft(workerId, draft, bytes);
  return { runId, runEventId, text, lastEventId };
}

function incompleteDraft(
  workerId: string,
  { eventId, bytes: expected }: RunDraft,
  bytes: number,
): RuntimeError<"store_corrupt"> {
  const reason = `its events have ${bytes} of ${expected} bytes`;
  const message = `Cannot read draft of worker ${JSON.stringify(workerId)}: ${reason}`;
  return new RuntimeError("store_corrupt", message, { file: "", reason, eventIds: [eventId, eventId] });
}

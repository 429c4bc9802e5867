/**
 * The drafts of runs, read from a store.
 *
 * @module
 */
import { isRuntimeError, type RuntimeReader } from "../mod.ts";
import { beginningOf, oneLine } from "./style.ts";
import { bytes } from "./units.ts";

/** The draft of a worker. */
export interface ShownDraft {
  /** Its size and its run. */
  readonly title: string;
  /** Its text, or the reason why it cannot be read. */
  readonly text: string;
  /** True if events of it are missing. */
  readonly isDamaged: boolean;
}

/** Reads the draft of a worker's open or interrupted run; `undefined` if it has none. */
export async function draftOf(view: RuntimeReader, workerId: string): Promise<ShownDraft | undefined> {
  const { run, lastRun } = view.worker(workerId);
  const { runId, draft } = run ?? lastRun ?? {};
  if (draft === undefined) return undefined;
  const title = `${bytes(draft.bytes)} of the ${run === null ? "interrupted" : "open"} run ${runId}`;
  try {
    return { title, text: (await view.draft(workerId))?.text ?? "", isDamaged: false };
  } catch (error) {
    // Everything else of the worker can still be shown.
    const isMissing = isRuntimeError(error) && ["store_corrupt", "cursor_expired"].includes(error.code);
    if (!isMissing) throw error;
    return { title, text: error.message, isDamaged: true };
  }
}

/** Characters of a draft on one line. */
const CHARS_MAX = 200;

/** The beginning of a draft on one line. */
export function draftLine({ text }: ShownDraft): string {
  const line = oneLine(beginningOf(text, 2 * CHARS_MAX));
  return line.length <= CHARS_MAX && text.length <= 2 * CHARS_MAX
    ? line
    : `${beginningOf(line, CHARS_MAX).trimEnd()} ...`;
}

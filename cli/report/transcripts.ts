/**
 * The transcripts on the page: bounded, with a note where one is shortened.
 *
 * @module
 */
import { isRuntimeError, type TranscriptEntry, type WorkerState } from "../../mod.ts";
import { time, whole } from "../units.ts";
import { html, type Markup, nothing } from "./html.ts";
import type { ReportFacts } from "./facts.ts";

/** Characters of an entry that are shown. */
const CHARS_MAX = 8_000;
/** Characters of all transcripts together. */
const PAGE_CHARS_MAX = 32_000_000;

/** The transcripts of the last active workers, in pieces. */
export async function* transcriptSection(facts: ReportFacts): AsyncGenerator<string, void, void> {
  const { workers, bounds } = facts;
  const withEntries = workers.filter(({ transcriptLength }) => transcriptLength > 0);
  if (withEntries.length === 0) return;
  yield html`<section><h2>Transcripts</h2>\n`.text;
  let [chars, count] = [0, 0];
  for (const state of withEntries.slice(0, bounds.workers)) {
    bounds.signal.throwIfAborted();
    if (chars > PAGE_CHARS_MAX) break;
    const { text } = await transcript(facts, state);
    chars += text.length;
    count++;
    yield text;
  }
  if (count < withEntries.length) {
    yield html`
      <p
        class="soft small">The transcripts of the ${whole(count)} last active of ${whole(
          withEntries.length,
        )} workers are here; the others are in the store.</p>
    `.text;
  }
  yield "</section>\n";
}

async function transcript({ view, bounds }: ReportFacts, state: WorkerState): Promise<Markup> {
  const { record: { workerId, displayName }, transcriptLength, createdEventId } = state;
  const title = displayName === undefined ? workerId : `${workerId} (${displayName})`;
  const { items, problem } = await entriesOf(view, workerId, bounds.entries);
  const left = transcriptLength - items.length;
  const note = problem !== undefined ? html`<p class="note bad">${problem}</p>` : left > 0
    ? html`
      <p
        class="note">The last ${whole(items.length)} of ${whole(
          transcriptLength,
        )} entries. The command <code>transcript</code> shows the rest.</p>
    `
    : nothing;
  return html`
    <details
      id="w${createdEventId}"><summary><strong>${title}</strong> <span class="soft">${whole(
        transcriptLength,
      )} ${transcriptLength === 1 ? "entry" : "entries"}</span></summary>${note}<ol class="said">${items.map(
        entry,
      )}</ol></details>\\n
  `;
}

async function entriesOf(
  view: ReportFacts["view"],
  workerId: string,
  count: number,
): Promise<{ items: TranscriptEntry[]; problem: string | undefined }> {
  const items: TranscriptEntry[] = [];
  let before: number | undefined;
  try {
    while (items.length < count) {
      const page = await view.transcript(workerId, { before, limit: Math.min(1_000, count - items.length) });
      items.unshift(...page.items);
      if (page.previous === null || page.items.length === 0) break;
      before = page.previous;
    }
    return { items, problem: undefined };
  } catch (error) {
    // One damaged transcript hides no other.
    if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
    return { items, problem: error.message };
  }
}

function entry({ seq, role, name, at, runId, content }: TranscriptEntry): Markup {
  const cut = content.length > CHARS_MAX;
  const text = cut ? content.slice(0, CHARS_MAX).toWellFormed() : content;
  const note = cut
    ? html`<p class="note small">Cut after ${whole(CHARS_MAX)} of ${whole(content.length)} characters.</p>`
    : nothing;
  const who = name === undefined ? html`` : html`
    ${name}
  `;
  const run = runId === undefined ? "" : `, run ${runId}`;
  return html`
    <li
      class="${role}"><div class="head"><b>${role}</b>${who} #${whole(seq)}, <time datetime="${at}">${time(
        at,
      )}</time>${run}</div><pre>${text}</pre>${note}</li>
  `;
}

/**
 * The transcripts on the page: bounded, with a note where one is shortened.
 *
 * @module
 */
import { isRuntimeError, type TranscriptEntry, type WorkerState } from "../../mod.ts";
import { entryParts } from "../content.ts";
import { contextText, placeText } from "../describe.ts";
import { time, whole } from "../units.ts";
import { html, type Markup, nothing } from "./html.ts";
import type { ReportFacts } from "./facts.ts";
import { type Budget, partMarkup } from "./parts.ts";

/** Characters of all transcripts together, besides images. */
const PAGE_CHARS_MAX = 32_000_000;
/** Bytes of all images together. */
const IMAGES_BYTES_MAX = 16_777_216;
/** Bytes of a content in a blob that is read. */
const CONTENT_BYTES_MAX = 1_048_576;
/** Bytes of all contents in blobs together. */
const CONTENTS_BYTES_MAX = 67_108_864;

/** The transcripts of the last active workers, in pieces. */
export async function* transcriptSection(facts: ReportFacts): AsyncGenerator<string, void, void> {
  const { workers, bounds } = facts;
  const withEntries = workers.filter(({ transcriptLength }) => transcriptLength > 0);
  if (withEntries.length === 0) return;
  yield html`<section><h2>Transcripts</h2>\n`.text;
  const budget: Budget = { images: IMAGES_BYTES_MAX, contents: CONTENTS_BYTES_MAX };
  let [chars, count] = [0, 0];
  for (const state of withEntries.slice(0, bounds.workers)) {
    bounds.signal.throwIfAborted();
    if (chars > PAGE_CHARS_MAX) break;
    const imagesBefore = budget.images;
    const { text } = await transcript(facts, state, budget);
    chars += text.length - Math.ceil((imagesBefore - budget.images) * 4 / 3);
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

async function transcript(facts: ReportFacts, state: WorkerState, budget: Budget): Promise<Markup> {
  const { view, bounds } = facts;
  const { record: { workerId }, displayName, transcriptLength, createdEventId } = state;
  const title = displayName === undefined ? workerId : `${workerId} (${displayName})`;
  const { items, problem } = await entriesOf(view, workerId, bounds.entries);
  const shown: Markup[] = [];
  for (const entry of items) {
    bounds.signal.throwIfAborted();
    shown.push(await entryMarkup(facts, state, entry, budget));
  }
  const left = transcriptLength - items.length;
  const note = problem !== undefined ? html`<p class="note bad">${problem}</p>` : left > 0
    ? html`
      <p
        class="note">The last ${whole(items.length)} of ${whole(
          transcriptLength,
        )} entries. The command <code>transcript</code> shows the rest.</p>
    `
    : nothing;
  const context = contextText(state);
  const seen = context === "" ? nothing : html`<p class="soft small">In the context: ${context}.</p>`;
  return html`
    <details
      id="w${createdEventId}"><summary><strong>${title}</strong> <span class="soft">${whole(
        transcriptLength,
      )} ${transcriptLength === 1
        ? "entry"
        : "entries"}</span></summary>${seen}${note}<ol class="said">${shown}</ol></details>
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

const ROLES: ReadonlySet<string> = new Set(["user", "system", "assistant", "tool"]);

async function entryMarkup(
  { view }: ReportFacts,
  state: WorkerState,
  entry: TranscriptEntry,
  budget: Budget,
): Promise<Markup> {
  const { workerId } = state.record;
  const { seq, role, name, at, runId, contentBlob } = entry;
  const { parts, note, isDamaged } = await entryParts(
    view,
    workerId,
    entry,
    Math.min(CONTENT_BYTES_MAX, budget.contents),
  );
  if (note === undefined) budget.contents -= contentBlob?.bytes ?? 0;
  const shown: Markup[] = [];
  for (const part of parts) shown.push(await partMarkup(view, workerId, part, budget));
  if (note !== undefined) shown.unshift(html`<p class="note small ${isDamaged ? "bad" : ""}">${note}</p>`);
  const who = name === undefined ? html`` : html`
    ${name}
  `;
  const run = runId === undefined ? "" : `, run ${runId}`;
  const place = placeText(state, entry);
  return html`
    <li
      class="${ROLES.has(role) ? role : "other"}${place === ""
        ? ""
        : " placed"}"><div class="head"><b>${role}</b>${who} #${whole(
          seq,
        )}, <time datetime="${at}">${time(at)}</time>${run}${place === ""
        ? nothing
        : html`, <em>${place}</em>`}</div>${shown}</li>
  `;
}

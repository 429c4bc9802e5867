/**
 * The conversations on the page: bounded, with a note where one is shortened.
 *
 * @module
 */
import { isRuntimeError, type TranscriptEntry, type WorkerState } from "../../mod.ts";
import type { Milestone } from "../../operate.ts";
import { contextText, intentOf } from "../describe.ts";
import { draftOf } from "../draft.ts";
import { whole } from "../units.ts";
import { BlockWriter } from "./blocks.ts";
import { html, type Markup, nothing } from "./html.ts";
import type { ReportFacts } from "./facts.ts";
import { draftMarkup } from "./milestones.ts";
import type { Budget } from "./parts.ts";
import { timelineOf } from "./timeline.ts";

/** Characters of all conversations together, besides images. */
const PAGE_CHARS_MAX = 32_000_000;
/** Bytes of all images together. */
const IMAGES_BYTES_MAX = 16_777_216;
/** Bytes of all contents in blobs together. */
const CONTENTS_BYTES_MAX = 67_108_864;

/** The conversations of the last active workers, in pieces. */
export async function* conversationSection(facts: ReportFacts): AsyncGenerator<string, void, void> {
  const { workers, shown, bounds } = facts;
  if (shown.length === 0) return;
  yield html`<section id="conversations"><h2>Conversations</h2>\n`.text;
  const budget: Budget = { images: IMAGES_BYTES_MAX, contents: CONTENTS_BYTES_MAX };
  let [chars, count] = [0, 0];
  for (const state of shown) {
    bounds.signal.throwIfAborted();
    if (chars > PAGE_CHARS_MAX) break;
    const imagesBefore = budget.images;
    const { text } = await conversation(facts, state, budget);
    chars += text.length - Math.ceil((imagesBefore - budget.images) * 4 / 3);
    count++;
    yield text;
  }
  const all = workers.filter(({ transcriptLength }) => transcriptLength > 0).length;
  if (count < all) {
    yield html`
      <p
        class="soft small">The conversations of the ${whole(count)} last active of ${whole(
          all,
        )} workers are here; the others are in the store.</p>
    `.text;
  }
  yield "</section>\n";
}

async function conversation(facts: ReportFacts, state: WorkerState, budget: Budget): Promise<Markup> {
  const { view, bounds, history } = facts;
  const { record: { workerId }, displayName, transcriptLength, createdEventId } = state;
  const place = `w${createdEventId}`;
  const { items, problem } = await entriesOf(view, workerId, bounds.entries);
  const milestones = history.milestones.get(workerId) ?? [];
  const writer = new BlockWriter(facts, state, budget);
  const blocks: Markup[] = [];
  for (const block of timelineOf(state, items, milestones)) blocks.push(await writer.markup(block));
  const name = displayName === undefined ? nothing : html`
    <span class="soft">${displayName}</span>
  `;
  return html`
    <article aria-labelledby="${place}t">
      <h3 id="${place}t">${workerId}${name}</h3>
      <p class="soft small">${about(facts, state)}</p>
      <details>
        <summary>Conversation, ${entriesText(transcriptLength)}</summary>
        ${problem === undefined ? nothing : html`<p class="note bad">${problem}</p>`}
        ${problem === undefined && items.length < transcriptLength
          ? shortened(items.length, transcriptLength)
          : nothing}
        ${contextNote(state)}
        <p class="small">${writer.hasBoundary
          ? html`
            <a href="#${place}context">Skip to the context</a>,
          `
          : nothing}<a href="#${place}end">to the newest entry</a></p>
        <ol class="said" role="list" id="${place}">${blocks}${openRun(state)}</ol>
        ${await draftAtEnd(view, state, milestones)}
        <p class="small" id="${place}end"><a href="#workers">Back to the workers</a></p>
      </details>
    </article>
  `;
}

/** Purpose, status, parent and origin of a worker. */
function about({ shown }: ReportFacts, state: WorkerState): Markup {
  const { record: { intent, parent }, status, reason, fork } = state;
  const named = (workerId: string, of: WorkerState | undefined): Markup =>
    of === undefined ? html`${workerId}` : html`<a href="#w${of.createdEventId}">${workerId}</a>`;
  const parentState = shown.find(({ record }) => record.workerId === parent);
  // The id may have been used again since.
  const forked = shown.find(({ createdEventId }) => createdEventId === fork?.createdEventId);
  return html`${intentOf(intent)} (${reason === undefined ? status : `${status}: ${reason}`}).${
    parent === undefined ? nothing : html`
      Its parent is ${named(parent, parentState)}.
    `
  }${
    fork === undefined ? nothing : html`
      It was forked from ${named(fork.workerId, forked)} after entry ${whole(fork.seq)}.
    `
  }`;
}

function entriesText(count: number): string {
  return `${whole(count)} ${count === 1 ? "entry" : "entries"}`;
}

function shortened(count: number, length: number): Markup {
  return html`
    <p
      class="note">The last ${whole(count)} of ${whole(
        length,
      )} entries. The command <code>transcript</code> shows the rest.</p>
  `;
}

function contextNote(state: WorkerState): Markup {
  const context = contextText(state);
  return context === "" ? nothing : html`<p class="small">In the context: ${context}.</p>`;
}

function openRun({ run }: WorkerState): Markup {
  return run === null ? nothing : html`
    <li class="mark">
      <p>Run ${run.runId} is open</p>
    </li>
  `;
}

/** The draft of the open run, and that of the interrupted one unless it is complete among the milestones. */
async function draftAtEnd(
  view: ReportFacts["view"],
  { record, run, lastRun }: WorkerState,
  milestones: readonly Milestone[],
): Promise<Markup> {
  const isShown = run === null && lastRun !== null &&
    milestones.some(({ at, runId, draft }) =>
      runId === lastRun.runId && at === lastRun.endedAt && draft?.bytes === lastRun.draft?.bytes
    );
  const draft = isShown ? undefined : await draftOf(view, record.workerId);
  return draft === undefined ? nothing : draftMarkup(draft);
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

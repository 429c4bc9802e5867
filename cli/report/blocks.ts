/**
 * Blocks of a conversation: entries with the results of tools next to their
 * calls, and milestones. What left the context together is in one fold.
 *
 * @module
 */
import type { TranscriptEntry, WorkerState } from "../../mod.ts";
import { entryParts } from "../content.ts";
import { time, whole } from "../units.ts";
import { html, type Markup, nothing } from "./html.ts";
import type { ReportFacts } from "./facts.ts";
import { milestoneMarkup } from "./milestones.ts";
import {
  addResult,
  type BlobReads,
  type Budget,
  type Call,
  callMarkup,
  callOf,
  isCall,
  partMarkup,
} from "./parts.ts";
import { type Block, isEntry, type Item, type Removal } from "./timeline.ts";

/** Bytes of a content in a blob that is read. */
const CONTENT_BYTES_MAX = 1_048_576;
const ROLES: ReadonlySet<string> = new Set(["user", "system", "assistant", "tool"]);

/** Writes the blocks of one conversation, in order. */
export class BlockWriter {
  readonly #state: WorkerState;
  readonly #reads: BlobReads;
  /** Calls of the block that have no result yet, by their id. */
  #calls = new Map<string, Call>();
  /** The run that began last and has not ended. */
  #runId: string | undefined;
  /** Summaries whose entries are in a fold above. */
  readonly #replaced = new Set<number>();
  #hasBoundary = false;

  /** Takes what may still be read for the page. */
  constructor({ view }: ReportFacts, state: WorkerState, budget: Budget) {
    this.#state = state;
    this.#reads = { view, workerId: state.record.workerId, budget };
  }

  /** True once the boundary of the context was written. */
  get hasBoundary(): boolean {
    return this.#hasBoundary;
  }

  /** The markup of the next block. */
  async markup({ removal, items }: Block): Promise<Markup> {
    this.#calls = new Map();
    const shown: (() => Markup)[] = [];
    for (const item of items) shown.push(await this.#item(item, removal));
    const list = html`${shown.map((write) => write())}`;
    if (removal === undefined) return list;
    const place = this.#placeOf(removal);
    const title = titleOf(removal, items.filter(isEntry));
    const fold = html`
      <summary>${title}</summary>
      <ol role="list">${list}</ol>
    `;
    return removal.rewound === undefined
      ? html`
        <li class="gone" ${place}>
          <details open>${fold}</details>
        </li>
      `
      : html`
        <li class="gone">
          <details>${fold}</details>
        </li>
      `;
  }

  /** The name of the first fold of a summary, which the summary refers to. */
  #placeOf({ summary }: Removal): Markup {
    if (summary === undefined || this.#replaced.has(summary)) return nothing;
    this.#replaced.add(summary);
    return html`
      id="w${this.#state.createdEventId}r${summary}"
    `;
  }

  /** Reads an item. It is written later: the results of its calls are in the entries that follow. */
  async #item(item: Item, removal: Removal | undefined): Promise<() => Markup> {
    if (item === "boundary") return () => this.#boundary();
    if (isEntry(item)) return await this.#entry(item, removal);
    if (item.began !== undefined) this.#runId = item.runId;
    if (item.ended !== undefined) this.#runId = undefined;
    return () => milestoneMarkup(item);
  }

  #boundary(): Markup {
    this.#hasBoundary = true;
    const place = `w${this.#state.createdEventId}context`;
    return html`
      <li class="boundary" id="${place}">
        <p>The model sees nothing above this line.</p>
      </li>
    `;
  }

  async #entry(entry: TranscriptEntry, removal: Removal | undefined): Promise<() => Markup> {
    const { view, workerId, budget } = this.#reads;
    const { role, contentBlob } = entry;
    const bytesMax = Math.min(CONTENT_BYTES_MAX, budget.contents);
    const { parts, note, isDamaged } = await entryParts(view, workerId, entry, bytesMax);
    if (note === undefined) budget.contents -= contentBlob?.bytes ?? 0;
    const pieces: (Markup | Call)[] = [];
    if (note !== undefined) pieces.push(html`<p class="note small ${isDamaged ? "bad" : ""}">${note}</p>`);
    let hasMoved = false;
    for (const part of parts) {
      const { kind, callId = "" } = part;
      const call = kind === "call" ? undefined : this.#calls.get(callId);
      if (call !== undefined) {
        await addResult(this.#reads, call, part, placeOf(entry));
        hasMoved = true;
      } else if (kind === "call") {
        const call = callOf(part);
        pieces.push(call);
        if (callId !== "") this.#calls.set(callId, call);
      } else pieces.push(await partMarkup(this.#reads, part));
    }
    if (hasMoved && pieces.length === 0) return () => nothing;
    const head = this.#head(entry, removal);
    const kind = entry.compacted === undefined ? ROLES.has(role) ? role : "other" : "summary";
    return () => {
      const shown = pieces.map((piece) => isCall(piece) ? callMarkup(piece) : piece);
      return html`<li class="entry ${kind}">${head}${shown}</li>`;
    };
  }

  #head(entry: TranscriptEntry, removal: Removal | undefined): Markup {
    const { role, name, runId, compacted: through } = entry;
    const who = name === undefined ? role : html`${role} <span>${name}</span>`;
    const run = runId === undefined || runId === this.#runId ? "" : `, run ${runId}`;
    const said = html`<div class="head"><h4>${who}</h4> ${placeOf(entry)}${run}</div>`;
    if (through === undefined) return said;
    const place = `w${this.#state.createdEventId}r${entry.seq}`;
    const link = this.#replaced.has(entry.seq)
      ? html`<a href="#${place}">replaces the context</a>`
      : "replaces the context";
    const first = removal === undefined ? " The model sees it first." : "";
    return html`${said}<p class="small">Summary: it ${link} through #${whole(through)}.${first}</p>`;
  }
}

function placeOf({ seq, at }: TranscriptEntry): Markup {
  return html`#${whole(seq)}, <time datetime="${at}">${time(at)}</time>`;
}

function titleOf({ summary, rewound }: Removal, entries: readonly TranscriptEntry[]): string {
  const [first = 0, last = first] = [entries[0]?.seq, entries.at(-1)?.seq];
  const range = first === last ? `#${whole(first)}` : `#${whole(first)} to #${whole(last)}`;
  if (summary !== undefined) return `${range}: not in the context, replaced by summary #${whole(summary)}`;
  return `${range}: not in the context${rewound === undefined ? "" : ", rewound away"}`;
}

/**
 * Milestones of a conversation on the page, and drafts.
 *
 * @module
 */
import type { Milestone } from "../../operate.ts";
import type { ShownDraft } from "../draft.ts";
import { beginningOf } from "../style.ts";
import { bytes, duration, time, whole } from "../units.ts";
import { html, type Markup, nothing } from "./html.ts";

/** A milestone as an item of the list. */
export function milestoneMarkup(milestone: Milestone): Markup {
  const { at, runId, ended, reason, draft } = milestone;
  const tone = ended === "failed" ? "bad" : ended === "interrupted" ? "warn" : "";
  const title = `${bytes(draft?.bytes ?? 0)} of the interrupted run ${runId}`;
  const kept = draft === undefined ? nothing : draftMarkup({ title, text: draft.text, isDamaged: false });
  const text = html`<span class="${tone}">${what(milestone)}</span>${
    reason === undefined ? "" : `: ${reason}`
  }`;
  return html`
    <li
      class="mark"><p><span>${text}, <time datetime="${at}">${time(at)}</time></span></p>${kept}</li>
  `;
}

function what({ at, runId, began, ended, startedAt, rewound, status }: Milestone): string {
  if (began === true) return `Run ${runId} began`;
  if (rewound !== undefined) return `Rewound to ${rewound === 0 ? "the beginning" : `#${whole(rewound)}`}`;
  if (status !== undefined) return `Worker ${status === "running" ? "restarted" : status}`;
  // The end of an interrupted run is the opening that found it.
  if (ended === "interrupted") return `Run ${runId} was interrupted`;
  const after = startedAt === undefined ? "" : ` after ${duration(Date.parse(at) - Date.parse(startedAt))}`;
  return `Run ${runId} ${ended}${after}`;
}

/** Characters of a draft on the page. */
const DRAFT_CHARS_MAX = 4_000;

/** A draft. */
export function draftMarkup({ title, text, isDamaged }: ShownDraft): Markup {
  if (isDamaged) return html`<p class="note bad">Draft, ${title}: ${text}</p>`;
  const shown = `${beginningOf(text, DRAFT_CHARS_MAX)}${text.length > DRAFT_CHARS_MAX ? " ..." : ""}`;
  return html`
    <details class="part" open>
      <summary><b>draft</b> ${title}</summary>
      <div class="text" dir="auto">${shown}</div>
    </details>
  `;
}

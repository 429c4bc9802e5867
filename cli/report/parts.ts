/**
 * Parts of entries on the page: texts in the open; calls, thoughts and long
 * values folded; images as thumbnails.
 *
 * @module
 */
import { orProblem } from "../content.ts";
import type { Part } from "../parts.ts";
import { beginningOf, oneLine } from "../style.ts";
import { bytes, whole } from "../units.ts";
import { html, Markup, nothing } from "./html.ts";
import type { ReportFacts } from "./facts.ts";

/** Characters of a part that are shown. */
const CHARS_MAX = 8_000;
/** Characters of a text that stand in the open. */
const OPEN_CHARS_MAX = 4_000;
/** Characters of a result or of JSON that is unfolded at first. */
const UNFOLDED_CHARS_MAX = 400;
/** Bytes of an image that is embedded. */
const IMAGE_BYTES_MAX = 4_194_304;
/** Images that a browser decodes and that hold nothing to run or to load. */
const IMAGE_TYPES = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "image/avif",
  "image/bmp",
]);

/** Bytes that may still be read for the page. */
export interface Budget {
  /** Bytes of images. */
  images: number;
  /** Bytes of contents in blobs. */
  contents: number;
}

/** The markup of a part. */
export async function partMarkup(
  view: ReportFacts["view"],
  workerId: string,
  part: Part,
  budget: Budget,
): Promise<Markup> {
  const { kind, title, text, bytes: size } = part;
  if (kind === "image") return await image(view, workerId, part, budget);
  if (kind === "file") return html`<p class="soft small">${title}, ${bytes(size)}, ${text}</p>`;
  const isOpen = kind === "text" && title === "" && text.length <= OPEN_CHARS_MAX;
  if (isOpen) return preformatted(text);
  const name = title === "" ? kind : `${kind} ${title}`;
  const heading = html`<summary><span class="kind">${name}</span> <span class="soft">${bytes(size)}</span>${
    previewOf(part)
  }</summary>`;
  const body = html`${preformatted(beginningOf(text, CHARS_MAX))}${cutNote(text)}`;
  return (kind === "result" || kind === "json") && text.length <= UNFOLDED_CHARS_MAX
    ? html`<details class="part" open>${heading}${body}</details>`
    : html`<details class="part">${heading}${body}</details>`;
}

/** The beginning of a folded part, on one line. */
function previewOf({ text }: Part): Markup {
  const line = oneLine(beginningOf(text, 80));
  return line === "" ? nothing : html`
    <code class="soft">${line}${text.length > 80 ? " …" : ""}</code>
  `;
}

/** A text as it is. A browser drops a line break that begins it, so one is put before it. */
function preformatted(text: string): Markup {
  return html`<pre>${new Markup("\n")}${text}</pre>`;
}

function cutNote({ length }: string): Markup {
  if (length <= CHARS_MAX) return nothing;
  return html`<p class="note small">Cut after ${whole(CHARS_MAX)} of ${whole(length)} characters.</p>`;
}

async function image(
  view: ReportFacts["view"],
  workerId: string,
  { title, text, bytes: size, base64, blob }: Part,
  budget: Budget,
): Promise<Markup> {
  const name = title === "" ? "image" : title;
  if (base64 === undefined && blob === undefined) {
    return html`<p class="soft small">${name} at <code>${beginningOf(text, 300)}</code></p>`;
  }
  const caption = `${name}, ${bytes(size)}`;
  const isShown = IMAGE_TYPES.has(title) && size <= IMAGE_BYTES_MAX && size <= budget.images;
  if (!isShown) return html`<p class="soft small">${caption}, not shown</p>`;
  const data = base64 ?? (blob === undefined ? "" : await orProblem(base64Of(view, workerId, blob)));
  if (data instanceof Error) return html`<p class="note bad small">${data.message}</p>`;
  budget.images -= size;
  const url = new Markup(`data:${title};base64,${data}`);
  return html`<figure><img src="${url}" alt="${caption}"><figcaption class="soft small">${caption}</figcaption></figure>`;
}

async function base64Of(
  view: ReportFacts["view"],
  workerId: string,
  blob: NonNullable<Part["blob"]>,
): Promise<string> {
  const stream = await view.blob(workerId, blob);
  return new Uint8Array(await new Response(stream).arrayBuffer()).toBase64();
}

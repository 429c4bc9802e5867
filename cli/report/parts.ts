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

/** The reads of a worker's blobs. */
export interface BlobReads {
  /** The runtime. */
  readonly view: ReportFacts["view"];
  /** The worker. */
  readonly workerId: string;
  /** Bytes that may still be read. */
  readonly budget: Budget;
}

/** Bytes that may still be read for the page. */
export interface Budget {
  /** Bytes of images. */
  images: number;
  /** Bytes of contents in blobs. */
  contents: number;
}

/** A call of a tool, and what came of it. */
export interface Call {
  /** Its name and its arguments. */
  readonly part: Part;
  /** The beginning of its result, for the folded call. */
  readonly outcomes: Markup[];
  /** Its result. */
  readonly results: Markup[];
  /** Images of its result, which are not folded. */
  readonly images: Markup[];
}

/** The markup of a part. */
export async function partMarkup(reads: BlobReads, part: Part): Promise<Markup> {
  const { kind, title, text, bytes: size } = part;
  if (kind === "image") return await image(reads, part);
  if (kind === "file") return html`<p class="soft small">${title}, ${bytes(size)}, ${text}</p>`;
  if (kind === "text" && title === "" && text.length <= OPEN_CHARS_MAX) return prose(text);
  const body = html`${summaryOf(part, [])}${bodyOf(part)}`;
  return (kind === "result" || kind === "json") && text.length <= UNFOLDED_CHARS_MAX
    ? html`<details class="part" open>${body}</details>`
    : html`<details class="part">${body}</details>`;
}

/** Returns true for a call, as opposed to markup. */
export function isCall(piece: Markup | Call): piece is Call {
  return !(piece instanceof Markup);
}

/** A call of which at most so much is kept as a page shows. */
export function callOf(part: Part): Call {
  const text = part.text.length <= CHARS_MAX ? part.text : beginningOf(part.text, CHARS_MAX);
  const note = part.text.length <= CHARS_MAX ? [] : [cutNote(part.text)];
  return { part: { ...part, text }, outcomes: [], results: note, images: [] };
}

/** The markup of a call, with its result next to its arguments. */
export function callMarkup({ part, outcomes, results, images }: Call): Markup {
  return html`<details class="part">${summaryOf(part, outcomes)}${bodyOf(part)}${results}</details>${images}`;
}

/** Adds a part of its result to a call. `from` says which entry it is of. */
export async function addResult(reads: BlobReads, call: Call, part: Part, from: Markup): Promise<void> {
  const failed = part.isError === true
    ? html`
      <span class="bad">failed</span>
    `
    : nothing;
  const label = html`<p class="label">${failed}result ${from}</p>`;
  if (part.kind === "image") {
    call.images.push(label, await image(reads, part));
    return;
  }
  if (call.outcomes.length === 0) {
    const size = html`<span class="soft">${bytes(part.bytes)}</span>`;
    const name = html`${failed}<span class="kind">result</span> ${size}`;
    call.outcomes.push(html`<span class="outcome">${name}${previewOf(part)}</span>`);
  }
  call.results.push(html`${label}${bodyOf(part)}`);
}

function summaryOf(part: Part, more: readonly Markup[]): Markup {
  const name = part.title === "" ? part.kind : `${part.kind} ${part.title}`;
  return html`<summary><span class="kind">${name}</span> <span class="soft">${bytes(part.bytes)}</span>${
    previewOf(part)
  }${more}</summary>`;
}

function bodyOf({ text }: Part): Markup {
  return html`${preformatted(beginningOf(text, CHARS_MAX))}${cutNote(text)}`;
}

/** A block of code between fences, up to the end of the text if it is not closed. */
const FENCED = /(^```[^\n]*\n[\s\S]*?(?:^```[ \t]*$|(?![\s\S])))/m;

/** A text in paragraphs, with blocks of code as they are. */
function prose(text: string): Markup {
  const pieces = text.split(FENCED).map((piece, index) => {
    if (index % 2 === 1) return preformatted(piece);
    const shown = piece.trimEnd().replace(/^\n+/, "");
    return shown === "" ? nothing : html`<div class="text" dir="auto">${shown}</div>`;
  });
  return html`${pieces}`;
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
  { view, workerId, budget }: BlobReads,
  { title, text, bytes: size, base64, blob }: Part,
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

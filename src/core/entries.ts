/**
 * Transcript entries of callers as JSON text.
 *
 * @module
 */
import type { ContentOf, HostTypes } from "./host_types.ts";
import { type BlobRef, blobRefShape } from "./blob_ref.ts";
import { invalidRequest, limitExceeded } from "./errors.ts";
import { timeShape } from "./shapes.ts";
import { type Json, type JsonObject, jsonObjectText, jsonTextWithin, plainLines } from "./json.ts";
import { limits } from "./limits.ts";
import { list, type Shape, textIssue } from "./shape.ts";
import { byteLength, fitsBytes } from "./text.ts";

/** An entry for a transcript. */
export interface EntryInput<Types extends HostTypes = HostTypes> {
  /** Role of the author, such as `user`, `assistant` or `tool`: 1 to 256 bytes. */
  readonly role: string;
  /**
   * A string or JSON of at most 64 levels, kept exactly as `JSON.stringify` writes it: at most 16 MiB.
   * Content of more than 256 KiB is kept as a blob.
   */
  readonly content: ContentOf<Types>;
  /** Name of the author or the tool: 1 to 256 bytes. */
  readonly name?: string | undefined;
  /** Id that the host gives the entry: 1 to 256 bytes. */
  readonly id?: string | undefined;
  /** Original time of an imported or late entry, such as `2026-07-31T08:00:00.000Z`. */
  readonly at?: string | undefined;
  /** JSON object stored with the entry; at most 64 KiB. */
  readonly metadata?: JsonObject | undefined;
  /** Blobs of the worker that belong to the entry: up to 256, as `putBlob` returned them. */
  readonly blobs?: readonly BlobRef[] | undefined;
}

const MEMBERS: ReadonlySet<string> = new Set(["role", "content", "name", "id", "at", "metadata", "blobs"]);
const blobsShape = list(blobRefShape, limits.listItemsMax);

/** Entries as JSON text, whose content can be replaced by a blob. */
export class EntryTexts {
  readonly #leads: string[] = [];
  readonly #contents: string[] = [];
  /** Blobs that the entries refer to. */
  readonly blobs: BlobRef[] = [];
  /** UTF-16 units of all of it. */
  units = 0;

  /** Number of entries. */
  get count(): number {
    return this.#leads.length;
  }

  /** Adds an entry: its text up to the content, and the content. */
  add(lead: string, content: string): void {
    this.#leads.push(lead);
    this.#contents.push(content);
    this.units += lead.length + content.length + ENTRY_UNITS;
  }

  /** Content of an entry. */
  content(index: number): string {
    return this.#contents[index] ?? "";
  }

  /** Entries whose content does not belong in an event, because it is too large or all of it together is. */
  oversized(): number[] {
    if (this.units * 3 <= limits.contentInlineBytesMax) return [];
    const sizes = this.#contents.map((content, index) => ({ index, bytes: byteLength(content) }));
    let total = sizes.reduce((sum, { bytes }) => sum + bytes, 0) +
      this.#leads.reduce((sum, lead) => sum + byteLength(lead), 0);
    const found: number[] = [];
    for (const { index, bytes } of sizes.toSorted((a, b) => b.bytes - a.bytes)) {
      if (bytes <= limits.contentInlineBytesMax && total <= limits.eventInlineBytesMax) break;
      // A reference is not smaller than a short text.
      if (bytes < REFERENCE_BYTES) break;
      found.push(index);
      total -= bytes;
    }
    return found;
  }

  /** Replaces the content of an entry by a blob that holds it. */
  replace(index: number, blob: BlobRef): void {
    this.units -= this.content(index).length;
    this.#leads[index] += `,"contentBlob":${JSON.stringify(blob)}`;
    this.#contents[index] = "";
    this.blobs.push(blob);
  }

  /** The entries as a JSON array. */
  text(): string {
    let text = "[";
    for (let index = 0; index < this.#leads.length; index++) {
      const content = this.content(index);
      text += index === 0 ? this.#leads[index] : `,${this.#leads[index]}`;
      text += content === "" ? "}" : `,"content":${content}}`;
    }
    return `${text}]`;
  }
}

/** Units around the parts of an entry. */
const ENTRY_UNITS = 16;
/** About the size of a reference to a blob. */
const REFERENCE_BYTES = 192;

/** Validates entries and encodes them. Written by hand, without schemas: every input takes this path. */
export function encodeEntries(entries: readonly EntryInput[], action: string): EntryTexts {
  if (!Array.isArray(entries)) throw invalidRequest(action, "entries: an array is needed");
  if (entries.length === 0 || entries.length > limits.entriesMax) {
    throw invalidRequest(action, `entries: 1 to ${limits.entriesMax} are allowed, not ${entries.length}`);
  }
  const texts = new EntryTexts();
  for (const entry of entries) {
    addEntry(texts, entry, action);
    // Before the rest is encoded: it could take all memory.
    if (texts.units > limits.queueUnitsMax) {
      throw limitExceeded(action, "units of JSON", limits.queueUnitsMax, texts.units);
    }
  }
  return texts;
}

function addEntry(texts: EntryTexts, entry: EntryInput, action: string): void {
  if (typeof entry !== "object" || entry === null) throw invalidRequest(action, "entry: an object is needed");
  for (const member in entry) {
    if (!MEMBERS.has(member)) throw invalidRequest(action, `entry: unknown member ${JSON.stringify(member)}`);
  }
  const { role, content, name, id, at, metadata, blobs } = entry;
  let lead = `{"role":${textOf(role, "role", action)}`;
  if (name !== undefined) lead += `,"name":${textOf(name, "name", action)}`;
  if (id !== undefined) lead += `,"id":${textOf(id, "id", action)}`;
  if (at !== undefined) lead += `,"at":${JSON.stringify(valid(timeShape, at, "at", action))}`;
  if (metadata !== undefined) {
    lead += `,"metadata":${jsonObjectText(metadata, action, "metadata", limits.metadataBytesMax)}`;
  }
  if (blobs !== undefined) {
    const refs = valid(blobsShape, blobs, "blobs", action)
      .map(({ sha256, bytes, mediaType }) => ({ sha256, bytes, mediaType }));
    if (refs.length > 0) lead += `,"blobs":${plainLines(JSON.stringify(refs))}`;
    texts.blobs.push(...refs);
  }
  texts.add(lead, contentText(content, action));
}

function contentText(content: Json, action: string): string {
  const bytesMax = limits.contentBytesMax;
  const text = typeof content === "string" && content.length <= bytesMax
    ? plainLines(JSON.stringify(content))
    : jsonTextWithin(content, action, "content", bytesMax);
  if (text !== undefined && fitsBytes(text, bytesMax)) return text;
  const actual = text === undefined ? bytesMax + 1 : byteLength(text);
  throw limitExceeded(action, "content bytes (use putBlob for more)", bytesMax, actual);
}

/** Roles that are written as they are, without a check. */
const ROLES: ReadonlySet<unknown> = new Set(["user", "assistant", "system", "tool"]);

function textOf(value: string, name: string, action: string): string {
  if (ROLES.has(value)) return `"${value}"`;
  const issue = textIssue(value, limits.nameBytesMax, "caller");
  if (issue !== undefined) throw invalidRequest(action, `${name}: ${issue}`);
  return plainLines(JSON.stringify(value));
}

function valid<Value>(shape: Shape, value: Value, name: string, action: string): Value {
  const issues = shape(value, "caller");
  if (issues === undefined) return value;
  throw invalidRequest(action, ...issues.map((issue) => `${name}: ${issue}`));
}

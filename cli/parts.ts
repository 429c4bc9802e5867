/**
 * Parts of a content as a person reads them: texts, calls of tools and their
 * results, images. Understands the messages of OpenAI and of Anthropic; anything
 * else is JSON. Follows no link and runs nothing: every part is text, whoever
 * shows it escapes it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { BlobRef, EventEntry, Json, JsonObject } from "../mod.ts";
import { beginningOf } from "./style.ts";
import { bytes as size } from "./units.ts";

/** Meaning of a part. */
export type PartKind = "text" | "thinking" | "call" | "result" | "image" | "file" | "json";

/** A part of a content. */
export interface Part {
  /** Its meaning. */
  readonly kind: PartKind;
  /** Name of the tool, id of the call, media type, or nothing. */
  readonly title: string;
  /** Its text: also the arguments of a call, or the address of an image. */
  readonly text: string;
  /** Bytes of the text as it was written, or of the image or file; 0 for an image elsewhere. */
  readonly bytes: number;
  /** An image that the content holds, as base64. */
  readonly base64?: string;
  /** The blob that holds the image or file. */
  readonly blob?: BlobRef;
  /** Id of the call that it is, or whose result it belongs to. */
  readonly callId?: string;
  /** True if it belongs to the result of a call that failed. */
  readonly isError?: true;
}

/** Parts of one content; what follows is shown as one part of JSON. */
const PARTS_MAX = 1_000;
/** Levels of parts within parts, such as the texts of a result. */
const LEVELS_MAX = 4;
/** Characters of a title. */
const TITLE_MAX = 120;
/** Characters of JSON up to which it is indented: hostile JSON can grow a hundredfold by it. */
const INDENTED_MAX = 65_536;
/** Members without meaning for a person. */
const SILENT = new Set(["type", "role", "id", "call_id", "index", "status", "signature", "cache_control"]);
/** Types of parts that are texts, with the member that holds the text. */
const TEXT_MEMBERS: ReadonlyMap<string, string> = new Map([
  ["text", "text"],
  ["input_text", "text"],
  ["output_text", "text"],
  ["refusal", "refusal"],
  ["thinking", "thinking"],
]);
/** Members of a message that are shown if they are of the right kind. */
const MESSAGE_MEMBERS: ReadonlyMap<string, (value: Json) => boolean> = new Map<
  string,
  (value: Json) => boolean
>([
  ["reasoning_content", isString],
  ["refusal", isString],
  ["tool_call_id", isString],
  ["tool_calls", Array.isArray],
  ["function_call", isObject],
]);
/** Members of a result that its title holds. */
const RESULT_MEMBERS = new Set(["tool_use_id", "call_id", "is_error"]);
const IMAGE_TYPES = new Set(["image", "image_url", "input_image"]);
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const DATA_URL = /^data:([\w.+/-]{1,100});base64,/;

/** The parts of a content. The texts of a tool are results. */
export function partsOf(content: Json, role = ""): Part[] {
  const reader = new PartReader();
  reader.read(content, 0);
  return role === "tool" || role === "function" ? asResults(reader.parts, "") : reader.parts;
}

/** The parts of blobs that belong to an entry. */
export function blobParts(blobs: readonly BlobRef[] = []): Part[] {
  return blobs.map((blob) => ({
    kind: blob.mediaType.startsWith("image/") ? "image" : "file",
    title: blob.mediaType,
    text: `sha256 ${blob.sha256.slice(0, 12)}`,
    bytes: blob.bytes,
    blob,
  }));
}

/** An entry in a few words. */
export function excerptOf({ role, content, contentBlob, blobs }: EventEntry): string {
  const parts = contentBlob === undefined
    ? partsOf(content ?? null, role)
    : [part("json", "content", "", contentBlob.bytes)];
  return [...parts.slice(0, 8), ...blobParts(blobs)].map(inWords).join(" ");
}

function inWords({ kind, title, text, bytes }: Part): string {
  if (kind === "call") return `[call ${title}]`;
  const isText = kind === "text" || kind === "result" || (kind === "json" && text !== "");
  if (isText) return beginningOf(text, 200);
  const name = title === "" ? kind : title;
  return bytes === 0 ? `[${name}]` : `[${name}, ${size(bytes)}]`;
}

class PartReader {
  readonly parts: Part[] = [];

  read(value: Json, level: number): void {
    if (typeof value === "string") this.#text("text", "", value);
    else if (level >= LEVELS_MAX) this.#json("", value);
    else if (isParts(value)) this.#each(value, (item) => this.read(item, level + 1));
    else if (!isObject(value)) this.#json("", value);
    else if (isMessage(value)) this.#message(value, level);
    else this.#part(value, level);
  }

  /** Reads each item, and shows those that are too many as JSON. */
  #each(items: readonly Json[], read: (item: Json) => void): void {
    for (const [index, item] of items.entries()) {
      if (this.parts.length >= PARTS_MAX) {
        return this.#json(`${items.length - index} more parts`, items.slice(index));
      }
      read(item);
    }
  }

  #message(message: JsonObject, level: number): void {
    const { role, content = null, tool_calls: calls, function_call: call, tool_call_id: callId } = message;
    const { refusal, reasoning_content: reasoning } = message;
    if (typeof reasoning === "string") this.#text("thinking", "", reasoning);
    if (role === "tool" || typeof callId === "string") this.#result(textOf(callId), content, level);
    else if (content !== null) this.read(content, level + 1);
    if (typeof refusal === "string") this.#text("text", "refusal", refusal);
    if (Array.isArray(calls)) this.#each(calls as readonly Json[], (call) => this.#call(call));
    if (isObject(call)) this.#call(call);
    this.#others(
      message,
      (name, value) => name === "content" || (MESSAGE_MEMBERS.get(name)?.(value) ?? false),
    );
  }

  /** A part of a message, by its type. */
  #part(value: JsonObject, level: number): void {
    const type = textOf(value.type);
    const member = TEXT_MEMBERS.get(type) ?? "";
    const text = value[member];
    const image = IMAGE_TYPES.has(type) ? imageOf(value) : undefined;
    if (typeof text === "string") {
      this.#text(type === "thinking" ? type : "text", type === "refusal" ? type : "", text);
      this.#others(value, (name) => name === member);
    } else if (type === "redacted_thinking") {
      this.#add("thinking", "redacted", "", textOf(value.data).length);
      this.#others(value, (name) => name === "data");
    } else if (type === "function_call" || type.endsWith("tool_use")) this.#call(value);
    else if (type === "function_call_output" || type.endsWith("tool_result")) {
      const { content, output, tool_use_id: useId, call_id: callId, is_error: isError } = value;
      this.#result(textOf(useId ?? callId), content ?? output ?? null, level, isError === true);
      const result = content === undefined || content === null ? "output" : "content";
      this.#others(value, (name) => name === result || RESULT_MEMBERS.has(name));
    } else if (image === undefined) this.#json("", value);
    else {
      this.parts.push(image);
      this.#others(value, (name) => name === "image_url" || name === "source");
    }
  }

  #call(call: Json): void {
    if (!isObject(call)) return this.#json("call", call);
    const named = [call.function, call.custom].find(isObject) ?? call;
    const { name, arguments: given, input = null } = named;
    if (typeof name !== "string" || given === undefined && named.input === undefined) {
      return this.#json("call", call);
    }
    const argument = given ?? input;
    const json = typeof argument === "string" ? argument : compactJson(argument);
    const callId = textOf(call.call_id ?? call.id);
    const made = part("call", name, indented(json), Buffer.byteLength(json));
    this.parts.push({ ...made, ...callId === "" ? {} : { callId } });
    const shown = given === undefined || given === null ? "input" : "arguments";
    this.#others(named, (name) => name === "name" || name === shown);
    if (named !== call) this.#others(call, (_name, value) => value === named);
  }

  #result(callId: string, content: Json, level: number, isError = false): void {
    const inner = new PartReader();
    if (content !== null) inner.read(content, level + 1);
    if (inner.parts.length === 0) inner.#add("result", "", "");
    const of = { ...callId === "" ? {} : { callId }, ...isError ? { isError } as const : {} };
    // One by one: an argument list has a limit.
    for (const part of asResults(inner.parts, isError ? `error ${callId}` : callId)) {
      this.parts.push({ ...part, ...of });
    }
  }

  /** The members of an object that no part has shown. */
  #others(object: JsonObject, isShown: (name: string, value: Json) => boolean): void {
    const others = Object.entries(object).filter(([name, value]) =>
      !isShown(name, value) && !isEmpty(value) && !SILENT.has(name)
    );
    if (others.length > 0) this.#json("other members", Object.fromEntries(others));
  }

  #text(kind: PartKind, title: string, text: string): void {
    if (text !== "") this.#add(kind, title, text);
  }

  #json(title: string, value: Json): void {
    const json = compactJson(value);
    this.#add("json", title, indented(json), Buffer.byteLength(json));
  }

  #add(kind: PartKind, title: string, text: string, bytes?: number): void {
    this.parts.push(part(kind, title, text, bytes));
  }
}

function part(kind: PartKind, title: string, text: string, bytes: number = Buffer.byteLength(text)): Part {
  return { kind, title: beginningOf(title, TITLE_MAX), text, bytes };
}

function asResults(parts: readonly Part[], title: string): Part[] {
  return parts.map((part) =>
    part.kind === "text" || part.kind === "json" || part.kind === "result" && part.title === ""
      ? { ...part, kind: "result", title: beginningOf(title === "" ? part.title : title, TITLE_MAX) }
      : part
  );
}

/** An image within a content, or its address. */
function imageOf({ image_url: url, source }: JsonObject): Part | undefined {
  if (isObject(source) && typeof source.data === "string") {
    return inlineImage(textOf(source.media_type), source.data);
  }
  const address = [isObject(url) ? url.url : url, isObject(source) ? source.url ?? source.file_id : undefined]
    .find((text) => typeof text === "string");
  if (typeof address !== "string") return undefined;
  const [head, mediaType = ""] = DATA_URL.exec(address) ?? [];
  if (head === undefined) return part("image", "", address, 0);
  return inlineImage(mediaType, address.slice(head.length));
}

function inlineImage(mediaType: string, base64: string): Part | undefined {
  if (!BASE64.test(base64)) return undefined;
  const { length } = base64.replace(/=+$/, "");
  return { ...part("image", mediaType, "", Math.floor(length * 3 / 4)), base64 };
}

function isString(value: Json): boolean {
  return typeof value === "string";
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns true for a list of parts or messages, and false for any other JSON array. */
function isParts(value: Json): value is readonly Json[] {
  return Array.isArray(value) && value.length > 0 &&
    value.slice(0, PARTS_MAX).every((item: Json) =>
      isObject(item) && (typeof item.type === "string" || typeof item.role === "string")
    );
}

function isMessage({ type, role, content, tool_calls: calls }: JsonObject): boolean {
  if (Array.isArray(calls)) return true;
  const isContent = content === null || typeof content === "string" || isParts(content ?? null);
  return isContent && (typeof role === "string" || type === undefined || type === "message");
}

function isEmpty(value: Json): boolean {
  return value === null || Array.isArray(value) && value.length === 0;
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

/** JSON of a moderate size, indented; any other text as it is. */
function indented(text: string): string {
  if (text.length > INDENTED_MAX) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function compactJson(value: Json): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return "JSON that is nested too deeply to be shown";
  }
}

/**
 * Texts of events: encoding, and parsing with validation.
 *
 * @module
 */
import type { BlobRef } from "./blob_ref.ts";
import { RuntimeError } from "./errors.ts";
import { entriesShape, eventShapes, TIME, unknownShape } from "./shapes.ts";
import type { EventHead, EventRecord, KnownEvent, RuntimeEvent, WorkerChange } from "./event_types.ts";
import type { WorkerId } from "./ids.ts";
import { isJsonObject, type JsonObject, plainLines } from "./json.ts";
import { limits } from "./limits.ts";

/** Name of the custom event that records which events a repair has lost. */
export const SALVAGED = "runtime.salvaged";

/** The head of an event that may add entries. */
type ChangeHead = Extract<EventHead, { type: WorkerChange["type"] }>;
/** The head of an event that adds entries. */
type EntriesHead = ChangeHead & { readonly seq: number; readonly count: number };

/** A record. Made by a constructor: see the queue of the group commit. */
class EncodedEvent implements EventRecord {
  constructor(
    readonly id: number,
    readonly json: string,
    readonly workerId: WorkerId | undefined,
    readonly creates: true | undefined,
    readonly adopts: number | undefined,
    readonly before: number | undefined,
    readonly purges: true | undefined,
    readonly seq: number | undefined,
    readonly count: number | undefined,
    readonly blobs: readonly BlobRef[] | undefined,
  ) {}
}

/** The record of an event whose text is known; `blobs` are those that it refers to, `adopts` a creation. */
export function recordOf(
  head: EventHead,
  json: string,
  blobs?: readonly BlobRef[],
  adopts?: number,
): EventRecord {
  const { id, type } = head;
  const workerId = "workerId" in head ? head.workerId : undefined;
  const [seq, count] = addsEntries(head) ? [head.seq, head.count] : [];
  const [creates, purges] = [type === "worker.created" || undefined, type === "worker.purged" || undefined];
  const before = head.type === "worker.created" ? head.fork?.seq || undefined : undefined;
  return new EncodedEvent(id, json, workerId, creates, adopts, before, purges, seq, count, blobs);
}

/** Returns true if this version knows the type of an event. */
export function isKnownEvent(event: { readonly type: string }): boolean {
  return shapes.has(event.type);
}

/** Returns true if an event may change a worker. */
export function isWorkerChange(head: EventHead): head is ChangeHead {
  return head.type === "worker.committed" || head.type === "worker.created";
}

/** Returns true if an event adds to a transcript. */
export function addsEntries(head: EventHead): head is EntriesHead {
  return isWorkerChange(head) && head.count !== undefined;
}

/** Start of the member with the entries of an event, which is its last one. */
export const ENTRIES = ',"entries":';

/** The record of an event; `entriesJson` is the text of its entries, if it adds any. */
export function encodeEvent(
  head: EventHead,
  entriesJson: string,
  blobs?: readonly BlobRef[],
  adopts?: number,
): EventRecord {
  if (!addsEntries(head)) return recordOf(head, plainLines(JSON.stringify(head)), blobs, adopts);
  const lead = isPlain(head) ? plainText(head) : plainLines(JSON.stringify(head)).slice(0, -1);
  return recordOf(head, `${lead}${ENTRIES}${entriesJson}}`, blobs, adopts);
}

/** Members of an event that does nothing but add entries. */
const PLAIN_MEMBERS = ["id", "at", "type", "workerId", "seq", "count", "runId", "key", "request"] as const;
const plainMembers: ReadonlySet<string> = new Set(PLAIN_MEMBERS);

function isPlain(head: EntriesHead): boolean {
  if (head.type === "worker.created") return false;
  for (const name in head) if (!plainMembers.has(name)) return false;
  return true;
}

/**
 * Encodes the most frequent event without JSON.stringify: same members, same
 * order. Each piece is checked for line separators separately, because checking
 * the whole text would copy it once more.
 */
function plainText(head: EntriesHead): string {
  let json = leadText(head);
  if (head.runId !== undefined) json += `,"runId":${stringText(head.runId)}`;
  if (head.key !== undefined) json += `,"key":${stringText(head.key)},"request":"${head.request}"`;
  return json;
}

function leadText(head: EntriesHead): string {
  return `{"id":${head.id},"at":"${head.at}","type":"${head.type}","workerId":${
    idText(head.workerId)
  },"seq":${head.seq},"count":${head.count}`;
}

/** Letters, digits and a few more that stand for themselves in JSON, as most ids do. */
const PLAIN_ID = /^[\w.:/ -]*$/;

function idText(id: string): string {
  return PLAIN_ID.test(id) ? `"${id}"` : stringText(id);
}

function stringText(text: string): string {
  return plainLines(JSON.stringify(text));
}

/**
 * Separates events that are parsed together. The number is random, so texts
 * that form events only when joined are rejected.
 */
const SEPARATOR = Math.floor(Math.random() * 0x3fff_ffff);

/** Parses a whole event. Throws `store_corrupt` for anything else, naming the invalid member. */
export function parseEvent(json: string): RuntimeEvent {
  return wholeEvent(parsedJson(json), json);
}

/**
 * Parses whole events together, which takes half as long as one by one. Throws
 * `store_corrupt` if a text is not an event.
 */
export function parseEvents(jsons: readonly string[]): RuntimeEvent[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(`[${jsons.join(`,${SEPARATOR},`)}]`);
  } catch {
    // Parsing one by one finds the invalid text.
  }
  const all: readonly unknown[] = Array.isArray(parsed) ? parsed : [];
  const isWhole = all.length === Math.max(0, 2 * jsons.length - 1) &&
    all.every((item, index) => index % 2 === 0 || item === SEPARATOR);
  return jsons.map((json, index) => isWhole ? wholeEvent(all[2 * index], json) : parseEvent(json));
}

/** Everything before the entries of an event that only adds entries, and whose strings are ASCII without escapes. */
const PLAIN_LEAD = new RegExp(
  `^\\{"id":([1-9]\\d{0,14}),"at":"(${TIME})","type":"worker\\.committed"` +
    `,"workerId":${ascii(limits.idBytesMax)},"seq":([1-9]\\d{0,14})` +
    `,"count":([1-9]\\d{0,14})(?:,"runId":${ascii(limits.nameBytesMax)})?` +
    `(?:,"key":${ascii(limits.keyBytesMax)},"request":${ascii(limits.keyBytesMax)})?(?:${ENTRIES}|\\}$)`,
);

function ascii(lengthMax: number): string {
  return `"([ !#-\\[\\]-~]{1,${lengthMax}})"`;
}

const ID_HEAD = '{"id":';
const TYPE_HEAD = '","type":"';
const QUOTE = 0x22;
/** Offset of the type from the comma after the id: the time has the same length in every event. */
const AT_AFTER_ID = ',"at":"'.length;
const TYPE_AFTER_ID = ',"at":"2026-07-31T08:00:00.000Z","type":"'.length;

/**
 * Parses the members of an event that folding needs, and skips the entries.
 * Throws `store_corrupt` for anything else, naming the invalid member.
 */
export function parseEventHead(json: string): EventHead {
  const plain = plainHead(json);
  if (plain !== undefined) return plain;
  const entriesAt = startOfEntries(json);
  const head = parsedJson(entriesAt === undefined ? json : `${json.slice(0, entriesAt)}}`);
  return checkedHead(head, json);
}

/** Twice as fast as parsing it as JSON. */
function plainHead(json: string): EventHead | undefined {
  const found = PLAIN_LEAD.exec(json);
  if (found === null) return undefined;
  const type = "worker.committed";
  // By index: array destructuring is slower.
  const [id, seq, count] = [Number(found[1]), Number(found[4]), Number(found[5])];
  const at = found[2] as string;
  const workerId = found[3] as WorkerId;
  const [runId, key, request] = [found[6], found[7], found[8]];
  if (key === undefined || request === undefined) {
    return runId === undefined
      ? { id, at, type, workerId, seq, count }
      : { id, at, type, workerId, seq, count, runId };
  }
  return runId === undefined
    ? { id, at, type, workerId, seq, count, key, request }
    : { id, at, type, workerId, seq, count, runId, key, request };
}

const OPEN = new Set([..."{["].map((text) => text.charCodeAt(0)));
const CLOSE = new Set([..."}]"].map((text) => text.charCodeAt(0)));
const BACKSLASH = 0x5c;

/** Offset of the `entries` of an event, and not of a member of that name inside another one; `undefined` if it has none. */
export function startOfEntries(json: string): number | undefined {
  if (!json.includes(ENTRIES)) return undefined;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const unit = json.charCodeAt(at);
    if (unit === QUOTE) at = endOfString(json, at);
    else if (OPEN.has(unit)) depth++;
    else if (CLOSE.has(unit)) depth--;
    else if (depth === 1 && json.startsWith(ENTRIES, at)) return at;
  }
  return undefined;
}

/** Offset of the quote that ends the string which begins at `start`. */
function endOfString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at !== -1; at = json.indexOf('"', at + 1)) {
    let escapes = 0;
    while (json.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at;
  }
  return json.length;
}

function parsedJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw corruptEvent(json, "it is not valid JSON", cause);
  }
}

function isEventLike(event: unknown): event is EventHead {
  return isJsonObject(event) && typeof event.type === "string";
}

function wholeEvent(event: unknown, json: string): RuntimeEvent {
  const isChange = isEventLike(event) && isWorkerChange(event) && ("entries" in event || "count" in event);
  const whole = isChange ? wholeChange(event as WorkerChange, json) : checkedHead(event, json);
  if (!json.startsWith(`${ID_HEAD}${whole.id},`)) throw corruptEvent(json, "it does not begin with its id");
  if (isKnownEvent(whole)) return whole as KnownEvent;
  const { id, at, workerId } = whole as EventHead & { readonly workerId?: WorkerId };
  const unknown = { id, at, type: "unknown", event: event as JsonObject } as const;
  return workerId === undefined ? unknown : { ...unknown, workerId };
}

function wholeChange(whole: WorkerChange, json: string): WorkerChange {
  const { entries, ...members } = whole;
  // Folding reads only what precedes the entries: nothing after them may contradict it.
  if (!isSameHead(parseEventHead(json), members)) {
    throw corruptEvent(json, "entries: they are not its last member, or one is there twice");
  }
  const issues = entriesShape(entries, "stored") ?? contentIssues(entries ?? []);
  if (issues !== undefined) throw corruptEvent(json, issues.map((issue) => `entries.${issue}`).join("; "));
  if (entries?.length === whole.count) return whole;
  throw corruptEvent(json, `count: it is ${whole.count}, and there are ${entries?.length} entries`);
}

function contentIssues(entries: readonly object[]): string[] | undefined {
  const index = entries.findIndex((entry) => ("content" in entry) === ("contentBlob" in entry));
  return index === -1 ? undefined : [`${index}: either content or contentBlob is needed`];
}

function isSameHead(head: EventHead, members: Omit<WorkerChange, "entries">): boolean {
  // The entries do not begin as they are written, so they were not skipped.
  if ("entries" in head) return false;
  if (isPlain(members as EntriesHead)) {
    const [a, b] = [head as WorkerChange, members as WorkerChange];
    return PLAIN_MEMBERS.every((name) => a[name] === b[name]);
  }
  return JSON.stringify(head) === JSON.stringify(members);
}

const shapes = new Map(Object.entries(eventShapes));

function checkedHead(event: unknown, json: string): EventHead {
  if (!isEventLike(event)) throw corruptEvent(json, "type: a string is needed");
  const issues = (shapes.get(event.type) ?? unknownShape)(event, "stored");
  if (issues !== undefined) throw corruptEvent(json, issues.join("; "));
  if (!hasLead(json, event)) throw corruptEvent(json, "it does not begin with id, at and type");
  if (!isWorkerChange(event)) return event;
  if ((event.seq === undefined) !== (event.count === undefined)) {
    throw corruptEvent(json, "seq: it is not there together with count");
  }
  if (addsEntries(event) && !json.startsWith(leadText(event))) {
    throw corruptEvent(json, "its type is not followed by workerId, seq and count");
  }
  return event;
}

/** Returns true if the text begins with id, at and type, which stores read as bytes. Allocates no string. */
function hasLead(json: string, { at, type }: EventHead): boolean {
  const comma = json.indexOf(",", ID_HEAD.length);
  const typeAt = comma + TYPE_AFTER_ID;
  return json.startsWith(at, comma + AT_AFTER_ID) && json.startsWith(TYPE_HEAD, typeAt - TYPE_HEAD.length) &&
    json.startsWith(type, typeAt) && json.charCodeAt(typeAt + type.length) === QUOTE;
}

function corruptEvent(json: string, issue: string, cause?: unknown): RuntimeError<"store_corrupt"> {
  const id = Number(/^\{"id":(\d{1,15}),/.exec(json)?.[1] ?? 0);
  const what = id === 0 ? `event that begins with ${JSON.stringify(json.slice(0, 80))}` : `event ${id}`;
  return new RuntimeError(
    "store_corrupt",
    `Cannot read ${what}: ${issue}`,
    { file: "", reason: `${what}: ${issue}`, ...(id === 0 ? {} : { eventIds: [id, id] }) },
    { cause },
  );
}

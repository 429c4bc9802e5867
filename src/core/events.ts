/**
 * Texts of events: encoding, and parsing with validation.
 *
 * @module
 */
import { RuntimeError } from "./errors.ts";
import type { EventHead, EventRecord, RuntimeEvent, TranscriptAppended } from "./event_types.ts";
import { entriesShapes, eventShapes, TIME, unknownShape } from "./shapes.ts";
import type { WorkerId } from "./ids.ts";
import { isDeeperThan, isJsonObject, plainLines } from "./json.ts";
import { limits } from "./limits.ts";

/** Name of the custom event that records which events a repair has lost. */
export const SALVAGED = "runtime.salvaged";

/** A record. Made by a constructor: see the queue of the group commit. */
class EncodedEvent implements EventRecord {
  constructor(
    readonly id: number,
    readonly json: string,
    readonly workerId: WorkerId | undefined,
    readonly creates: true | undefined,
    readonly purges: true | undefined,
    readonly seq: number | undefined,
    readonly count: number | undefined,
  ) {}
}

/** The record of an event whose text is known. */
export function recordOf(head: EventHead, json: string): EventRecord {
  const { id, type } = head;
  const workerId = "workerId" in head ? head.workerId : undefined;
  const [seq, count] = isTranscriptEvent(head) ? [head.seq, head.count] : [];
  const [creates, purges] = [type === "worker.created" || undefined, type === "worker.purged" || undefined];
  return new EncodedEvent(id, json, workerId, creates, purges, seq, count);
}

/** Returns true if this version knows the type of an event. */
export function isKnownEvent(event: { readonly type: string }): boolean {
  return shapes.has(event.type);
}

/** Start of the member with the entries of a transcript event. */
export const ENTRIES = ',"entries":';

/** The record of an event; `entriesJson` is the text of the entries of a transcript event. */
export function encodeEvent(head: EventHead, entriesJson: string): EventRecord {
  const json = isTranscriptEvent(head) ? transcriptText(head, entriesJson) : plainLines(JSON.stringify(head));
  return recordOf(head, json);
}

/**
 * Encodes the most frequent event without JSON.stringify: same members, same
 * order. Each piece is checked for line separators separately, because checking
 * the whole text would copy it once more.
 */
function transcriptText(head: Omit<TranscriptAppended, "entries">, entriesJson: string): string {
  let json = leadText(head);
  if (head.runId !== undefined) json += `,"runId":${plainText(head.runId)}`;
  if (head.key !== undefined) json += `,"key":${plainText(head.key)},"request":"${head.request}"`;
  return `${json}${ENTRIES}${entriesJson}}`;
}

function leadText(head: Omit<TranscriptAppended, "entries">): string {
  return `{"id":${head.id},"at":"${head.at}","type":"${head.type}","workerId":${
    idText(head.workerId)
  },"seq":${head.seq},"count":${head.count}`;
}

/** Letters, digits and a few more that stand for themselves in JSON, as most ids do. */
const PLAIN_ID = /^[\w.:/ -]*$/;

function idText(id: string): string {
  return PLAIN_ID.test(id) ? `"${id}"` : plainText(id);
}

function plainText(text: string): string {
  return plainLines(JSON.stringify(text));
}

/** Returns true if an event adds to a transcript. */
export function isTranscriptEvent(
  head: EventHead,
): head is Extract<EventHead, { type: TranscriptAppended["type"] }> {
  return head.type === "worker.input_accepted" || head.type === "worker.transcript_appended";
}

/** Nesting levels of a transcript event around the metadata of its entries. */
const LEVELS_AROUND = 3;
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

/** Everything before the entries of a transcript event whose strings are ASCII without escapes, which most are. */
const TRANSCRIPT_LEAD = new RegExp(
  `^\\{"id":([1-9]\\d{0,14}),"at":"(${TIME})","type":"(worker\\.(?:input_accepted|transcript_appended))"` +
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
  const typeAt = json.indexOf(",", ID_HEAD.length) + TYPE_AFTER_ID;
  // The letter after "worker." rules out most other types.
  const letter = json.charCodeAt(typeAt + "worker.".length);
  const head = letter === 0x69 || letter === 0x74 ? transcriptHead(json) : undefined;
  return head ?? checkedHead(parsedJson(json), json);
}

/**
 * The head of a transcript event. A quote inside a JSON string is escaped, so
 * the first plain `,"entries":`, whose members before it are all scalars, is
 * the member.
 */
function transcriptHead(json: string): EventHead | undefined {
  const plain = plainTranscriptHead(json);
  if (plain !== undefined) return plain;
  const entriesAt = json.indexOf(ENTRIES);
  const head = entriesAt === -1 ? undefined : tryParse(`${json.slice(0, entriesAt)}}`);
  return isEventLike(head) && isTranscriptEvent(head) ? checkedHead(head, json) : undefined;
}

/** Twice as fast as parsing it as JSON. */
function plainTranscriptHead(json: string): EventHead | undefined {
  const found = TRANSCRIPT_LEAD.exec(json);
  if (found === null) return undefined;
  // By index: array destructuring is slower.
  const [id, seq, count] = [Number(found[1]), Number(found[5]), Number(found[6])];
  const [at, type] = [found[2] as string, found[3] as TranscriptAppended["type"]];
  const workerId = found[4] as WorkerId;
  const [runId, key, request] = [found[7], found[8], found[9]];
  if (key === undefined || request === undefined) {
    return runId === undefined
      ? { id, at, type, workerId, seq, count }
      : { id, at, type, workerId, seq, count, runId };
  }
  return runId === undefined
    ? { id, at, type, workerId, seq, count, key, request }
    : { id, at, type, workerId, seq, count, runId, key, request };
}

function parsedJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw corruptEvent(json, "it is not valid JSON", cause);
  }
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isEventLike(event: unknown): event is EventHead {
  return isJsonObject(event) && typeof event.type === "string";
}

function wholeEvent(event: unknown, json: string): RuntimeEvent {
  const head = isEventLike(event) && isTranscriptEvent(event)
    ? wholeTranscriptEvent(event as TranscriptAppended, json)
    : checkedHead(event, json) as RuntimeEvent;
  if (json.startsWith(`${ID_HEAD}${head.id},`)) return head;
  throw corruptEvent(json, "it does not begin with its id");
}

function wholeTranscriptEvent(whole: TranscriptAppended, json: string): TranscriptAppended {
  const head = parseEventHead(json) as TranscriptAppended;
  // Folding reads only what precedes the entries: nothing after them may contradict it.
  const differing = HEAD_MEMBERS.find((name) => head[name] !== whole[name]);
  if (differing !== undefined) throw corruptEvent(json, `${differing}: it is there twice`);
  const issues = entriesShapes[whole.type](whole.entries, "stored");
  if (issues !== undefined) throw corruptEvent(json, issues.map((issue) => `entries.${issue}`).join("; "));
  if (isDeeperThan(whole, limits.jsonDepthMax + LEVELS_AROUND)) {
    throw corruptEvent(json, "it is nested too deep");
  }
  const { length } = whole.entries;
  if (length === whole.count) return whole;
  throw corruptEvent(json, `count: it is ${whole.count}, and there are ${length} entries`);
}

const HEAD_MEMBERS = ["id", "at", "type", "workerId", "seq", "count", "runId", "key", "request"] as const;

const shapes = new Map(Object.entries(eventShapes));

function checkedHead(event: unknown, json: string): EventHead {
  if (!isEventLike(event)) throw corruptEvent(json, "type: a string is needed");
  const issues = (shapes.get(event.type) ?? unknownShape)(event, "stored");
  if (issues !== undefined) throw corruptEvent(json, issues.join("; "));
  if (!hasLead(json, event)) throw corruptEvent(json, "it does not begin with id, at and type");
  if (isTranscriptEvent(event) && !json.startsWith(leadText(event))) {
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

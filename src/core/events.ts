/**
 * Events: what happened, one per command, in one order per runtime. The log
 * of events is the only truth; all else is folded from it.
 *
 * @module
 */
import { RuntimeError } from "./errors.ts";
import type { RuntimeId, WorkerId } from "./ids.ts";
import { type Json, type JsonObject, plainLines } from "./json.ts";
import type { WorkerRecord } from "./records.ts";
import type { UsageTotals } from "./usage.ts";

/** Who said an entry of a transcript. */
export type TranscriptRole = "user" | "system" | "assistant" | "tool";

/** An entry as it stands in an event. Its sequence follows from its place. */
export interface EventEntry {
  /** Who said it. */
  readonly role: TranscriptRole;
  /** Name of the speaker or the tool. */
  readonly name?: string;
  /** What the host keeps with it. */
  readonly metadata?: JsonObject;
  /** What was said, to the letter. */
  readonly content: string;
}

/** How a run ended. */
export type RunOutcome = "completed" | "failed" | "cancelled" | "interrupted";

/** What every event has. */
export interface EventBase {
  /** 1, 2, 3 ... per runtime, without gaps. */
  readonly id: number;
  /** When it was decided: ISO 8601, UTC, milliseconds. Order comes from `id` alone. */
  readonly at: string;
  /** Idempotency key of the command. */
  readonly key?: string;
  /** Fingerprint of the keyed command's content. */
  readonly request?: string;
}

/** What an event of a worker has. */
export interface WorkerEventBase extends EventBase {
  /** The worker concerned. */
  readonly workerId: WorkerId;
}

/** The runtime came to be; always event 1. */
export interface RuntimeCreated extends EventBase {
  /** The kind of event. */
  readonly type: "runtime.created";
  /** The runtime. */
  readonly runtimeId: RuntimeId;
}

/** A host opened the runtime. */
export interface RuntimeOpened extends EventBase {
  /** The kind of event. */
  readonly type: "runtime.opened";
  /** How many times it was opened so far; also the writer's fence. */
  readonly epoch: number;
}

/** The host closed it in good order. */
export interface RuntimeClosed extends EventBase {
  /** The kind of event. */
  readonly type: "runtime.closed";
}

/** The runtime ended for good: its workers are stopped, their runs cancelled. */
export interface RuntimeStopped extends EventBase {
  /** The kind of event. */
  readonly type: "runtime.stopped";
  /** Why. */
  readonly reason?: string;
}

/** A worker came to be. */
export interface WorkerCreated extends WorkerEventBase {
  /** The kind of event. */
  readonly type: "worker.created";
  /** Who it is. */
  readonly record: WorkerRecord;
}

/** Entries went into a transcript: input for the worker, or what it said and did. */
export interface TranscriptAppended extends WorkerEventBase {
  /** The kind of event. */
  readonly type: "worker.input_accepted" | "worker.transcript_appended";
  /** Sequence of the first entry. */
  readonly seq: number;
  /** Number of entries. */
  readonly count: number;
  /** The run that was open. */
  readonly runId?: string;
  /** The entries, in order. */
  readonly entries: readonly EventEntry[];
}

/** The host's data about a worker changed. */
export interface WorkerStateUpdated extends WorkerEventBase {
  /** The kind of event. */
  readonly type: "worker.state_updated";
  /** JSON Merge Patch (RFC 7396). */
  readonly patch: JsonObject;
}

/** A run began. */
export interface WorkerRunStarted extends WorkerEventBase {
  /** The kind of event. */
  readonly type: "worker.run_started";
  /** The run. */
  readonly runId: string;
}

/** A run ended, by the host or because the process that ran it is gone. */
export interface WorkerRunEnded extends WorkerEventBase {
  /** The kind of event. */
  readonly type: "worker.run_finished" | "worker.run_interrupted";
  /** The run. */
  readonly runId: string;
  /** How it ended. */
  readonly outcome: RunOutcome;
  /** Why. */
  readonly reason?: string;
}

/** Work with a model was accounted for. */
export interface WorkerUsageRecorded extends WorkerEventBase {
  /** The kind of event. */
  readonly type: "worker.usage_recorded";
  /** The run that was open. */
  readonly runId?: string;
  /** What it took. */
  readonly usage: UsageTotals & {
    /** The model that was used. */
    readonly model: string;
  };
}

/** A worker reached its end: stopped, or cancelled together with its open run. */
export interface WorkerEnded extends WorkerEventBase {
  /** The kind of event. */
  readonly type: "worker.stopped" | "worker.cancelled";
  /** Why. */
  readonly reason?: string;
}

/** What the store kept of a worker besides the log was given up. */
export interface WorkerPurged extends WorkerEventBase {
  /** The kind of event. */
  readonly type: "worker.purged";
}

/** Something of the host's own. */
export interface CustomEvent extends EventBase {
  /** The kind of event. */
  readonly type: "custom";
  /** The worker concerned, if any. */
  readonly workerId?: WorkerId;
  /** What the host calls it. */
  readonly name: string;
  /** What the host says of it. */
  readonly data: Json;
}

/**
 * An event, told apart by `type`. A log written by a newer version may hold
 * further types and members; they are passed on as they are, so a `switch`
 * over `type` needs a `default`.
 */
export type RuntimeEvent =
  | RuntimeCreated
  | RuntimeOpened
  | RuntimeClosed
  | RuntimeStopped
  | WorkerCreated
  | TranscriptAppended
  | WorkerStateUpdated
  | WorkerRunStarted
  | WorkerRunEnded
  | WorkerUsageRecorded
  | WorkerEnded
  | WorkerPurged
  | CustomEvent;

/** A name of a known kind of event. */
export type RuntimeEventType = RuntimeEvent["type"];

/** What folding needs of an event: all but the entries, which it only counts. */
export type EventHead = Exclude<RuntimeEvent, TranscriptAppended> | Omit<TranscriptAppended, "entries">;

/** An event as a store keeps it: its text, and what a store needs to know without reading the text. */
export interface EventRecord {
  /** The event's id. */
  readonly id: number;
  /** The worker that it creates, adds a transcript entry to, or purges; of no meaning when `effect` is `none`. */
  readonly workerId: WorkerId | undefined;
  /** What it means for what a store keeps beside the log. */
  readonly effect: "none" | "created" | "transcript" | "purged";
  /** Sequence of its first transcript entry; 0 when it adds none. */
  readonly seq: number;
  /** Number of its transcript entries; 0 when it adds none. */
  readonly count: number;
  /** The whole event as one JSON object, `id` first, without line breaks. */
  readonly json: string;
}

/** A record. Made by a constructor: see the queue of the group commit. */
class EncodedEvent implements EventRecord {
  constructor(
    readonly id: number,
    readonly workerId: WorkerId | undefined,
    readonly effect: EventRecord["effect"],
    readonly seq: number,
    readonly count: number,
    readonly json: string,
  ) {}
}

const KNOWN: Readonly<Record<RuntimeEventType, true>> = {
  "runtime.created": true,
  "runtime.opened": true,
  "runtime.closed": true,
  "runtime.stopped": true,
  "worker.created": true,
  "worker.input_accepted": true,
  "worker.transcript_appended": true,
  "worker.state_updated": true,
  "worker.run_started": true,
  "worker.run_finished": true,
  "worker.run_interrupted": true,
  "worker.usage_recorded": true,
  "worker.stopped": true,
  "worker.cancelled": true,
  "worker.purged": true,
  "custom": true,
};

/** Whether this version knows the type of an event. */
export function isKnownEvent(event: { readonly type: string }): boolean {
  return Object.hasOwn(KNOWN, event.type);
}

const ENTRIES = ',"entries":';

/** The record of an event; `entriesJson` is the text of the entries of a transcript event. */
export function encodeEvent(head: EventHead, entriesJson: string): EventRecord {
  const { id } = head;
  if (!isTranscriptEvent(head)) {
    const effect = head.type === "worker.created"
      ? "created"
      : head.type === "worker.purged"
      ? "purged"
      : "none";
    const workerId = "workerId" in head ? head.workerId : undefined;
    return new EncodedEvent(id, workerId, effect, 0, 0, plainLines(JSON.stringify(head)));
  }
  const { workerId, seq, count } = head;
  return new EncodedEvent(id, workerId, "transcript", seq, count, transcriptText(head, entriesJson));
}

/**
 * By hand: this is the line that a busy runtime writes all day. Same members,
 * same order, as JSON.stringify. Every piece is checked for line separators
 * by itself, since a look at the whole would copy it once more.
 */
function transcriptText(head: Omit<TranscriptAppended, "entries">, entriesJson: string): string {
  let json = `{"id":${head.id},"at":"${head.at}","type":"${head.type}","workerId":${
    idText(head.workerId)
  },"seq":${head.seq},"count":${head.count}`;
  if (head.runId !== undefined) json += `,"runId":${plainText(head.runId)}`;
  if (head.key !== undefined) json += `,"key":${plainText(head.key)},"request":"${head.request}"`;
  return `${json}${ENTRIES}${entriesJson}}`;
}

/** Letters, digits and a few more that stand for themselves in JSON, as most ids do. */
const PLAIN_ID = /^[\w.:/ -]*$/;

function idText(id: string): string {
  return PLAIN_ID.test(id) ? `"${id}"` : plainText(id);
}

function plainText(text: string): string {
  return plainLines(JSON.stringify(text));
}

/** Whether an event adds to a transcript. */
export function isTranscriptEvent(
  head: EventHead,
): head is Extract<EventHead, { type: TranscriptAppended["type"] }> {
  return head.type === "worker.input_accepted" || head.type === "worker.transcript_appended";
}

/** Parses a whole event. Throws `store_corrupt` when the text is no event. */
export function parseEvent(json: string): RuntimeEvent {
  return checkedEvent(json, json) as RuntimeEvent;
}

/**
 * Parses whole events, all at once: that takes half the time that one after
 * the other does. Throws `store_corrupt` when a text is no event.
 */
export function parseEvents(jsons: readonly string[]): RuntimeEvent[] {
  let events: unknown;
  let json = "";
  for (const text of jsons) json += json === "" ? text : `,${text}`;
  try {
    events = JSON.parse(`[${json}]`);
  } catch {
    // One after the other tells which.
  }
  const isWhole = Array.isArray(events) && events.length === jsons.length && events.every(isEventShape);
  return isWhole ? events as RuntimeEvent[] : jsons.map(parseEvent);
}

/**
 * Parses what folding needs of an event and leaves the entries alone. A quote
 * inside a JSON string is escaped, so the first plain `,"entries":` of a
 * transcript event, whose members before it are all scalars, is the member.
 */
export function parseEventHead(json: string): EventHead {
  const entriesAt = json.indexOf(ENTRIES);
  if (entriesAt === -1) return checkedEvent(json, json);
  const head = checkedEvent(`${json.slice(0, entriesAt)}}`, json);
  return isTranscriptEvent(head) ? head : checkedEvent(json, json);
}

function checkedEvent(text: string, json: string): EventHead {
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch (cause) {
    if (text !== json) return checkedEvent(json, json);
    throw corruptEvent(json, cause);
  }
  if (!isEventShape(event)) throw corruptEvent(json);
  return event as EventHead;
}

function isEventShape(event: unknown): boolean {
  if (typeof event !== "object" || event === null) return false;
  const { id, at, type } = event as Record<string, unknown>;
  return Number.isSafeInteger(id) && (id as number) > 0 && typeof at === "string" && typeof type === "string";
}

function corruptEvent(json: string, cause?: unknown): RuntimeError<"store_corrupt"> {
  const start = json.slice(0, 80);
  return new RuntimeError(
    "store_corrupt",
    `Cannot read event: ${JSON.stringify(start)} is the start of no event`,
    { file: "", reason: "a line with the right checksum is no event" },
    { cause },
  );
}

/**
 * Commands: requests of callers, validated and copied, so that later changes of the
 * caller's objects have no effect.
 *
 * @module
 */
import { invalidRequest, limitExceeded } from "./errors.ts";
import { inputRoles, roles } from "./shapes.ts";
import type { EventBody, RuntimeEventType, TranscriptAppended, TranscriptRole } from "./event_types.ts";
import type { WorkerId } from "./ids.ts";
import { canonicalText, type Json, type JsonObject, jsonObjectText, jsonText, plainLines } from "./json.ts";
import { fingerprint } from "./keys.ts";
import { limits } from "./limits.ts";
import { textIssue } from "./shape.ts";
import { fitsBytes } from "./text.ts";

type Requested = Exclude<
  RuntimeEventType,
  | TranscriptAppended["type"]
  | "runtime.created"
  | "runtime.opened"
  | "runtime.closed"
  | "worker.run_interrupted"
>;

/** The event that a command asks for, without what is decided when it is committed. */
export type CommandBody = AppendEntries | (EventBody & { readonly type: Requested });

/** Appends entries to a transcript. Made by a constructor: see the queue of the group commit. */
export class AppendEntries {
  /** Creates the body for `count` entries of a worker, given as JSON text. */
  constructor(
    readonly type: TranscriptAppended["type"],
    readonly workerId: WorkerId,
    readonly count: number,
    readonly entriesJson: string,
  ) {}
}

/** A validated command. Made by a constructor: see the queue of the group commit. */
export class Command {
  /** Creates a command from its body, size in UTF-16 units, idempotency key, fingerprint and expected last event id. */
  constructor(
    readonly body: CommandBody,
    readonly units: number,
    readonly key: { readonly key: string; readonly request: string } | undefined,
    readonly expectedLastEventId: number | undefined,
  ) {}
}

/** Options that all commands share. */
export interface CommandOptions {
  /**
   * Idempotency key, 1 to 256 bytes. The same key with the same content returns the
   * first receipt with `duplicate: true`; with other content it is rejected with
   * `key_reused`.
   */
  readonly key?: string | undefined;
  /** Optimistic concurrency: rejected with `conflict` unless this is the last event of the worker (or runtime). */
  readonly expect?: {
    /** The last event id that the caller has seen. */
    readonly lastEventId: number;
  } | undefined;
  /** Cancels the command while it is queued. Ignored once it is being written. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of commands that take a reason. */
export interface ReasonOptions extends CommandOptions {
  /** Reason. */
  readonly reason?: string | undefined;
}

/** An entry for a transcript. */
export interface EntryInput {
  /** Role of the author. */
  readonly role: TranscriptRole;
  /** Text, stored unchanged; at most 1 MiB of UTF-8. */
  readonly content: string;
  /** Name of the speaker or the tool. */
  readonly name?: string | undefined;
  /** JSON object stored with the entry; at most 64 KiB. */
  readonly metadata?: JsonObject | undefined;
}

const ACTIONS: Readonly<Record<CommandBody["type"], string>> = {
  "worker.created": "create worker",
  "runtime.stopped": "stop runtime",
  "worker.input_accepted": "send input",
  "worker.transcript_appended": "append to transcript",
  "worker.state_updated": "update state",
  "worker.run_started": "begin run",
  "worker.run_finished": "finish run",
  "worker.usage_recorded": "record usage",
  "worker.stopped": "stop worker",
  "worker.cancelled": "cancel worker",
  "worker.purged": "purge worker",
  "custom": "record event",
};

/** Returns the action of a command for messages. */
export function actionOf({ type }: Pick<CommandBody, "type">): string {
  return ACTIONS[type];
}

/** Validates the options and creates the command; its key stands for `content`. Throws `invalid_request`. */
export function command(
  body: CommandBody,
  { key, expect }: CommandOptions,
  content: unknown = body,
): Command {
  const action = actionOf(body);
  if (expect !== undefined && !(Number.isSafeInteger(expect.lastEventId) && expect.lastEventId >= 0)) {
    throw invalidRequest(action, "expect.lastEventId: a count from 0 is needed");
  }
  const units = "entriesJson" in body ? body.entriesJson.length : JSON.stringify(body).length;
  if (key === undefined) return new Command(body, units, undefined, expect?.lastEventId);
  checkText(key, action, "key", limits.keyBytesMax);
  const request = fingerprint(`${body.type} ${canonicalText(content)}`);
  return new Command(body, units, { key, request }, expect?.lastEventId);
}

/** Throws `invalid_request` unless `text` is a well-formed, non-blank string of at most `bytesMax` bytes. */
export function checkText(
  text: unknown,
  action: string,
  name: string,
  bytesMax: number,
): asserts text is string {
  const issue = textIssue(text, bytesMax, "caller");
  if (issue !== undefined) throw invalidRequest(action, `${name}: ${issue}`);
}

/** Validates an optional reason. Throws `invalid_request`. */
export function givenReason({ reason }: ReasonOptions, action: string): { readonly reason?: string } {
  if (reason === undefined) return {};
  checkText(reason, action, "reason", limits.textBytesMax);
  return { reason };
}

/** Creates the body of a custom event. Throws `invalid_request`. */
export function customBody(
  name: string,
  data: Json,
  workerId?: WorkerId,
): Extract<CommandBody, { readonly type: "custom" }> {
  checkText(name, "record event", "name", limits.nameBytesMax);
  const copy = copiedJson(data, "record event", "data");
  return { type: "custom", ...(workerId === undefined ? {} : { workerId }), name, data: copy };
}

const ANY_ROLE: ReadonlySet<unknown> = new Set(roles);
const INPUT_ROLE: ReadonlySet<unknown> = new Set(inputRoles);
const MEMBERS: ReadonlySet<string> = new Set(["role", "content", "name", "metadata"]);

/** Validates entries and returns their JSON text. Written by hand, without schemas: every input takes this path. */
export function entriesText(
  entries: readonly EntryInput[],
  type: TranscriptAppended["type"],
): string {
  const action = actionOf({ type });
  if (!Array.isArray(entries)) throw invalidRequest(action, "entries: an array is needed");
  if (entries.length === 0 || entries.length > limits.entriesMax) {
    throw invalidRequest(action, `entries: 1 to ${limits.entriesMax} are allowed, not ${entries.length}`);
  }
  const roles = type === "worker.input_accepted" ? INPUT_ROLE : ANY_ROLE;
  let text = "[";
  // Each UTF-16 unit takes at least one byte, so most oversized requests are rejected before any work.
  let unitsLeft = entries.reduce((sum, entry) => sum + contentUnits(entry), 0);
  for (const entry of entries) {
    if (text.length + unitsLeft > limits.eventBytesMax) {
      throw limitExceeded(action, "event bytes", limits.eventBytesMax, text.length + unitsLeft);
    }
    text += (text === "[" ? "" : ",") + entryText(entry, roles, action);
    unitsLeft -= contentUnits(entry);
  }
  return `${text}]`;
}

function contentUnits(entry: EntryInput | null | undefined): number {
  const content: unknown = entry?.content;
  return typeof content === "string" ? content.length : 0;
}

function entryText(entry: EntryInput, roles: ReadonlySet<unknown>, action: string): string {
  if (typeof entry !== "object" || entry === null) throw invalidRequest(action, "entry: an object is needed");
  for (const member in entry) {
    if (!MEMBERS.has(member)) throw invalidRequest(action, `entry: unknown member ${JSON.stringify(member)}`);
  }
  const { role, content, name, metadata } = entry;
  if (!roles.has(role)) {
    throw invalidRequest(action, `role: ${shown(role)} is none of ${[...roles].join(", ")}`);
  }
  if (typeof content !== "string") throw invalidRequest(action, "content: a string is needed");
  if (!content.isWellFormed()) throw invalidRequest(action, "content: a lone surrogate");
  if (!fitsBytes(content, limits.contentBytesMax)) {
    throw invalidRequest(action, `content: longer than ${limits.contentBytesMax} bytes`);
  }
  let text = `{"role":"${role}"`;
  if (name !== undefined) {
    checkText(name, action, "name", limits.nameBytesMax);
    text += `,"name":${plainLines(JSON.stringify(name))}`;
  }
  if (metadata !== undefined) {
    text += `,"metadata":${jsonObjectText(metadata, action, "metadata", limits.metadataBytesMax)}`;
  }
  return `${text},"content":${plainLines(JSON.stringify(content))}}`;
}

/** Formats an invalid value for a message. */
export function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : typeof value;
}

/** Validates and copies a JSON object of the caller. Throws `invalid_request`. */
export function copiedObject(value: unknown, action: string, name: string): JsonObject {
  return JSON.parse(jsonObjectText(value, action, name, limits.dataBytesMax));
}

/** Validates and copies a JSON value of the caller. Throws `invalid_request`. */
export function copiedJson(value: unknown, action: string, name: string): Json {
  return JSON.parse(jsonText(value, action, name, limits.dataBytesMax));
}

// deno-lint-ignore-file camelcase -- the table is keyed by the names of commands
/**
 * Commands: requests of callers, validated and copied, so that later changes of the
 * caller's objects have no effect.
 *
 * @module
 */
import { invalidRequest, limitExceeded } from "./errors.ts";
import { inputRoles, roles } from "./event_shapes.ts";
import type { RunOutcome, TranscriptRole } from "./event_types.ts";
import type { WorkerId } from "./ids.ts";
import { canonicalText, type Json, type JsonObject, jsonObjectText, jsonText, plainLines } from "./json.ts";
import { fingerprint } from "./keys.ts";
import { limits } from "./limits.ts";
import type { WorkerRecord } from "./records.ts";
import { textIssue } from "./shape.ts";
import { fitsBytes } from "./text.ts";
import type { UsageTotals } from "./usage.ts";

/** A command without the options that all commands share. */
export type CommandBody =
  | { readonly type: "create_worker"; readonly record: WorkerRecord }
  | { readonly type: "stop_runtime"; readonly reason: string | undefined }
  | AppendEntries
  | { readonly type: "update_state"; readonly workerId: WorkerId; readonly patch: JsonObject }
  | { readonly type: "begin_run"; readonly workerId: WorkerId; readonly runId: string }
  | {
    readonly type: "finish_run";
    readonly workerId: WorkerId;
    readonly runId: string;
    readonly outcome: RunOutcome;
    readonly reason: string | undefined;
  }
  | {
    readonly type: "record_usage";
    readonly workerId: WorkerId;
    readonly usage: UsageTotals & { readonly model: string };
  }
  | {
    readonly type: "end_worker";
    readonly workerId: WorkerId;
    readonly as: "worker.stopped" | "worker.cancelled";
    readonly reason: string | undefined;
  }
  | { readonly type: "purge_worker"; readonly workerId: WorkerId }
  | {
    readonly type: "record_custom";
    readonly workerId: WorkerId | undefined;
    readonly name: string;
    readonly data: Json;
  };

/** Appends entries to a transcript. Made by a constructor: see the queue of the group commit. */
export class AppendEntries {
  /** Discriminator. */
  readonly type = "append_entries";

  /** Creates the body for `count` entries of a worker, given as JSON text. */
  constructor(
    readonly workerId: WorkerId,
    readonly as: "worker.input_accepted" | "worker.transcript_appended",
    readonly count: number,
    readonly entriesJson: string,
  ) {}
}

/** A validated command. Made by a constructor: see the queue of the group commit. */
export class Command {
  /** Creates a command from its body, idempotency key, fingerprint and expected last event id. */
  constructor(
    readonly body: CommandBody,
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
  create_worker: "create worker",
  stop_runtime: "stop runtime",
  append_entries: "append to transcript",
  update_state: "update state",
  begin_run: "begin run",
  finish_run: "finish run",
  record_usage: "record usage",
  end_worker: "stop worker",
  purge_worker: "purge worker",
  record_custom: "record event",
};

/** Returns the action of a command for messages. */
export function actionOf(body: CommandBody): string {
  if (body.type === "end_worker" && body.as === "worker.cancelled") return "cancel worker";
  if (body.type === "append_entries" && body.as === "worker.input_accepted") return "send input";
  return ACTIONS[body.type];
}

/** Validates the options and creates the command. Throws `invalid_request`. */
export function command(
  body: CommandBody,
  options: CommandOptions,
  action: string,
  content: unknown,
): Command {
  const { key, expect } = options;
  if (expect !== undefined && !(Number.isSafeInteger(expect.lastEventId) && expect.lastEventId >= 0)) {
    throw invalidRequest(action, "expect.lastEventId: a count from 0 is needed");
  }
  const keyed = key === undefined ? undefined : keyOf(body, key, action, content);
  return new Command(body, keyed, expect?.lastEventId);
}

function keyOf(body: CommandBody, key: string, action: string, content: unknown): Command["key"] {
  checkText(key, action, "key", limits.keyBytesMax);
  return { key, request: fingerprint(`${body.type} ${canonicalText(content)}`) };
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
export function checkReason(reason: unknown, action: string): string | undefined {
  if (reason === undefined) return undefined;
  checkText(reason, action, "reason", limits.textBytesMax);
  return reason;
}

const ANY_ROLE: ReadonlySet<unknown> = new Set(roles);
const INPUT_ROLE: ReadonlySet<unknown> = new Set(inputRoles);
const MEMBERS: ReadonlySet<string> = new Set(["role", "content", "name", "metadata"]);

/** Validates entries and returns their JSON text. Written by hand, without schemas: every input takes this path. */
export function entriesText(
  entries: readonly EntryInput[],
  as: "worker.input_accepted" | "worker.transcript_appended",
): string {
  const action = as === "worker.input_accepted" ? "send input" : "append to transcript";
  if (!Array.isArray(entries)) throw invalidRequest(action, "entries: an array is needed");
  if (entries.length === 0 || entries.length > limits.entriesMax) {
    throw invalidRequest(action, `entries: 1 to ${limits.entriesMax} are allowed, not ${entries.length}`);
  }
  const roles = as === "worker.input_accepted" ? INPUT_ROLE : ANY_ROLE;
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

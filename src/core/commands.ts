// deno-lint-ignore-file camelcase -- the table is keyed by the names of commands
/**
 * Commands: what callers ask for, already checked for shape and cut loose from
 * the caller's objects, so that nothing which happens to them later matters.
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

/** What to do, without the options that every command takes. */
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

/** To add entries to a transcript. Made by a constructor: see the queue of the group commit. */
export class AppendEntries {
  /** What to do. */
  readonly type = "append_entries";

  /** `count` entries for a worker, as JSON text. */
  constructor(
    readonly workerId: WorkerId,
    readonly as: "worker.input_accepted" | "worker.transcript_appended",
    readonly count: number,
    readonly entriesJson: string,
  ) {}
}

/** A command as it waits to be decided. Made by a constructor: see the queue of the group commit. */
export class Command {
  /** A command with an idempotency key, a fingerprint of its content, and the last event id that the caller believes in. */
  constructor(
    readonly body: CommandBody,
    readonly key: { readonly key: string; readonly request: string } | undefined,
    readonly expectedLastEventId: number | undefined,
  ) {}
}

/** Options that every command takes. */
export interface CommandOptions {
  /**
   * Idempotency key, 1 to 256 bytes. The same key with the same content is
   * answered with the first receipt and `duplicate: true`; with other content
   * it is refused with `key_reused`.
   */
  readonly key?: string | undefined;
  /** Optimistic concurrency: refused with `conflict` unless this is the last event of the worker (or runtime). */
  readonly expect?: {
    /** The last event id that the caller has seen. */
    readonly lastEventId: number;
  } | undefined;
  /** Gives the command up while it waits. Once it is being written the signal is ignored. */
  readonly signal?: AbortSignal | undefined;
}

/** An entry for a transcript. */
export interface EntryInput {
  /** Who says it. */
  readonly role: TranscriptRole;
  /** What is said, kept to the letter; at most 1 MiB of UTF-8. */
  readonly content: string;
  /** Name of the speaker or the tool. */
  readonly name?: string | undefined;
  /** JSON object to keep with it; at most 64 KiB. */
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

/** What a command does, as messages say it. */
export function actionOf(body: CommandBody): string {
  if (body.type === "end_worker" && body.as === "worker.cancelled") return "cancel worker";
  if (body.type === "append_entries" && body.as === "worker.input_accepted") return "send input";
  return ACTIONS[body.type];
}

/** Checks the options of a command and puts the pieces together. Throws `invalid_request`. */
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

/** Throws `invalid_request` unless `text` is a well-formed string that says something in `bytesMax` bytes. */
export function checkText(
  text: unknown,
  action: string,
  name: string,
  bytesMax: number,
): asserts text is string {
  const issue = textIssue(text, bytesMax, "caller");
  if (issue !== undefined) throw invalidRequest(action, `${name}: ${issue}`);
}

/** Checks an optional reason. Throws `invalid_request`. */
export function checkReason(reason: unknown, action: string): string | undefined {
  if (reason === undefined) return undefined;
  checkText(reason, action, "reason", limits.textBytesMax);
  return reason;
}

const ANY_ROLE: ReadonlySet<unknown> = new Set(roles);
const INPUT_ROLE: ReadonlySet<unknown> = new Set(inputRoles);
const MEMBERS: ReadonlySet<string> = new Set(["role", "content", "name", "metadata"]);

/** The JSON text of checked entries. By hand, not by schema: this is the path of every input. */
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

/** A wrong value as a message shows it. */
export function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : typeof value;
}

/** A caller's JSON object, checked and copied. Throws `invalid_request`. */
export function copiedObject(value: unknown, action: string, name: string): JsonObject {
  return JSON.parse(jsonObjectText(value, action, name, limits.dataBytesMax));
}

/** A caller's JSON value, checked and copied. Throws `invalid_request`. */
export function copiedJson(value: unknown, action: string, name: string): Json {
  return JSON.parse(jsonText(value, action, name, limits.dataBytesMax));
}

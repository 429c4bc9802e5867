/**
 * Commands: requests of callers, validated and copied, so that later changes of the
 * caller's objects have no effect.
 *
 * @module
 */
import type { HostEventOf, HostTypes, PatchOf } from "./host_types.ts";
import { invalidRequest, limitExceeded } from "./errors.ts";
import type { EntryTexts } from "./entries.ts";
import type {
  ContextChange,
  KnownEvent,
  RunChange,
  WorkerChanges,
  WorkerCreated,
  WorkerStatus,
} from "./event_types.ts";
import type { WorkerId } from "./ids.ts";
import { canonicalText, type Json, type JsonObject, jsonObjectText, jsonText } from "./json.ts";
import { fingerprint } from "./keys.ts";
import { limits } from "./limits.ts";
import { encodeEntries, type EntryInput } from "./entries.ts";
import {
  assertShape,
  dictionary,
  integer,
  list,
  nullable,
  object,
  type Shape,
  text,
  textIssue,
} from "./shape.ts";
import { byteLength, fitsBytes, truncated } from "./text.ts";
import { parseUsage, type UsageReport } from "./usage.ts";

/** The run that a command is for; `eventId` is the event that began it, absent if the command begins it. */
export interface RequestedRun {
  /** The run. */
  readonly runId: string;
  /** The event that began it. */
  readonly eventId?: number | undefined;
}

/** Members of the requested event, in the order of its text, without those that are decided later. */
export type RequestedMembers =
  & Partial<Omit<WorkerChanges, "seq" | "count" | "runId" | "entries"> & Pick<WorkerCreated, "fork">>
  & { readonly [name: string]: unknown };

/** The event that a command asks for. Made by a constructor: see the queue of the group commit. */
export class Requested {
  /** Creates a request; `life` is the event that created its worker. */
  constructor(
    readonly type: Exclude<KnownEvent["type"], "runtime.created" | "runtime.opened" | "runtime.closed">,
    /** Names the action in messages, such as `send input`. */
    readonly action: string,
    readonly workerId: WorkerId | undefined = undefined,
    readonly life: number = 0,
    readonly members: RequestedMembers | undefined = undefined,
    readonly entries: EntryTexts | undefined = undefined,
    readonly run: RequestedRun | undefined = undefined,
    /** Cancels the open run, if there is one. */
    readonly cancelsRun: boolean = false,
    /** Number of the creation that it requests. */
    readonly creation: number | undefined = undefined,
  ) {}
}

/** State that a caller has seen; at least one member. */
export interface Expectation {
  /** The last event of the worker (or runtime). */
  readonly lastEventId?: number | undefined;
  /** The version of the worker's context. That of a context that was never changed is the event that created the worker. */
  readonly contextVersion?: number | undefined;
}

/** A validated command. Made by a constructor: see the queue of the group commit. */
export class Command {
  /** Creates a command from its request, size in UTF-16 units, idempotency key, fingerprint and expectation. */
  constructor(
    readonly requested: Requested,
    readonly units: number,
    readonly key: { readonly key: string; readonly request: string } | undefined,
    readonly expected: Expectation | undefined,
  ) {}
}

/**
 * Returns the command that adds the texts of two to a draft. Undefined if
 * either does something else, has a key or an expectation, or is of another run.
 */
export function joinedDraft(first: Command, second: Command): Command | undefined {
  const [before, after] = [draftText(first), draftText(second)];
  const { requested } = first;
  if (before === undefined || after === undefined) return undefined;
  if (second.requested.run?.eventId !== requested.run?.eventId) return undefined;
  const draft = before + after;
  // At most what fits a draft of its own, without counting bytes.
  if (draft.length * 3 > limits.draftBytesMax) return undefined;
  const { type, action, workerId, life, run } = requested;
  const joined = new Requested(type, action, workerId, life, { draft }, undefined, run);
  return new Command(joined, first.units + second.units, undefined, undefined);
}

/** Returns the text that a command adds to the draft of its run, if it does nothing else. */
export function draftText(command: Command): string | undefined {
  const { requested: { members, entries, run }, key, expected } = command;
  const draft = members?.draft;
  if (typeof draft !== "string" || entries !== undefined || run === undefined) return undefined;
  if (key !== undefined || expected !== undefined) return undefined;
  return Object.keys(members ?? {}).length === 1 ? draft : undefined;
}

/** Options that all commands share. */
export interface CommandOptions {
  /**
   * Idempotency key, 1 to 256 bytes. The same key with the same content returns the
   * first receipt with `duplicate: true`; with other content it is rejected with
   * `key_reused`.
   */
  readonly key?: string | undefined;
  /**
   * Optimistic concurrency: rejected with `conflict` if the worker (or runtime) has a newer event, or the
   * context was compacted or rewound since.
   */
  readonly expect?: Expectation | undefined;
  /** Cancels the command while it is queued. Ignored once it is being written. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of commands that change a worker. */
export interface CommitOptions extends CommandOptions {
  /** Data about the change, such as the actor or a trace id: a JSON object of at most 4 KiB. */
  readonly meta?: JsonObject | undefined;
}

/** Options of commands that take a reason. */
export interface ReasonOptions extends CommitOptions {
  /** Reason; truncated to 64 KiB. */
  readonly reason?: string | undefined;
}

/** Changes of a worker, committed as one event. */
export interface CommitInput<Types extends HostTypes = HostTypes> {
  /** Entries to add to the transcript: 1 to 256. Large content is kept as blobs; the rest has at most 8 MiB. */
  readonly entries?: readonly EntryInput<Types>[] | undefined;
  /** Usage to record: one report, or 1 to 256. Also accepted after the worker's end, for costs that arrive late. */
  readonly usage?: UsageReport | readonly UsageReport[] | undefined;
  /** JSON Merge Patch (RFC 7396) of the host's data: null removes a member. Patch and result have at most 256 KiB. */
  readonly data?: PatchOf<Types> | undefined;
  /** Events of the host: up to 256, each with a name of 1 to 256 bytes and JSON data of at most 256 KiB. */
  readonly events?: readonly HostEventOf<Types>[] | undefined;
  /** New name for people, 1 to 256 bytes; null removes it. */
  readonly displayName?: string | null | undefined;
  /** Labels to set: up to 256, with names and values of 1 to 256 bytes; null removes one. */
  readonly labels?: Readonly<Record<string, string | null>> | undefined;
}

/** A change of the draft of a run. */
export interface DraftInput {
  /**
   * Text to append to the partial answer of the run, up to 1 MiB in all; null
   * drops what there is. The end of the run drops it, too.
   */
  readonly draft?: string | null | undefined;
}

/** Changes that only the runtime's own methods make. */
export interface OwnChanges {
  /** Beginning or end of a run. */
  readonly run?: RunChange | undefined;
  /** New status. */
  readonly status?: WorkerStatus | undefined;
  /** Reason for the status. */
  readonly reason?: string | undefined;
  /** Change of the context. */
  readonly context?: ContextChange | undefined;
}

/** Argument of `Worker.compact`. */
export interface CompactInput<Types extends HostTypes = HostTypes> {
  /** The sequence through which the context is replaced, from 0 to the length of the transcript. */
  readonly through: number;
  /** The entry in its place, added to the transcript. */
  readonly summary: EntryInput<Types>;
}

/** Argument of `Worker.rewind`. */
export interface RewindInput {
  /** The sequence of the last entry to keep; 0 keeps none. */
  readonly toSeq: number;
}

const name = text(limits.nameBytesMax);
const anything: Shape = () => undefined;
const eventsShape = list(object({ name, data: anything }), limits.listItemsMax);
const labelsShape = dictionary(name, nullable(name), limits.listItemsMax);
const displayNameShape = nullable(name);
const compactShape = object({ through: integer(0), summary: anything });
const rewindShape = object({ toSeq: integer(0) });
const COMMIT_MEMBERS: ReadonlySet<string> = new Set([
  "entries",
  "usage",
  "data",
  "events",
  "displayName",
  "labels",
  "draft",
]);

/** Validates changes and copies them. Throws `invalid_request`, `limit_exceeded`. */
export function changesOf(
  changes: CommitInput & DraftInput,
  { run, status, reason, context }: OwnChanges,
  meta: JsonObject | undefined,
  action: string,
): { readonly members: RequestedMembers | undefined; readonly entries: EntryTexts | undefined } {
  if (typeof changes !== "object" || changes === null) throw invalidRequest(action, "an object is needed");
  for (const member in changes) {
    if (!COMMIT_MEMBERS.has(member)) {
      throw invalidRequest(action, `unknown member ${JSON.stringify(member)}`);
    }
  }
  const { entries, usage, data, events, displayName, labels, draft } = changes;
  // In the order of the text.
  const members: Record<string, unknown> = {};
  if (meta !== undefined) {
    members.meta = JSON.parse(jsonObjectText(meta, action, "meta", limits.metaBytesMax));
  }
  if (run !== undefined) members.run = { ...run, ...reasonOf(run.reason, action) };
  if (status !== undefined) Object.assign(members, { status, ...reasonOf(reason, action) });
  if (displayName !== undefined) {
    members.displayName = checked(displayNameShape, displayName, "displayName", action);
  }
  if (labels !== undefined) members.labels = checkedLabels(labels, action);
  if (data !== undefined) {
    members.data = JSON.parse(jsonObjectText(data, action, "data", limits.dataBytesMax));
  }
  if (usage !== undefined) members.usage = usageOf(usage, action);
  if (events !== undefined) {
    checked(eventsShape, events, "events", action);
    members.events = events.map(({ name, data }) => ({ name, data: copiedJson(data, action, "data") }));
  }
  if (context !== undefined) members.context = context;
  if (draft !== undefined) members.draft = checkedDraft(draft, action);
  const texts = entries === undefined ? undefined : encodeEntries(entries, action);
  const hasMembers = Object.keys(members).length > 0;
  return { members: hasMembers ? members : undefined, entries: texts };
}

/** The change of a compaction. Throws `invalid_request`. */
export function compactionOf(input: CompactInput, action: string): ContextChange {
  assertShape(compactShape, input, action);
  return { compacted: input.through };
}

/** The change of a rewind. Throws `invalid_request`. */
export function rewindOf(input: RewindInput, action: string): ContextChange {
  assertShape(rewindShape, input, action);
  return { rewound: input.toSeq };
}

function checked<Value>(shape: Shape, value: Value, name: string, action: string): Value {
  assertShape(object({ [name]: shape }), { [name]: value }, action);
  return value;
}

function checkedLabels(labels: Readonly<Record<string, string | null>>, action: string): JsonObject {
  checked(labelsShape, labels, "labels", action);
  if (Object.hasOwn(labels, "__proto__")) {
    throw invalidRequest(action, "labels: __proto__ is no name for a label");
  }
  return { ...labels };
}

function checkedDraft(draft: string | null, action: string): string | null {
  if (draft === null) return null;
  if (typeof draft !== "string") throw invalidRequest(action, "draft: a string or null is needed");
  const bytesMax = limits.draftBytesMax;
  if (!fitsBytes(draft, bytesMax)) throw limitExceeded(action, "draft bytes", bytesMax, byteLength(draft));
  return draft;
}

function usageOf(usage: UsageReport | readonly UsageReport[], action: string): unknown[] {
  const reports = Array.isArray(usage) ? usage : [usage];
  if (reports.length === 0 || reports.length > limits.listItemsMax) {
    throw invalidRequest(action, `usage: 1 to ${limits.listItemsMax} are allowed, not ${reports.length}`);
  }
  return reports.map((report) => parseUsage(report, action));
}

/** Returns an optional reason as a member, truncated to its bound. Throws `invalid_request` if it is not a string. */
export function reasonOf(reason: unknown, action: string): { readonly reason?: string } {
  if (reason === undefined) return {};
  if (typeof reason !== "string") throw invalidRequest(action, "reason: a string is needed");
  const kept = truncated(reason.toWellFormed(), limits.textBytesMax);
  return kept.trim() === "" ? {} : { reason: kept };
}

/** Validates the options and creates the command; its key stands for `content`. Throws `invalid_request`. */
export function command(
  requested: Requested,
  options: CommandOptions,
  content: unknown,
): Command {
  const { action, members, entries } = requested;
  checkOptions(options, action);
  const { key } = options;
  const expected = options.expect === undefined ? undefined : expectationOf(options.expect, requested);
  const units = (members === undefined ? 0 : JSON.stringify(members).length) + (entries?.units ?? 0);
  if (key === undefined) return new Command(requested, units, undefined, expected);
  checkText(key, action, "key", limits.keyBytesMax);
  const request = fingerprint(`${requested.type} ${canonicalText(content)}`);
  return new Command(requested, units, { key, request }, expected);
}

const expectationShape = object({}, { lastEventId: integer(0), contextVersion: integer(0) });

function expectationOf(expect: Expectation, { action, type, workerId }: Requested): Expectation {
  checked(expectationShape, expect, "expect", action);
  const { lastEventId, contextVersion } = expect;
  if (lastEventId === undefined && contextVersion === undefined) {
    throw invalidRequest(action, "expect: lastEventId or contextVersion is needed");
  }
  if (contextVersion !== undefined && (workerId === undefined || type === "worker.created")) {
    throw invalidRequest(action, "expect.contextVersion: a command of a worker is needed");
  }
  return { lastEventId, contextVersion };
}

/** Throws `invalid_request` unless `options` is an object: a key in its place would be ignored without notice. */
export function checkOptions(options: unknown, action: string): void {
  if (typeof options !== "object" || options === null) {
    throw invalidRequest(action, "options: an object is needed");
  }
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

/** Formats an invalid value for a message. */
export function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : typeof value;
}

/** Validates and copies a JSON value of the caller. Throws `invalid_request`. */
export function copiedJson(value: unknown, action: string, name: string): Json {
  return JSON.parse(jsonText(value, action, name, limits.dataBytesMax));
}

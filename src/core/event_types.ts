/**
 * Types of events: one event per command, in one order per runtime. The log of
 * events is the only source of truth; all other state is folded from it.
 *
 * @module
 */
import type { BlobRef } from "./blob_ref.ts";
import type { ContentOf, HostEvent, HostEventOf, HostTypes, PatchOf } from "./host_types.ts";
import type { RuntimeId, WorkerId } from "./ids.ts";
import type { JsonObject } from "./json.ts";
import type { WorkerRecord } from "./records.ts";
import type { UsageTotals } from "./usage.ts";

/** An entry in an event. Its sequence follows from its position. */
export interface EventEntry<Types extends HostTypes = HostTypes> {
  /** Role of the author, such as `user`, `assistant` or `tool`. */
  readonly role: string;
  /** Name of the author or the tool. */
  readonly name?: string;
  /** Id that the host gives the entry. */
  readonly id?: string;
  /** Original time of an imported or late entry. */
  readonly at?: string;
  /** Data of the host, stored with the entry. */
  readonly metadata?: JsonObject;
  /** Blobs that belong to the entry. */
  readonly blobs?: readonly BlobRef[];
  /** The content: a string, or JSON. Absent if `contentBlob` is present. */
  readonly content?: ContentOf<Types>;
  /** The blob that holds the content as JSON text, if it was too large for an event. */
  readonly contentBlob?: BlobRef;
}

/** Outcome of a run. */
export type RunOutcome = "completed" | "failed" | "cancelled" | "interrupted";

/** Status of a worker. A stopped worker can be restarted; `retired` is final. */
export type WorkerStatus = "running" | "stopped" | "retired";

/** Beginning or end of a run. */
export interface RunChange {
  /** The run began. */
  readonly began?: true;
  /** The run ended with this outcome. */
  readonly ended?: RunOutcome;
  /** Reason for the outcome. */
  readonly reason?: string;
}

/** Change of the context: either member. */
export interface ContextChange {
  /** The entry of the event is a summary: it replaces all of the context through this sequence, and the summary before. */
  readonly compacted?: number;
  /** The context ends with the entry of this sequence; 0 leaves none. */
  readonly rewound?: number;
}

/** Usage of one model. */
export interface RecordedUsage extends UsageTotals {
  /** The model. */
  readonly model: string;
}

/** Changes of a worker: each member that is present says what changed. */
export interface WorkerChanges<Types extends HostTypes = HostTypes> {
  /** Sequence of the first entry; present if `entries` is. */
  readonly seq?: number;
  /** Number of entries; present if `entries` is. */
  readonly count?: number;
  /** The run that made the change. */
  readonly runId?: string;
  /** Data of the host about the change, such as the actor or a trace id. */
  readonly meta?: JsonObject;
  /** The run of `runId` began or ended. */
  readonly run?: RunChange;
  /** The worker was stopped, restarted (`running`) or retired. */
  readonly status?: WorkerStatus;
  /** Reason for the status. */
  readonly reason?: string;
  /** New name for people; null removes it. */
  readonly displayName?: string | null;
  /** Labels to set; null removes one. */
  readonly labels?: Readonly<Record<string, string | null>>;
  /** JSON Merge Patch (RFC 7396) of the host's data. */
  readonly data?: PatchOf<Types>;
  /** Usage of models. */
  readonly usage?: readonly RecordedUsage[];
  /** Events that the host defines. */
  readonly events?: readonly HostEventOf<Types>[];
  /** The context was compacted or rewound. */
  readonly context?: ContextChange;
  /** Entries added to the transcript, in order. */
  readonly entries?: readonly EventEntry<Types>[];
}

/** Members of every event. */
export interface EventBase {
  /** 1, 2, 3 ... per runtime, without gaps. */
  readonly id: number;
  /** Time of the decision: ISO 8601, UTC, milliseconds. `id` alone determines the order. */
  readonly at: string;
  /** Idempotency key of the command. */
  readonly key?: string;
  /** Fingerprint of the keyed command's content. */
  readonly request?: string;
}

/** The runtime was created; always event 1. */
export interface RuntimeCreated extends EventBase {
  /** The type of event. */
  readonly type: "runtime.created";
  /** The runtime. */
  readonly runtimeId: RuntimeId;
}

/** A host opened the runtime. */
export interface RuntimeOpened extends EventBase {
  /** The type of event. */
  readonly type: "runtime.opened";
  /** Number of openings so far; also the writer's fence. */
  readonly epoch: number;
}

/** The host closed the runtime. */
export interface RuntimeClosed extends EventBase {
  /** The type of event. */
  readonly type: "runtime.closed";
}

/** The runtime ended permanently: its workers are retired, their runs cancelled. */
export interface RuntimeRetired extends EventBase {
  /** The type of event. */
  readonly type: "runtime.retired";
  /** The reason. */
  readonly reason?: string;
}

/** An event of the runtime that the host defines. */
export interface CustomEvent extends EventBase, HostEvent {
  /** The type of event. */
  readonly type: "custom";
}

/** Members of every event of a worker. */
export interface WorkerEventBase extends EventBase {
  /** The worker concerned. */
  readonly workerId: WorkerId;
}

/** The context with which a fork begins: that of a worker's state without its version, which is the creation of the fork. */
export interface ForkContext {
  /** Sequence of the summary, or null. */
  readonly summary: number | null;
  /** The summary stands for the entries up to this sequence; 0 without one. */
  readonly compacted: number;
  /** Ranges that do not grow: at most 63, ascending and apart from each other. */
  readonly ranges: readonly (readonly [from: number, to: number])[];
  /** Every entry from this sequence on is in the context. */
  readonly openFrom: number;
}

/** Origin of a worker that was forked, and the entries that it has from there. */
export interface WorkerFork {
  /** The worker that it was forked from. */
  readonly workerId: WorkerId;
  /** The event that created that worker: its id may be used again after a purge. */
  readonly createdEventId: number;
  /** Entries copied from its transcript, 1 to this sequence. */
  readonly seq: number;
  /** The blob that lists the blobs with these entries; absent if there are none. */
  readonly base?: BlobRef;
  /** The context with which it begins; absent if that is all of these entries. */
  readonly context?: ForkContext;
}

/** A worker was created, with its first changes. */
export interface WorkerCreated<Types extends HostTypes = HostTypes>
  extends WorkerEventBase, WorkerChanges<Types> {
  /** The type of event. */
  readonly type: "worker.created";
  /** The worker. */
  readonly record: WorkerRecord;
  /** Its origin, if it was forked from another worker. */
  readonly fork?: WorkerFork;
}

/** A worker changed. */
export interface WorkerCommitted<Types extends HostTypes = HostTypes>
  extends WorkerEventBase, WorkerChanges<Types> {
  /** The type of event. */
  readonly type: "worker.committed";
}

/** Everything that the store kept of a worker besides the log was deleted. */
export interface WorkerPurged extends WorkerEventBase {
  /** The type of event. */
  readonly type: "worker.purged";
}

/** An event that a newer version wrote. */
export interface UnknownEvent {
  /** Its id. */
  readonly id: number;
  /** Its time. */
  readonly at: string;
  /** Says that this version does not know the type of event. */
  readonly type: "unknown";
  /** The worker concerned, if it names one. */
  readonly workerId?: WorkerId;
  /** The event as it was written. */
  readonly event: JsonObject;
}

/** An event that this version knows, as it is written. */
export type KnownEvent<Types extends HostTypes = HostTypes> =
  | RuntimeCreated
  | RuntimeOpened
  | RuntimeClosed
  | RuntimeRetired
  | CustomEvent
  | WorkerCreated<Types>
  | WorkerCommitted<Types>
  | WorkerPurged;

/** An event, discriminated by `type`. */
export type RuntimeEvent<Types extends HostTypes = HostTypes> = KnownEvent<Types> | UnknownEvent;

/** An event that may add entries to a transcript. */
export type WorkerChange = WorkerCreated | WorkerCommitted;

type WithoutEntries<Event> = Event extends WorkerChange ? Omit<Event, "entries"> : Event;

/** The part of an event that folding reads: all but the entries, which it only counts. */
export type EventHead = WithoutEntries<KnownEvent>;

type Unsealed<Event> = Event extends unknown ? Omit<Event, "id" | "at"> : never;

/** An event head without its id and time. */
export type EventBody = Unsealed<EventHead>;

/**
 * An event for a store: its text, and its meaning for what a store keeps
 * besides the log, so that no store parses it. Every member but `id` and
 * `json` may be absent; a store ignores those that it does not know.
 */
export interface EventRecord {
  /** The event's id. */
  readonly id: number;
  /** The whole event as one JSON object, `id` first, without line breaks. */
  readonly json: string;
  /** The worker concerned. */
  readonly workerId?: WorkerId | undefined;
  /** It creates the worker. */
  readonly creates?: true | undefined;
  /** The creation whose blobs become those of the worker that it creates. */
  readonly adopts?: number | undefined;
  /** Entries of the new worker's transcript that are in the base of a fork: its own begin after them. */
  readonly before?: number | undefined;
  /** It purges the worker: whatever is kept of it besides the log is deleted. */
  readonly purges?: true | undefined;
  /** Sequence of its first transcript entry, if it adds any. */
  readonly seq?: number | undefined;
  /** Number of its transcript entries, if it adds any. */
  readonly count?: number | undefined;
  /** Blobs that it refers to, if any. */
  readonly blobs?: readonly BlobRef[] | undefined;
}

/**
 * Types of events: one event per command, in one order per runtime. The log of
 * events is the only source of truth; all other state is folded from it.
 *
 * @module
 */
import type { RuntimeId, WorkerId } from "./ids.ts";
import type { Json, JsonObject } from "./json.ts";
import type { WorkerRecord } from "./records.ts";
import type { UsageTotals } from "./usage.ts";

/** The role of the speaker of a transcript entry. */
export type TranscriptRole = "user" | "system" | "assistant" | "tool";

/** An entry in an event. Its sequence follows from its position. */
export interface EventEntry {
  /** Role of the speaker. */
  readonly role: TranscriptRole;
  /** Name of the speaker or the tool. */
  readonly name?: string;
  /** Data of the host, stored with the entry. */
  readonly metadata?: JsonObject;
  /** The text, unchanged. */
  readonly content: string;
}

/** Outcome of a run. */
export type RunOutcome = "completed" | "failed" | "cancelled" | "interrupted";

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

/** Members of every event of a worker. */
export interface WorkerEventBase extends EventBase {
  /** The worker concerned. */
  readonly workerId: WorkerId;
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

/** The runtime ended permanently: its workers are stopped, their runs cancelled. */
export interface RuntimeStopped extends EventBase {
  /** The type of event. */
  readonly type: "runtime.stopped";
  /** The reason. */
  readonly reason?: string;
}

/** A worker was created. */
export interface WorkerCreated extends WorkerEventBase {
  /** The type of event. */
  readonly type: "worker.created";
  /** The worker. */
  readonly record: WorkerRecord;
}

/** Entries were added to a transcript: input for the worker, or its output. */
export interface TranscriptAppended extends WorkerEventBase {
  /** The type of event. */
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

/** The host's data of a worker changed. */
export interface WorkerStateUpdated extends WorkerEventBase {
  /** The type of event. */
  readonly type: "worker.state_updated";
  /** JSON Merge Patch (RFC 7396). */
  readonly patch: JsonObject;
}

/** A run began. */
export interface WorkerRunStarted extends WorkerEventBase {
  /** The type of event. */
  readonly type: "worker.run_started";
  /** The run. */
  readonly runId: string;
}

/** A run ended: the host finished it, or its process was gone. */
export interface WorkerRunEnded extends WorkerEventBase {
  /** The type of event. */
  readonly type: "worker.run_finished" | "worker.run_interrupted";
  /** The run. */
  readonly runId: string;
  /** The outcome. */
  readonly outcome: RunOutcome;
  /** The reason. */
  readonly reason?: string;
}

/** Usage of a model was recorded. */
export interface WorkerUsageRecorded extends WorkerEventBase {
  /** The type of event. */
  readonly type: "worker.usage_recorded";
  /** The run that was open. */
  readonly runId?: string;
  /** The usage. */
  readonly usage: UsageTotals & {
    /** The model. */
    readonly model: string;
  };
}

/** A worker ended: stopped, or cancelled together with its open run. */
export interface WorkerEnded extends WorkerEventBase {
  /** The type of event. */
  readonly type: "worker.stopped" | "worker.cancelled";
  /** The reason. */
  readonly reason?: string;
}

/** Everything that the store kept of a worker besides the log was deleted. */
export interface WorkerPurged extends WorkerEventBase {
  /** The type of event. */
  readonly type: "worker.purged";
}

/** An event that the host defines. */
export interface CustomEvent extends EventBase {
  /** The type of event. */
  readonly type: "custom";
  /** The worker concerned, if any. */
  readonly workerId?: WorkerId;
  /** Name that the host gives it. */
  readonly name: string;
  /** Data of the host. */
  readonly data: Json;
}

/**
 * An event, discriminated by `type`. A log written by a newer version may hold
 * further types and members; they are passed on unchanged, so a `switch` over
 * `type` needs a `default`.
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

/** Name of a known type of event. */
export type RuntimeEventType = RuntimeEvent["type"];

/** The part of an event that folding reads: all but the entries, which it only counts. */
export type EventHead = Exclude<RuntimeEvent, TranscriptAppended> | Omit<TranscriptAppended, "entries">;

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
  /** It purges the worker: whatever is kept of it besides the log is deleted. */
  readonly purges?: true | undefined;
  /** Sequence of its first transcript entry, if it adds any. */
  readonly seq?: number | undefined;
  /** Number of its transcript entries, if it adds any. */
  readonly count?: number | undefined;
}

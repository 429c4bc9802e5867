/**
 * Types of events: what happened, one per command, in one order per runtime.
 * The log of events is the only truth; all else is folded from it.
 *
 * @module
 */
import type { RuntimeId, WorkerId } from "./ids.ts";
import type { Json, JsonObject } from "./json.ts";
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

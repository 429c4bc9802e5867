/**
 * History by day, from one scan of the log: usage, and workers created and
 * ended. For charts and tables; the totals are in the state.
 *
 * @module
 */
import type { EventHead, WorkerChange } from "../../core/event_types.ts";
import { isWorkerChange, parseEventHead } from "../../core/events.ts";
import type { WorkerId } from "../../core/ids.ts";
import { addUsage, addUsageOf, noUsage, type UsageByModel, type UsageTotals } from "../../core/usage.ts";
import { located } from "../../fs/disk/faults.ts";
import { eventHeadText, eventText, transcriptSpan } from "../../fs/lines/codec.ts";
import { listSegments, segmentSpot } from "../../fs/log/segments.ts";
import { logLines } from "../../fs/log/scan.ts";
import type { FoundPlace, StoreLocation } from "../../fs/place/find.ts";
import type { PostgresLocation } from "../../postgres/location.ts";
import { Meter, type OperationOptions, placeOf } from "../options.ts";
import { type Milestone, MilestoneReader } from "./milestones.ts";
import { foldRows, rowTexts } from "./rows.ts";
import { untilSteady } from "../../fs/reading/follower.ts";

/** A day (UTC) of a runtime. */
export interface HistoryDay {
  /** The day, `2026-07-31`. */
  readonly day: string;
  /** Usage. */
  readonly usage: UsageTotals;
  /** The same by model. */
  readonly usageByModel: UsageByModel;
  /** Workers created. */
  readonly created: number;
  /** Workers stopped, or retired while they were running. */
  readonly ended: number;
  /** Workers restarted. */
  readonly restarted: number;
  /** Transcript entries appended. */
  readonly entries: number;
  /** Runs that were interrupted. */
  readonly interrupted: number;
}

/** A run that ended because its process was gone. */
export interface InterruptedRun {
  /** The event that records the interruption. */
  readonly eventId: number;
  /** When it was detected, ISO 8601. */
  readonly at: string;
  /** The worker. */
  readonly workerId: WorkerId;
  /** The run. */
  readonly runId: string;
}

/** The history that the log still holds. */
export interface History {
  /** Days with events, in order. */
  readonly days: readonly HistoryDay[];
  /** The newest interrupted runs, at most a hundred, newest first. */
  readonly interrupted: readonly InterruptedRun[];
  /** The newest milestones of each worker of {@linkcode HistoryOptions.conversations}, at most 500, in order. */
  readonly milestones: ReadonlyMap<WorkerId, readonly Milestone[]>;
}

type Day = { -readonly [Name in keyof HistoryDay]: HistoryDay[Name] };

const INTERRUPTED_MAX = 100;

/** Options of {@linkcode readHistory}. */
export interface HistoryOptions extends OperationOptions {
  /** The last event to read: the last one that a reader of the runtime has seen. */
  readonly through: number;
  /** Only this worker. */
  readonly worker?: WorkerId | undefined;
  /** Workers whose milestones are read, each with the sequence of the entry at which they begin. @default none */
  readonly conversations?: ReadonlyMap<WorkerId, number> | undefined;
}

/**
 * Reads the log from the oldest kept event to `through`. Requires `--allow-read`, or
 * `--allow-net=HOST:PORT` for the client of a database. Throws `store_corrupt` at damage.
 */
export async function readHistory(
  location: StoreLocation | PostgresLocation,
  options: HistoryOptions,
): Promise<History> {
  if ("client" in location) return await untilSteady(() => daysOf(rowHeads(location, options), options));
  const place = placeOf(location, options);
  return await untilSteady(() => daysOf(lineHeads(place, options), options));
}

/** Events of a log on disk, without their entries. */
async function* lineHeads(place: FoundPlace, options: HistoryOptions): AsyncGenerator<EventHead> {
  const { through } = options;
  const { firstEventIds: segments } = listSegments(place);
  const range = { segments, after: 0, through };
  for await (const { id, bytes, start, end } of logLines(place, range, new Meter(options))) {
    const span = transcriptSpan(bytes, start, end);
    const text = span === undefined ? eventText(bytes, start, end) : eventHeadText(bytes, start, end, span);
    yield located(segmentSpot(place.layout, segments, id), () => parseEventHead(text));
  }
}

/** Events in a database, without their entries. */
async function* rowHeads(location: PostgresLocation, options: HistoryOptions): AsyncGenerator<EventHead> {
  const rows = await foldRows(location);
  const through = Math.min(options.through, rows.ledger.runtime.lastEventId);
  for await (const text of rowTexts(rows, rows.firstEventId, through, new Meter(options))) {
    yield parseEventHead(text);
  }
}

async function daysOf(
  events: AsyncIterable<EventHead>,
  { worker, conversations = new Map() }: Pick<HistoryOptions, "worker" | "conversations">,
): Promise<History> {
  const milestones = new MilestoneReader(conversations);
  const days = new Map<string, Day>();
  const interrupted: InterruptedRun[] = [];
  const running = new Map<WorkerId, boolean>();
  for await (const event of events) {
    if (worker !== undefined && !("workerId" in event && event.workerId === worker)) continue;
    milestones.read(event);
    const day = dayOf(days, event.at.slice(0, 10));
    countStatus(day, event, running);
    if (!isWorkerChange(event)) continue;
    countChange(day, event);
    if (event.run?.ended !== "interrupted") continue;
    const { workerId, runId = "" } = event;
    interrupted.unshift({ eventId: event.id, at: event.at, workerId, runId });
    if (interrupted.length > INTERRUPTED_MAX) interrupted.pop();
  }
  return {
    days: [...days.values()].sort((a, b) => a.day < b.day ? -1 : 1),
    interrupted,
    milestones: milestones.items,
  };
}

const NOTHING = { created: 0, ended: 0, restarted: 0, entries: 0, interrupted: 0 };

function dayOf(days: Map<string, Day>, day: string): Day {
  const found = days.get(day) ?? { day, usage: noUsage, usageByModel: {}, ...NOTHING };
  days.set(day, found);
  return found;
}

/** Counts a change of status. `running` holds the status of the workers that the log has mentioned; others were running. */
function countStatus(day: Day, event: EventHead, running: Map<WorkerId, boolean>): void {
  if (event.type === "runtime.retired") {
    day.ended += [...running.values()].filter((isRunning) => isRunning).length;
    running.clear();
  }
  if (event.type === "worker.purged") running.delete(event.workerId);
  if (!isWorkerChange(event)) return;
  const { workerId, status } = event;
  if (event.type === "worker.created") {
    day.created++;
    running.set(workerId, true);
  }
  if (status === undefined) return;
  if (status === "running") day.restarted++;
  else if (running.get(workerId) ?? true) day.ended++;
  running.set(workerId, status === "running");
}

function countChange(day: Day, { usage = [], count = 0, run }: Omit<WorkerChange, "entries">): void {
  for (const report of usage) {
    day.usage = addUsage(day.usage, report);
    day.usageByModel = addUsageOf(day.usageByModel, report.model, report);
  }
  day.entries += count;
  if (run?.ended === "interrupted") day.interrupted++;
}

/**
 * Shapes of what is stored: all event types, and the parts of a snapshot, which are
 * the state of the runtime and of a worker, each with its keys.
 *
 * @module
 */
import type { RunOutcome, RuntimeEventType } from "./event_types.ts";
import { idShape } from "./ids.ts";
import { limits } from "./limits.ts";
import { recordShape } from "./records.ts";
import {
  integer,
  jsonObject,
  jsonValue,
  list,
  nullable,
  object,
  oneOf,
  type Shape,
  text,
  tuple,
} from "./shape.ts";
import { totalsShape, usageByModelShape, usageShape } from "./usage.ts";

/** The roles of transcript entries. */
export const roles = ["user", "system", "assistant", "tool"] as const;
/** The roles of input. */
export const inputRoles = ["user", "system"] as const;
/** Outcomes with which a host may finish a run. */
export const finishOutcomes = ["completed", "failed", "cancelled"] as const;

/** Pattern of the time of an event: ISO 8601, UTC, milliseconds. */
export const TIME: string =
  "\\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])T(?:[01]\\d|2[0-3])(?::[0-5]\\d){2}\\.\\d{3}Z";
const time = new RegExp(`^${TIME}$`);
const timeIssues = ["a time like 2026-07-31T08:00:00.000Z is needed"];

/** The time of an event. */
export const timeShape: Shape = (value) =>
  typeof value === "string" && time.test(value) ? undefined : timeIssues;

/** The outcomes of runs that ended. */
export const outcomes: readonly RunOutcome[] = [...finishOutcomes, "interrupted"];

/** Members of an event of an existing worker. */
const workerId = text(limits.idBytesMax);
const runId = text(limits.nameBytesMax);
const reason = text(limits.textBytesMax);
const content: Shape = (value) => typeof value === "string" ? undefined : ["a string is needed"];

const base = { id: integer(1), at: timeShape };
const keyed = { key: text(limits.keyBytesMax), request: text(limits.keyBytesMax) };
const ofWorker = { ...base, workerId };

const entries = { seq: integer(1), count: integer(1) };
const ended = object({ ...ofWorker }, { ...keyed, reason });
const appended = object({ ...ofWorker, ...entries }, { ...keyed, runId });
const opened = object({ ...base, epoch: integer(1) }, keyed);

/** The shapes, without the entries of transcript events. */
export const eventShapes: Readonly<Record<RuntimeEventType, Shape>> = {
  "runtime.created": object({ ...base, runtimeId: idShape }, keyed),
  "runtime.opened": opened,
  "runtime.closed": object(base, keyed),
  "runtime.stopped": object(base, { ...keyed, reason }),
  "worker.created": object({ ...ofWorker, record: recordShape }, keyed),
  "worker.input_accepted": appended,
  "worker.transcript_appended": appended,
  "worker.state_updated": object({ ...ofWorker, patch: jsonObject }, keyed),
  "worker.run_started": object({ ...ofWorker, runId }, keyed),
  "worker.run_finished": object({ ...ofWorker, runId, outcome: oneOf(...finishOutcomes) }, {
    ...keyed,
    reason,
  }),
  "worker.run_interrupted": object({ ...ofWorker, runId, outcome: oneOf("interrupted") }, {
    ...keyed,
    reason,
  }),
  "worker.usage_recorded": object({ ...ofWorker, usage: usageShape }, { ...keyed, runId }),
  "worker.stopped": ended,
  "worker.cancelled": ended,
  "worker.purged": object(ofWorker, keyed),
  "custom": object({ ...base, name: text(limits.nameBytesMax), data: jsonValue }, { ...keyed, workerId }),
};

/** The shape of an event of a type that this version does not know. */
export const unknownShape: Shape = object(base, { ...keyed, workerId });

function entriesOf(allowed: readonly string[]): Shape {
  const name = text(limits.nameBytesMax);
  return list(object({ role: oneOf(...allowed), content }, { name, metadata: jsonObject }));
}

/** The entries of transcript events, by type. */
export const entriesShapes: Readonly<Record<"worker.input_accepted" | "worker.transcript_appended", Shape>> =
  {
    "worker.input_accepted": entriesOf(inputRoles),
    "worker.transcript_appended": entriesOf(roles),
  };

const times = { createdAt: timeShape, updatedAt: timeShape, lastEventId: integer(1) };
const usage = { usage: totalsShape, usageByModel: usageByModelShape };
/** A worker id, a run id, or nothing. */
const subject: Shape = (value, source) => value === "" ? undefined : runId(value, source);
const keys = keysOf(limits.keyBytesMax);
/** Keys qualified by the worker that they were used for, both as JSON. */
const endedKeys = keysOf(6 * (limits.keyBytesMax + limits.idBytesMax) + 16);

function keysOf(bytesMax: number): Shape {
  return list(
    tuple(text(bytesMax), text(limits.keyBytesMax), integer(1), timeShape, integer(0), integer(0), subject),
  );
}

const openRun = { runId, startedAt: timeShape };
const endedRun = object({ ...openRun, endedAt: timeShape, outcome: oneOf(...outcomes) }, { reason });

const runtimeState = object({
  runtimeId: idShape,
  status: oneOf("running", "stopped"),
  epoch: integer(0),
  ...times,
  ...usage,
});

const workerState = object({
  record: recordShape,
  status: oneOf("running", "stopped", "cancelled"),
  run: nullable(object(openRun)),
  lastRun: nullable(endedRun),
  data: jsonObject,
  transcriptLength: integer(0),
  createdEventId: integer(1),
  ...times,
  ...usage,
}, { reason });

/** The runtime's part of a snapshot. */
export const runtimePartShape: Shape = object({ state: runtimeState, keys }, { ended: endedKeys });
/** A worker's part of a snapshot. */
export const workerPartShape: Shape = object({ state: workerState, keys });

/**
 * Shapes of what is stored: all event types, and the parts of a snapshot, which are
 * the state of the runtime and of a worker, each with its keys.
 *
 * @module
 */
import { blobRefShape } from "./blob_ref.ts";
import type { KnownEvent, RunOutcome, WorkerStatus } from "./event_types.ts";
import { idShape } from "./ids.ts";
import { limits } from "./limits.ts";
import { recordShape } from "./records.ts";
import {
  dictionary,
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

/** Outcomes with which a host may finish a run. */
export const finishOutcomes = ["completed", "failed", "cancelled"] as const;
/** The outcomes of runs that ended. */
export const outcomes: readonly RunOutcome[] = [...finishOutcomes, "interrupted"];
/** The statuses of workers. */
export const statuses: readonly WorkerStatus[] = ["running", "stopped", "retired"];

/** Pattern of the time of an event: ISO 8601, UTC, milliseconds. */
export const TIME: string =
  "\\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])T(?:[01]\\d|2[0-3])(?::[0-5]\\d){2}\\.\\d{3}Z";
const time = new RegExp(`^${TIME}$`);
const timeIssues = ["a time like 2026-07-31T08:00:00.000Z is needed"];

/** The time of an event. */
export const timeShape: Shape = (value) =>
  typeof value === "string" && time.test(value) ? undefined : timeIssues;

const name = text(limits.nameBytesMax);
const reason = text(limits.textBytesMax);
const hostEvent = { name, data: jsonValue };

const base = { id: integer(1), at: timeShape };
const keyed = { key: text(limits.keyBytesMax), request: text(limits.keyBytesMax) };
const ofWorker = { ...base, workerId: text(limits.idBytesMax) };

/** An entry: members that the caller gives, and content or a blob in its place. */
const entry = object({ role: name }, {
  name,
  id: name,
  at: timeShape,
  metadata: jsonObject,
  blobs: list(blobRefShape, limits.listItemsMax),
  content: jsonValue,
  contentBlob: blobRefShape,
});

/** Changes of a worker, without the entries. */
const changes = {
  ...keyed,
  seq: integer(1),
  count: integer(1),
  runId: name,
  meta: jsonObject,
  run: object({}, { began: oneOf(true), ended: oneOf(...outcomes), reason }),
  status: oneOf(...statuses),
  reason,
  displayName: nullable(name),
  labels: dictionary(name, nullable(name), limits.listItemsMax),
  data: jsonObject,
  usage: list(usageShape, limits.listItemsMax),
  events: list(object(hostEvent), limits.listItemsMax),
  context: object({}, { compacted: integer(0), rewound: integer(0) }),
  draft: nullable(text(limits.draftBytesMax)),
};

/** Members of a context without its version. */
const forkContext = {
  summary: nullable(integer(1)),
  compacted: integer(0),
  ranges: list(tuple(integer(1), integer(1)), limits.contextRangesMax - 1),
  openFrom: integer(1),
};

/** Origin of a fork. */
const fork = object(
  { workerId: idShape, createdEventId: integer(1), seq: integer(0) },
  { base: blobRefShape, context: object(forkContext) },
);

/** The shapes of events, without the entries. */
export const eventShapes: Readonly<Record<KnownEvent["type"], Shape>> = {
  "runtime.created": object({ ...base, runtimeId: idShape }, keyed),
  "runtime.opened": object({ ...base, epoch: integer(1) }, keyed),
  "runtime.closed": object(base, keyed),
  "runtime.retired": object(base, { ...keyed, reason }),
  "worker.created": object({ ...ofWorker, record: recordShape }, { ...changes, fork }),
  "worker.committed": object(ofWorker, changes),
  "worker.purged": object(ofWorker, keyed),
  "custom": object({ ...base, ...hostEvent }, keyed),
};

/** The shape of an event of a type that this version does not know. */
export const unknownShape: Shape = object(base, { ...keyed, workerId: ofWorker.workerId });

/** The entries of an event. */
export const entriesShape: Shape = list(entry);

const times = { createdAt: timeShape, updatedAt: timeShape, lastEventId: integer(1) };
const usage = { usage: totalsShape, usageByModel: usageByModelShape };
/** A worker id, a run id, or nothing. */
const subject: Shape = (value, source) => value === "" ? undefined : name(value, source);
const keys = keysOf(limits.keyBytesMax);
/** Keys qualified by the worker that they were used for, all as JSON. */
const purgedKeys = keysOf(6 * (limits.keyBytesMax + limits.idBytesMax) + 32);

function keysOf(bytesMax: number): Shape {
  return list(
    tuple(text(bytesMax), text(limits.keyBytesMax), integer(1), timeShape, integer(0), integer(0), subject),
  );
}

const draft = object({ eventId: integer(1), bytes: integer(0) });
const openRun = { runId: name, eventId: integer(1), startedAt: timeShape };
const endedRun = object({ ...openRun, endedAt: timeShape, outcome: oneOf(...outcomes) }, { draft, reason });

const runtimeState = object({
  runtimeId: idShape,
  status: oneOf("running", "retired"),
  epoch: integer(0),
  ...times,
  ...usage,
});

const contextState = object({ version: integer(1), ...forkContext });

const workerState = object({
  record: recordShape,
  labels: dictionary(name, name, limits.listItemsMax),
  status: oneOf(...statuses),
  run: nullable(object(openRun, { draft })),
  lastRun: nullable(endedRun),
  data: jsonObject,
  transcriptLength: integer(0),
  createdEventId: integer(1),
  ...times,
  ...usage,
}, { displayName: name, reason, context: contextState, fork });

/** The runtime's part of a snapshot. */
export const runtimePartShape: Shape = object({ state: runtimeState, keys }, { purged: purgedKeys });
/** A worker's part of a snapshot. */
export const workerPartShape: Shape = object({ state: workerState, keys });

/**
 * Shapes of the parts of a snapshot: the state of the runtime and of a worker, each
 * with its keys.
 *
 * @module
 */
import { outcomes, statuses, timeShape } from "./event_shapes.ts";
import { idShape } from "./ids.ts";
import { limits } from "./limits.ts";
import { recordShape } from "./records.ts";
import {
  dictionary,
  integer,
  jsonObject,
  list,
  nullable,
  object,
  oneOf,
  type Shape,
  text,
  tuple,
} from "./shape.ts";
import { totalsShape, usageByModelShape } from "./usage.ts";

const name = text(limits.nameBytesMax);
const runId = name;
const reason = text(limits.textBytesMax);
const times = { createdAt: timeShape, updatedAt: timeShape, lastEventId: integer(1) };
const usage = { usage: totalsShape, usageByModel: usageByModelShape };
/** A worker id, a run id, or nothing. */
const subject: Shape = (value, source) => value === "" ? undefined : runId(value, source);
const request = text(limits.keyBytesMax);
const keys = keysOf(limits.keyBytesMax);
/** Keys qualified by the worker that they were used for, all as JSON. */
const purged = keysOf(6 * (limits.keyBytesMax + limits.idBytesMax) + 32);

function keysOf(bytesMax: number): Shape {
  return list(tuple(text(bytesMax), request, integer(1), timeShape, integer(0), integer(0), subject));
}

const openRun = { runId, eventId: integer(1), startedAt: timeShape };
const endedRun = object({ ...openRun, endedAt: timeShape, outcome: oneOf(...outcomes) }, { reason });

const runtime = object({
  runtimeId: idShape,
  status: oneOf("running", "retired"),
  epoch: integer(0),
  ...times,
  ...usage,
});

const worker = object({
  record: recordShape,
  labels: dictionary(name, name, limits.listItemsMax),
  status: oneOf(...statuses),
  run: nullable(object(openRun)),
  lastRun: nullable(endedRun),
  data: jsonObject,
  transcriptLength: integer(0),
  createdEventId: integer(1),
  ...times,
  ...usage,
}, { displayName: name, reason });

/** The runtime's part of a snapshot. */
export const runtimePartShape: Shape = object({ state: runtime, keys }, { purged });
/** A worker's part of a snapshot. */
export const workerPartShape: Shape = object({ state: worker, keys });

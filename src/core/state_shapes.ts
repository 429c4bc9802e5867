/**
 * Shapes of the parts of a snapshot: the state of the runtime and of a worker, each
 * with its keys.
 *
 * @module
 */
import { outcomes, timeShape } from "./event_shapes.ts";
import { idShape } from "./ids.ts";
import { limits } from "./limits.ts";
import { recordShape } from "./records.ts";
import { integer, jsonObject, list, nullable, object, oneOf, type Shape, text, tuple } from "./shape.ts";
import { totalsShape, usageByModelShape } from "./usage.ts";

const runId = text(limits.nameBytesMax);
const reason = text(limits.textBytesMax);
const times = { createdAt: timeShape, updatedAt: timeShape, lastEventId: integer(1) };
const usage = { usage: totalsShape, usageByModel: usageByModelShape };
/** A worker id, a run id, or nothing. */
const subject: Shape = (value, source) => value === "" ? undefined : runId(value, source);
const request = text(limits.keyBytesMax);
const keys = keysOf(limits.keyBytesMax);
/** Keys qualified by the worker that they were used for, both as JSON. */
const ended = keysOf(6 * (limits.keyBytesMax + limits.idBytesMax) + 16);

function keysOf(bytesMax: number): Shape {
  return list(tuple(text(bytesMax), request, integer(1), timeShape, integer(0), integer(0), subject));
}

const openRun = { runId, startedAt: timeShape };
const endedRun = object({ ...openRun, endedAt: timeShape, outcome: oneOf(...outcomes) }, { reason });

const runtime = object({
  runtimeId: idShape,
  status: oneOf("running", "stopped"),
  epoch: integer(0),
  ...times,
  ...usage,
});

const worker = object({
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
export const runtimePartShape: Shape = object({ state: runtime, keys }, { ended });
/** A worker's part of a snapshot. */
export const workerPartShape: Shape = object({ state: worker, keys });

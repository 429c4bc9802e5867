/**
 * Lines of an export stream that precede the events of a pruned log.
 *
 * @module
 */
import { addsEntries, parseEvent } from "../../core/events.ts";
import type { JsonObject } from "../../core/json.ts";
import { integer, object, type Shape } from "../../core/shape.ts";
import type { WorkerState } from "../../core/state.ts";
import { runtimePartShape, workerPartShape } from "../../core/shapes.ts";
import { corrupt } from "../../fs/disk/faults.ts";
import type { TranscriptPlace } from "./stream_structure.ts";

const TRANSCRIPT_EVENT = '{"transcriptEvent":';

/** A parsed line: one of its members is present. */
export interface Prelude {
  /** The runtime's part of the snapshot. */
  readonly snapshot?: { readonly through: number; readonly runtime: JsonObject };
  /** A worker's part of the snapshot. */
  readonly snapshotWorker?: {
    readonly createdEventId: number;
    readonly part: { readonly state: WorkerState };
  };
  /** A transcript event that the log no longer holds. */
  readonly transcriptEvent?: TranscriptPlace & { readonly json: string };
}

const shapes: Readonly<Record<string, Shape>> = {
  snapshot: object({ through: integer(1), runtime: runtimePartShape }),
  snapshotWorker: object({ createdEventId: integer(1), part: workerPartShape }),
};

/** Parses a line that precedes the events. Throws `store_corrupt`, naming the invalid member. */
export function parsePrelude(text: string): Prelude {
  if (text.startsWith(TRANSCRIPT_EVENT)) {
    const json = text.slice(TRANSCRIPT_EVENT.length, -1);
    const event = parseEvent(json);
    if (event.type !== "unknown" && addsEntries(event)) return { transcriptEvent: { ...event, json } };
    throw corrupt("", `transcriptEvent.type: it is ${event.type}, which adds nothing to a transcript`);
  }
  const line = parsed(text);
  for (const [name, shape] of Object.entries(shapes)) {
    if (!text.startsWith(`{"${name}":`)) continue;
    const issues = object({ [name]: shape })(line, "stored");
    if (issues === undefined) return { [name]: (line as JsonObject)[name] };
    throw corrupt("", issues.join("; "));
  }
  throw corrupt("", "it is neither an event nor a line that may precede events");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw corrupt("", "it is not valid JSON", { cause });
  }
}

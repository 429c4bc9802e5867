/**
 * Lines of an export stream that precede the events of a pruned log.
 *
 * @module
 */
import { isTranscriptEvent, parseEvent } from "../../core/events.ts";
import { integer, object, type Shape } from "../../core/shape.ts";
import { runtimePartShape, workerPartShape } from "../../core/state_shapes.ts";
import { corrupt } from "../../fs/disk/faults.ts";

const TRANSCRIPT_EVENT = '{"transcriptEvent":';

const shapes: Readonly<Record<string, Shape>> = {
  snapshot: object({ through: integer(1), runtime: runtimePartShape }),
  snapshotWorker: object({ createdEventId: integer(1), part: workerPartShape }),
};

/** Parses a line that precedes the events. Throws `store_corrupt`, naming the invalid member. */
export function checkedPrelude(text: string): string {
  if (text.startsWith(TRANSCRIPT_EVENT)) {
    const event = parseEvent(text.slice(TRANSCRIPT_EVENT.length, -1));
    if (isTranscriptEvent(event)) return text;
    throw corrupt("", `transcriptEvent.type: it is ${event.type}, which adds nothing to a transcript`);
  }
  const line = parsed(text);
  for (const [name, shape] of Object.entries(shapes)) {
    if (!text.startsWith(`{"${name}":`)) continue;
    const issues = object({ [name]: shape })(line, "stored");
    if (issues === undefined) return text;
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

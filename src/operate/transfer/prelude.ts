/**
 * Lines of an export stream that precede the events of a pruned log.
 *
 * @module
 */
import { isTranscriptEvent, parseEvent } from "../../core/events.ts";
import type { JsonObject } from "../../core/json.ts";
import { integer, object } from "../../core/shape.ts";
import type { WorkerState } from "../../core/state.ts";
import { runtimePartShape, workerPartShape } from "../../core/shapes.ts";
import { corrupt } from "../../fs/disk/faults.ts";
import type { ImportedStore } from "./imported_store.ts";

const TRANSCRIPT_EVENT = '{"transcriptEvent":';

/** Members of the lines of a snapshot. */
interface Prelude {
  readonly through: number;
  readonly runtime: JsonObject;
  readonly createdEventId: number;
  readonly part: { readonly state: WorkerState };
}

/** Kinds of lines, each with its shape. */
const kinds = [
  {
    name: "snapshot",
    shape: object({ through: integer(1), runtime: runtimePartShape }),
    add: (store: ImportedStore, { through, runtime }: Prelude) => store.snapshot(through, runtime),
  },
  {
    name: "snapshotWorker",
    shape: object({ createdEventId: integer(1), part: workerPartShape }),
    add: (store: ImportedStore, { createdEventId, part }: Prelude) =>
      store.snapshotWorker(createdEventId, part),
  },
] as const;

/** Adds a line that precedes the events to a store. Throws `store_corrupt`, naming the invalid member. */
export function addPrelude(text: string, store: ImportedStore): void {
  if (text.startsWith(TRANSCRIPT_EVENT)) {
    const json = text.slice(TRANSCRIPT_EVENT.length, -1);
    const event = parseEvent(json);
    if (isTranscriptEvent(event)) return store.transcriptEvent(json, event);
    throw corrupt("", `transcriptEvent.type: it is ${event.type}, which adds nothing to a transcript`);
  }
  const line = parsed(text);
  for (const { name, shape, add } of kinds) {
    if (!text.startsWith(`{"${name}":`)) continue;
    const issues = object({ [name]: shape })(line, "stored");
    if (issues === undefined) return add(store, (line as Record<string, Prelude>)[name] as Prelude);
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

/**
 * Lines of an export stream that precede the events of a pruned log.
 *
 * @module
 */
import { addsEntries, parseEvent } from "../../core/events.ts";
import type { JsonObject } from "../../core/json.ts";
import { idShape } from "../../core/ids.ts";
import { integer, object } from "../../core/shape.ts";
import type { WorkerState } from "../../core/state.ts";
import { runtimePartShape, workerPartShape } from "../../core/shapes.ts";
import { corrupt } from "../../fs/disk/faults.ts";
import { blobsOf } from "../read/blob_refs.ts";
import { parseObject } from "../../fs/lines/sealed.ts";
import type { ImportedStore } from "./imported_store.ts";

const TRANSCRIPT_EVENT = '{"transcriptEvent":';

/** A line of a snapshot: one of the members is present. */
interface Prelude {
  readonly snapshot?: { readonly through: number; readonly runtime: JsonObject };
  readonly snapshotWorker?: {
    readonly createdEventId: number;
    readonly part: { readonly state: WorkerState };
  };
  readonly transcriptBase?: { readonly workerId: string };
}

const lineShape = object({}, {
  snapshot: object({ through: integer(1), runtime: runtimePartShape }),
  snapshotWorker: object({ createdEventId: integer(1), part: workerPartShape }),
  transcriptBase: object({ workerId: idShape }),
});

/** Adds a line that precedes the events to a store. Throws `store_corrupt`, naming the invalid member. */
export function addPrelude(text: string, store: ImportedStore): void | Promise<void> {
  if (text.startsWith(TRANSCRIPT_EVENT)) {
    const json = text.slice(TRANSCRIPT_EVENT.length, -1);
    const event = parseEvent(json);
    if (event.type !== "unknown" && addsEntries(event)) {
      return store.transcriptEvent(json, event, blobsOf(event));
    }
    throw corrupt("", `transcriptEvent.type: it is ${event.type}, which adds nothing to a transcript`);
  }
  const line = parseObject(text, "");
  const issues = lineShape(line, "stored");
  if (issues !== undefined) throw corrupt("", issues.join("; "));
  const { snapshot, snapshotWorker, transcriptBase } = line as Prelude;
  if (transcriptBase !== undefined) return store.transcriptBase(transcriptBase.workerId);
  if (snapshot !== undefined) return store.snapshot(snapshot.through, snapshot.runtime);
  if (snapshotWorker !== undefined) {
    return store.snapshotWorker(snapshotWorker.createdEventId, snapshotWorker.part);
  }
  throw corrupt("", "it is neither an event nor a line that may precede events");
}

/**
 * What a line of the log means for what the store keeps beside it, read from
 * its text while the log is replayed.
 *
 * @module
 */
import type { WorkerId } from "../core/ids.ts";
import type { LoggedLine } from "./log_recovery.ts";
import { eventText, transcriptMarks } from "./lines.ts";
import type { Transcripts } from "./transcripts.ts";

/** A replayed event. */
export interface ReplayedEvent {
  /** Its text. */
  readonly text: string;
  /** The worker that it purged, if it did. */
  readonly purged: WorkerId | undefined;
}

/** Replays a line for the transcripts; gives the event's text for the runtime. */
export function replayLine(line: LoggedLine, transcripts: Transcripts): ReplayedEvent {
  const { bytes, start, end } = line;
  const text = eventText(bytes, start, end);
  const marks = transcriptMarks(bytes, start, end);
  if (marks !== undefined) {
    const block = bytes.slice(start, end + 1);
    transcripts.add(JSON.parse(marks.workerIdJson), { block, start: 0, end: block.length }, marks.count);
    return { text, purged: undefined };
  }
  // The type comes third, behind an id and a time that hold no quotes.
  const typeAt = text.indexOf('"type":"') + 8;
  if (text.startsWith('worker.created"', typeAt)) transcripts.create(JSON.parse(text).workerId, line.id);
  if (!text.startsWith('worker.purged"', typeAt)) return { text, purged: undefined };
  const { workerId } = JSON.parse(text);
  transcripts.forget(workerId);
  return { text, purged: workerId };
}

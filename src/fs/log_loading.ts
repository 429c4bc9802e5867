/**
 * What a line of the log means for what the store keeps beside it, read from
 * its text while the log is replayed.
 *
 * @module
 */
import type { WorkerId } from "../core/ids.ts";
import type { LoggedLine } from "./log_recovery.ts";
import type { LineBuffer } from "./line_buffer.ts";
import { eventHeadText, eventText, textOf, transcriptSpan } from "./lines.ts";
import type { Transcripts } from "./transcripts.ts";

/** A replayed event. */
export interface ReplayedEvent {
  /** Its text. */
  readonly text: string;
  /** The worker that it purged, if it did. */
  readonly purged: WorkerId | undefined;
}

/** Replays a line for the transcripts; gives the event's text for the runtime, without entries. */
export function replayLine(line: LoggedLine, transcripts: Transcripts, memory: LineBuffer): ReplayedEvent {
  const { bytes, start, end } = line;
  const span = transcriptSpan(bytes, start, end);
  if (span !== undefined) {
    const workerId = JSON.parse(textOf(bytes, span.workerFrom, span.workerEnd));
    transcripts.add(workerId, memory.copy(bytes, start, end + 1), span.count);
    return { text: eventHeadText(bytes, start, end, span), purged: undefined };
  }
  const text = eventText(bytes, start, end);
  // The type comes third, behind an id and a time that hold no quotes.
  const typeAt = text.indexOf('"type":"') + 8;
  if (text.startsWith('worker.created"', typeAt)) transcripts.create(JSON.parse(text).workerId, line.id);
  if (!text.startsWith('worker.purged"', typeAt)) return { text, purged: undefined };
  const { workerId } = JSON.parse(text);
  transcripts.forget(workerId);
  return { text, purged: workerId };
}

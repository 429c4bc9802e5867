/**
 * Lines of the log that add to transcripts.
 *
 * @module
 */
import { Slices } from "../../core/turn.ts";
import { corrupt } from "../disk/faults.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { nameOf, type RuntimeLayout, segmentPath } from "../layout.ts";
import { type TranscriptMarks, transcriptMarks } from "../lines/codec.ts";
import type { DurableLog } from "./pages.ts";
import { LogScan } from "./scan.ts";

/** A line that adds to a transcript, in a buffer that the next step may overwrite. */
export interface TranscriptLogLine extends TranscriptMarks {
  /** The event. */
  readonly id: number;
  /** The buffer. */
  readonly bytes: Uint8Array;
  /** Start of the line in the buffer. */
  readonly start: number;
  /** End of the line in the buffer, after its newline. */
  readonly end: number;
}

/** The lines of events after `after`, in order. Throws `store_corrupt` if a line of the log is damaged. */
export async function* logTranscriptLines(
  fs: FileSystem,
  layout: RuntimeLayout,
  runtimeId: string,
  { segments, lastEventId: through, check }: DurableLog,
  after: number,
): AsyncGenerator<TranscriptLogLine, void, void> {
  const scan = new LogScan({ fs, layout, runtimeId }, { segments, after, through }, {
    check: ({ first, file }) => (check?.(first, file), true),
  });
  const slices = new Slices();
  for (const { id, bytes, start, end } of scan) {
    if (slices.isUsedUp) await slices.next();
    const marks = id > after ? transcriptMarks(bytes, start, end) : undefined;
    if (marks !== undefined) yield { ...marks, id, bytes, start, end: end + 1 };
  }
  if (scan.lastEventId >= through) return;
  const { segment, offset: byteOffset } = scan.stop;
  throw corrupt(nameOf(layout, segmentPath(layout, segment)), "a line of the log is damaged", { byteOffset });
}

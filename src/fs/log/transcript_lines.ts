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
import { type LogLine, LogScan } from "./scan.ts";

/** A line that adds to a transcript, in a buffer that the next step may overwrite. */
export interface TranscriptLogLine extends TranscriptMarks, LogLine {}

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
  for (const line of scan) {
    if (slices.isUsedUp) await slices.next();
    const marks = line.id > after ? transcriptMarks(line.bytes, line.start, line.end) : undefined;
    if (marks !== undefined) yield { ...line, ...marks };
  }
  if (scan.lastEventId >= through) return;
  const { segment, offset: byteOffset } = scan.stop;
  throw corrupt(nameOf(layout, segmentPath(layout, segment)), "a line of the log is damaged", { byteOffset });
}

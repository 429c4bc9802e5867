/**
 * The lines of the log that add to transcripts.
 *
 * @module
 */
import { Slices } from "../../core/turn.ts";
import { closeQuietly } from "../disk/files.ts";
import { corrupt } from "../disk/faults.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { nameOf, type RuntimeLayout, segmentPath } from "../layout.ts";
import { scanLines } from "../lines/scanner.ts";
import { idOf, isIntact, type TranscriptMarks, transcriptMarks } from "../lines/codec.ts";
import type { DurableLog } from "./pages.ts";
import { contentSize } from "./padding.ts";
import { TORN_BYTES_MAX } from "./tail_table.ts";
import { segmentHeader } from "./segments.ts";

/** A line that adds to a transcript, in a buffer that the next step may overwrite. */
export interface TranscriptLogLine extends TranscriptMarks {
  /** The event. */
  readonly id: number;
  /** The buffer. */
  readonly bytes: Uint8Array;
  /** Where the line starts in it. */
  readonly start: number;
  /** Where it ends, with its newline. */
  readonly end: number;
}

/** The lines of events behind `after`, in order. Throws `store_corrupt` when one of the log is damaged. */
export async function* logTranscriptLines(
  fs: FileSystem,
  layout: RuntimeLayout,
  runtimeId: string,
  log: DurableLog,
  after: number,
): AsyncGenerator<TranscriptLogLine, void, void> {
  const segments = [...log.segments];
  const { lastEventId, offset } = log;
  const slices = new Slices();
  const first = segments.findLastIndex((segment) => segment <= after + 1);
  for (const segment of segments.slice(Math.max(0, first))) {
    const path = segmentPath(layout, segment);
    const file = fs.open(path, "read");
    try {
      log.check?.(segment, file);
      const end = segment === segments.at(-1) ? offset : contentSize(file);
      const start = segmentHeader(runtimeId, segment).length;
      for (const line of scanLines(file, start, end, TORN_BYTES_MAX)) {
        await slices.pause();
        const { bytes, start: from, end: to } = line;
        if (!line.terminated || !isIntact(bytes, from, to)) {
          throw corrupt(nameOf(layout, path), "a line of the log is damaged", { byteOffset: line.offset });
        }
        const id = idOf(bytes, from);
        const marks = id > after && id <= lastEventId ? transcriptMarks(bytes, from, to) : undefined;
        if (marks !== undefined) yield { ...marks, id, bytes, start: from, end: to + 1 };
      }
    } finally {
      closeQuietly(file);
    }
  }
}

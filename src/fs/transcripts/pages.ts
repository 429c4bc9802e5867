/**
 * Pages out of a transcript on disk: only lines that are its owner's.
 *
 * @module
 */
import { plainLines } from "../../core/json.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { type LineRange, readLinePage } from "../lines/pages.ts";
import type { SortedLines } from "../lines/search.ts";
import { transcriptHeaderBytes, type TranscriptOwner } from "./file.ts";
import { WorkerLines } from "../lines/worker_lines.ts";

/** The texts of the events that hold entries of a page. Throws `DamagedLine`. */
export function readTranscriptLines(
  file: OpenFile,
  owner: TranscriptOwner,
  bytes: number,
  entries: number,
  range: LineRange,
): readonly string[] {
  // Not of another worker, nor of an earlier one of the same id.
  const own = new WorkerLines(plainLines(JSON.stringify(owner.workerId)), owner.createdEventId);
  const lines: SortedLines = {
    file,
    start: transcriptHeaderBytes(owner),
    end: bytes,
    first: 1,
    next: entries + 1,
    numberOf: (bytes, start, end) => own.read(bytes, start, end) ? own.seq : 0,
    countOf: () => own.count,
  };
  return readLinePage(lines, range).texts;
}

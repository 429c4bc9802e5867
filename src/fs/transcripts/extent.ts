/**
 * How far the file of a transcript is whole.
 *
 * @module
 */
import { plainLines } from "../../core/json.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { isWhole, scanLines } from "../lines/scanner.ts";
import { idOf } from "../lines/codec.ts";
import { checkTranscript, hasTranscriptHeader, transcriptHeaderBytes, type TranscriptOwner } from "./file.ts";
import { WorkerLines } from "../lines/worker_lines.ts";

/** A transcript, or the first part of one. */
export interface TranscriptExtent {
  /** Bytes of the file, the header among them; 0 when not even that is known to be there. */
  readonly bytes: number;
  /** Entries in them. */
  readonly entries: number;
}

/** The part of a transcript that is whole. */
export interface WholeExtent extends TranscriptExtent {
  /** The event that its last line holds, or that created the worker. */
  readonly lastEventId: number;
}

/** No part of a transcript. */
export const NOTHING: TranscriptExtent = Object.freeze({ bytes: 0, entries: 0 });

/**
 * How far a file is whole behind what is `known` to be: each line intact, its
 * owner's, and the next one. Nothing is looked for from byte `end` on, nor from
 * the event `before` on. Throws `DamagedLine` when what is known is not there.
 */
export function wholeExtent(
  file: OpenFile,
  owner: TranscriptOwner,
  known: TranscriptExtent,
  end: number,
  before: number = Infinity,
): WholeExtent {
  let lastEventId = owner.createdEventId;
  let { bytes, entries } = known;
  if (bytes > 0) lastEventId = checkTranscript(file, owner, bytes, entries);
  else if (hasTranscriptHeader(file, owner)) bytes = transcriptHeaderBytes(owner);
  else return { ...NOTHING, lastEventId };
  const own = new WorkerLines(plainLines(JSON.stringify(owner.workerId)), owner.createdEventId);
  for (const line of scanLines(file, bytes, end)) {
    const isNext = isWhole(line) &&
      own.read(line.bytes, line.start, line.end) && own.seq === entries + 1 &&
      idOf(line.bytes, line.start) < before;
    if (!isNext) break;
    bytes = line.endOffset;
    entries += own.count;
    lastEventId = idOf(line.bytes, line.start);
  }
  return { bytes, entries, lastEventId };
}

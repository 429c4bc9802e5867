/**
 * The file of a transcript: a header, then unchanged copies of the log lines that
 * add to it. Fully synchronous, so that nothing runs between a check and a write.
 *
 * @module
 */
import { plainLines } from "../../core/json.ts";
import type { WorkerState } from "../../core/state.ts";
import { byteLength } from "../../core/text.ts";
import { readBytes, scratch, writeAll } from "../disk/files.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { FORMAT_VERSION } from "../layout.ts";
import { DamagedLine, lastLine, type LinePage, type LineRange, readLinePage } from "../lines/pages.ts";
import type { SortedLines } from "../lines/search.ts";
import { WorkerLines } from "../lines/worker_lines.ts";
import type { TranscriptExtent, WholeExtent } from "./state.ts";
import { idOf, SEAL_BYTES, sealedBytes, transcriptMarks } from "../lines/codec.ts";

/** The owner of a transcript: a worker id may be used again after a purge. */
export interface TranscriptOwner {
  /** The runtime. */
  readonly runtimeId: string;
  /** The worker. */
  readonly workerId: string;
  /** The event that created the worker. */
  readonly createdEventId: number;
  /** Entries before those of the file: the base of a fork, which is in blobs. */
  readonly before: number;
}

/** The owner of the transcript of a worker. */
export function transcriptOwner(
  runtimeId: string,
  { record: { workerId }, createdEventId, fork }: Pick<WorkerState, "record" | "createdEventId" | "fork">,
): TranscriptOwner {
  return { runtimeId, workerId, createdEventId, before: fork?.seq ?? 0 };
}

/** The header of a transcript. */
export function transcriptHeader(owner: TranscriptOwner): Uint8Array {
  return sealedBytes(headerJson(owner));
}

/** Length of the header of a transcript in bytes. */
export function transcriptHeaderBytes(owner: TranscriptOwner): number {
  return byteLength(headerJson(owner)) + SEAL_BYTES;
}

function headerJson({ runtimeId, workerId, createdEventId, before }: TranscriptOwner): string {
  const format = "worker-runtime/transcript";
  const base = before === 0 ? {} : { before };
  const header = { format, version: FORMAT_VERSION, runtimeId, workerId, createdEventId, ...base };
  return plainLines(JSON.stringify(header));
}

/** Returns true if a file begins with the header of its owner. */
export function hasTranscriptHeader(file: OpenFile, owner: TranscriptOwner): boolean {
  const header = transcriptHeader(owner);
  const found = readBytes(file, 0, header.length);
  return found.length === header.length && found.every((byte, index) => byte === header[index]);
}

/**
 * The part of a file up to the end of its last whole line before byte `end`.
 * Checks the header and that line, and throws {@linkcode DamagedLine}.
 */
export function lastExtent(
  file: OpenFile,
  owner: TranscriptOwner,
  end: number,
): WholeExtent & { readonly lastLineOffset: number } {
  if (!hasTranscriptHeader(file, owner)) throw new DamagedLine(0);
  const headerBytes = transcriptHeaderBytes(owner);
  const last = lastLine(file, headerBytes, end);
  if (last === undefined) {
    return {
      bytes: headerBytes,
      entries: owner.before,
      lastEventId: owner.createdEventId - 1,
      lastLineOffset: headerBytes,
    };
  }
  const { bytes, offset: lastLineOffset, endOffset } = last;
  const marks = transcriptMarks(bytes, 0, bytes.length);
  if (marks === undefined) throw new DamagedLine(lastLineOffset);
  const entries = marks.seq + marks.count - 1;
  return { bytes: endOffset, entries, lastEventId: idOf(bytes, 0), lastLineOffset };
}

/**
 * Throws {@linkcode DamagedLine} unless the file is the owner's and its first
 * `bytes` bytes end with the line of entry `entries`. Returns the event of that
 * line, or the one that created the worker.
 */
export function checkTranscript(
  file: OpenFile,
  owner: TranscriptOwner,
  bytes: number,
  entries: number,
): number {
  const last = lastExtent(file, owner, bytes);
  if (last.bytes !== bytes || last.entries !== entries) throw new DamagedLine(last.lastLineOffset);
  return last.lastEventId;
}

/** Writes lines after the first `position` bytes; returns the new length. */
export function appendLines(file: OpenFile, lines: Iterable<Uint8Array>, position: number): number {
  let end = position;
  for (const piece of pieces(lines)) {
    writeAll(file, piece, end);
    end += piece.length;
  }
  return end;
}

/** Joins lines into larger pieces: one write costs about as much as copying 64 KiB. A piece is valid until the next. */
function* pieces(lines: Iterable<Uint8Array>): Generator<Uint8Array> {
  const piece = scratch();
  let filled = 0;
  for (const line of lines) {
    if (filled + line.length > piece.length) {
      yield piece.subarray(0, filled);
      filled = 0;
    }
    if (line.length > piece.length) yield line;
    else {
      piece.set(line, filled);
      filled += line.length;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/** Texts of the events that hold entries of a page of the transcript. Throws {@linkcode DamagedLine}. */
export function readTranscriptLines(
  file: OpenFile,
  owner: TranscriptOwner,
  { bytes, entries }: TranscriptExtent,
  range: LineRange,
): Pick<LinePage, "texts" | "cut"> {
  // Lines of other workers do not count, nor of an earlier worker with the same id.
  const own = new WorkerLines(owner.workerId, owner.createdEventId);
  const lines: SortedLines = {
    file,
    start: transcriptHeaderBytes(owner),
    end: bytes,
    first: owner.before + 1,
    next: entries + 1,
    numberOf: (bytes, start, end) => own.read(bytes, start, end) ? own.seq : 0,
    countOf: () => own.count,
  };
  return readLinePage(lines, range);
}

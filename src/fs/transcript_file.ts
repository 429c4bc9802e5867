/**
 * One transcript on disk: a header, then lines of the log that add to it, as
 * they are in the log. Synchronous throughout, so that nothing comes between
 * a look and a write.
 *
 * @module
 */
import { plainLines } from "../core/json.ts";
import { readBytes, writeAll } from "./disk.ts";
import type { OpenFile } from "./file_system.ts";
import { FORMAT_VERSION } from "./layout.ts";
import { DamagedLine, type LineRange, readLinePage } from "./line_pages.ts";
import {
  idOf,
  isIntact,
  sealedBytes,
  transcriptMarks,
  type TranscriptSpan,
  transcriptSpan,
} from "./lines.ts";
import { TORN_BYTES_MAX } from "./recovery_table.ts";
import type { SortedLines } from "./sorted_lines.ts";

const NEWLINE = 0x0a;
const encoder = new TextEncoder();
const TAIL_BYTES = 4_096;
const PIECE_BYTES = 65_536;

/** Whose transcript it is: a worker id may be used again after a purge. */
export interface TranscriptOwner {
  /** The runtime. */
  readonly runtimeId: string;
  /** The worker. */
  readonly workerId: string;
  /** The event that created the worker. */
  readonly createdEventId: number;
}

/** The header of a transcript. */
export function transcriptHeader(owner: TranscriptOwner): Uint8Array {
  const { runtimeId, workerId, createdEventId } = owner;
  const format = "worker-runtime/transcript";
  const header = { format, version: FORMAT_VERSION, runtimeId, workerId, createdEventId };
  return sealedBytes(plainLines(JSON.stringify(header)));
}

/**
 * Throws {@linkcode DamagedLine} unless the file is the owner's and its first
 * `bytes` bytes end with the line of entry `entries`.
 */
export function checkTranscript(
  file: OpenFile,
  owner: TranscriptOwner,
  bytes: number,
  entries: number,
): void {
  const header = transcriptHeader(owner);
  const found = readBytes(file, 0, header.length);
  if (found.length < header.length || found.some((byte, index) => byte !== header[index])) {
    throw new DamagedLine(0);
  }
  if (entries === 0) {
    if (bytes !== header.length) throw new DamagedLine(header.length);
    return;
  }
  const last = lastLine(file, header.length, bytes);
  const marks = transcriptMarks(last.bytes, 0, last.bytes.length);
  if (marks === undefined || marks.seq + marks.count - 1 !== entries) throw new DamagedLine(last.offset);
}

/** The last line before `end`, checked. */
function lastLine(
  file: OpenFile,
  start: number,
  end: number,
): { readonly bytes: Uint8Array; readonly offset: number } {
  for (let length = TAIL_BYTES;; length *= 4) {
    const from = Math.max(start, end - length);
    const bytes = readBytes(file, from, end - from);
    if (bytes.length < end - from || bytes.at(-1) !== NEWLINE) throw new DamagedLine(from);
    const newline = bytes.subarray(0, bytes.length - 1).lastIndexOf(NEWLINE);
    if (newline === -1 && from > start) continue;
    const line = bytes.subarray(newline + 1, bytes.length - 1);
    const offset = from + newline + 1;
    if (!isIntact(line, 0, line.length)) throw new DamagedLine(offset);
    return { bytes: line, offset };
  }
}

/** Writes bytes behind the first `position` bytes; returns the new length. */
export function appendLines(file: OpenFile, lines: Iterable<Uint8Array>, position: number): number {
  let end = position;
  for (const piece of pieces(lines)) {
    writeAll(file, piece, end);
    end += piece.length;
  }
  return end;
}

/** Lines in fewer, larger pieces: one write costs about as much as copying 64 KiB. */
function* pieces(lines: Iterable<Uint8Array>): Generator<Uint8Array> {
  const piece = new Uint8Array(PIECE_BYTES);
  let filled = 0;
  for (const line of lines) {
    if (filled + line.length > PIECE_BYTES) {
      yield piece.subarray(0, filled);
      filled = 0;
    }
    if (line.length > PIECE_BYTES) yield line;
    else {
      piece.set(line, filled);
      filled += line.length;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/** The texts of the events that hold entries of a page. Throws {@linkcode DamagedLine}. */
export function readTranscriptLines(
  file: OpenFile,
  owner: TranscriptOwner,
  bytes: number,
  entries: number,
  range: LineRange,
): readonly string[] {
  const spanAt = ownSpans(owner);
  const lines: SortedLines = {
    file,
    start: transcriptHeader(owner).length,
    end: bytes,
    first: 1,
    next: entries + 1,
    lineBytesMax: TORN_BYTES_MAX,
    numberOf: (bytes, start, end) => spanAt(bytes, start, end)?.seq ?? 0,
    countOf: (bytes, start, end) => spanAt(bytes, start, end)?.count ?? 0,
  };
  return readLinePage(lines, range).texts;
}

/** {@linkcode ownSpan}, remembering the last line: it is asked for its number and then for its count. */
function ownSpans(
  owner: TranscriptOwner,
): (bytes: Uint8Array, start: number, end: number) => TranscriptSpan | undefined {
  const worker = encoder.encode(plainLines(JSON.stringify(owner.workerId)));
  let last: { readonly bytes: Uint8Array; readonly start: number; readonly span: TranscriptSpan | undefined };
  return (bytes, start, end) => {
    if (last?.bytes !== bytes || last.start !== start) {
      last = { bytes, start, span: ownSpan(bytes, start, end, owner.createdEventId, worker) };
    }
    return last.span;
  };
}

/** What a line says of its entries, if it is one of this worker: not of another, nor of an earlier one of the same id. */
function ownSpan(
  bytes: Uint8Array,
  start: number,
  end: number,
  createdEventId: number,
  worker: Uint8Array,
): TranscriptSpan | undefined {
  const span = transcriptSpan(bytes, start, end);
  if (span === undefined || idOf(bytes, start) <= createdEventId) return undefined;
  const { workerFrom, workerEnd } = span;
  const isOwn = workerEnd - workerFrom === worker.length &&
    worker.every((byte, index) => byte === bytes[workerFrom + index]);
  return isOwn ? span : undefined;
}

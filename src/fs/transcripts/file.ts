/**
 * One transcript on disk: a header, then lines of the log that add to it, as
 * they are in the log. Synchronous throughout, so that nothing comes between
 * a look and a write.
 *
 * @module
 */
import { plainLines } from "../../core/json.ts";
import { byteLength } from "../../core/text.ts";
import { readBytes, writeAll } from "../disk/files.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { FORMAT_VERSION } from "../layout.ts";
import { DamagedLine } from "../lines/pages.ts";
import { idOf, isIntact, SEAL_BYTES, sealedBytes, transcriptMarks } from "../lines/codec.ts";
import { scratch } from "../disk/scratch.ts";

const NEWLINE = 0x0a;
const TAIL_BYTES = 4_096;

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
  return sealedBytes(headerJson(owner));
}

/** Bytes of the header of a transcript. */
export function transcriptHeaderBytes(owner: TranscriptOwner): number {
  return byteLength(headerJson(owner)) + SEAL_BYTES;
}

function headerJson({ runtimeId, workerId, createdEventId }: TranscriptOwner): string {
  const format = "worker-runtime/transcript";
  const header = { format, version: FORMAT_VERSION, runtimeId, workerId, createdEventId };
  return plainLines(JSON.stringify(header));
}

/** Whether a file begins with the header of its owner. */
export function hasTranscriptHeader(file: OpenFile, owner: TranscriptOwner): boolean {
  const header = transcriptHeader(owner);
  const found = readBytes(file, 0, header.length);
  return found.length === header.length && found.every((byte, index) => byte === header[index]);
}

/**
 * Throws {@linkcode DamagedLine} unless the file is the owner's and its first
 * `bytes` bytes end with the line of entry `entries`. Gives the event of that
 * line, or the one that created the worker.
 */
export function checkTranscript(
  file: OpenFile,
  owner: TranscriptOwner,
  bytes: number,
  entries: number,
): number {
  if (!hasTranscriptHeader(file, owner)) throw new DamagedLine(0);
  const headerBytes = transcriptHeaderBytes(owner);
  if (entries === 0) {
    if (bytes !== headerBytes) throw new DamagedLine(headerBytes);
    return owner.createdEventId;
  }
  const last = lastLine(file, headerBytes, bytes);
  const marks = transcriptMarks(last.bytes, 0, last.bytes.length);
  if (marks === undefined || marks.seq + marks.count - 1 !== entries) throw new DamagedLine(last.offset);
  return idOf(last.bytes, 0);
}

/** The last line before `end`, checked. */
export function lastLine(
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

/** Lines in fewer, larger pieces: one write costs about as much as copying 64 KiB. A piece is good until the next. */
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

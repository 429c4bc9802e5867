/**
 * Verification of transcripts, and their repair from the log.
 *
 * @module
 */
import type { Notice } from "../../core/diagnostics.ts";
import type { RuntimeError } from "../../core/errors.ts";
import { replaceInStore } from "../aside.ts";
import { readBytes, withFile } from "../disk/files.ts";
import { corrupt, isNotFound } from "../disk/faults.ts";
import type { FileSystem, OpenFile } from "../disk/file_system.ts";
import { type Files, nameOf, type Place, workerLayout } from "../layout.ts";
import { idOf } from "../lines/codec.ts";
import { DamagedLine } from "../lines/pages.ts";
import { isWhole, scanLines } from "../lines/scanner.ts";
import { WorkerLines } from "../lines/worker_lines.ts";
import type { DurableLog } from "../log/pages.ts";
import { endOf } from "../log/segment_ends.ts";
import { logTranscriptLines } from "../log/scan.ts";
import {
  checkTranscript,
  hasTranscriptHeader,
  transcriptHeader,
  transcriptHeaderBytes,
  type TranscriptOwner,
} from "./file.ts";
import {
  isUnproven,
  NOTHING,
  type TranscriptExtent,
  type TranscriptState,
  type WholeExtent,
  type Written,
} from "./state.ts";

const CHUNK_BYTES = 1_048_576;

/**
 * Extends a `known` part of a file by the lines that follow it: each intact, its
 * owner's, and the next one. Stops at byte `end` and before event `before`. Throws
 * `DamagedLine` if the known part is missing.
 */
export function wholeExtent(
  file: OpenFile,
  owner: TranscriptOwner,
  known: TranscriptExtent,
  end: number,
  before: number = Infinity,
): WholeExtent {
  let lastEventId = owner.createdEventId - 1;
  let { bytes, entries } = known.bytes > 0 ? known : nothingOf(owner);
  if (bytes > 0) lastEventId = checkTranscript(file, owner, bytes, entries);
  else if (hasTranscriptHeader(file, owner)) bytes = transcriptHeaderBytes(owner);
  else return nothingOf(owner);
  const own = new WorkerLines(owner.workerId, owner.createdEventId);
  for (const line of scanLines(file, bytes, end)) {
    const id = idOf(line.bytes, line.start);
    const isNext = isWhole(line) && id > lastEventId && id < before &&
      own.read(line.bytes, line.start, line.end) && own.seq === entries + 1;
    if (!isNext) break;
    bytes = line.endOffset;
    entries += own.count;
    lastEventId = id;
  }
  return { bytes, entries, lastEventId };
}

/** No part of the file of an owner. */
function nothingOf({ before, createdEventId }: TranscriptOwner): WholeExtent {
  return { bytes: 0, entries: before, lastEventId: createdEventId - 1 };
}

/** Throws `DamagedLine` unless a file is the owner's and intact up to the end recorded in its state. */
export function verifyTranscript(
  file: OpenFile,
  owner: TranscriptOwner,
  { bytes, entries, mark, synced }: Written,
): void {
  if (synced !== undefined) {
    const whole = wholeExtent(file, owner, synced, bytes);
    if (whole.bytes < bytes || whole.entries !== entries) throw new DamagedLine(whole.bytes);
    return;
  }
  const { size } = file.stat();
  if (size < bytes) throw new DamagedLine(size);
  checkTranscript(file, owner, bytes, entries);
  if (mark !== undefined && endOf(file, bytes).mark !== mark) throw new DamagedLine(bytes);
}

/**
 * Returns the intact part of a file that lost its end; `undefined` if it did not,
 * or lost synced lines, or cannot be read.
 */
export function partLeft(
  fs: FileSystem,
  owner: TranscriptOwner,
  path: string,
  { bytes, entries, synced = NOTHING }: Written,
): WholeExtent | undefined {
  try {
    return withFile(fs, path, "read", (file) => {
      try {
        checkTranscript(file, owner, bytes, entries);
        return undefined;
      } catch (error) {
        if (!(error instanceof DamagedLine)) throw error;
        return wholeExtent(file, owner, synced, bytes);
      }
    });
  } catch (error) {
    if (isNotFound(error) && synced.bytes === 0) return nothingOf(owner);
    // The first use reports the damage.
    return undefined;
  }
}

/**
 * Rebuilds the file of a transcript from the log, with at least `wanted` entries.
 * If the log was pruned past the worker's creation, the entries of earlier events
 * are taken from the file. Throws `store_corrupt` if the `synced` part of the file
 * is unknown, if the log is damaged too, and if entries are missing.
 */
export async function rebuildTranscript(
  place: Place,
  owner: TranscriptOwner,
  log: DurableLog,
  synced: TranscriptExtent | undefined,
  wanted: number,
): Promise<TranscriptExtent> {
  const { fs, layout } = place;
  const { transcript: path } = workerLayout(layout, owner.workerId);
  if (synced === undefined) assertRebuildable(place, owner, log);
  const firstKept = log.segments[0] ?? 1;
  const missing = (entry: number) => {
    assertRebuildable(place, owner, log);
    return corrupt(nameOf(layout, path), `entry ${entry} is not in the log`);
  };
  let entries = owner.before;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    entries = owner.before;
    yield transcriptHeader(owner);
    let after = owner.createdEventId - 1;
    if (owner.createdEventId < firstKept) {
      const whole = wholeOf(fs, owner, path, firstKept);
      yield* linesTo(fs, owner, path, whole.bytes);
      ({ entries, lastEventId: after } = whole);
    }
    for await (const line of logTranscriptLines(place, log, after, owner.workerId)) {
      if (line.seq !== entries + 1) throw missing(entries + 1);
      entries += line.count;
      yield line.bytes.slice(line.start, line.end + 1);
    }
    if (entries < wanted) throw missing(entries + 1);
  }
  const bytes = await replaceInStore(place, path, chunks, { durable: true });
  return { bytes, entries };
}

/**
 * Throws `store_corrupt` if events after `after`, by default all since the worker's creation, were pruned from the
 * log, so that the transcript cannot be rebuilt from it.
 */
export function assertRebuildable(
  { layout }: Files,
  owner: TranscriptOwner,
  { segments: [firstKept = 1] }: Pick<DurableLog, "segments">,
  after: number = owner.createdEventId - 1,
): void {
  if (after + 1 >= firstKept) return;
  const { transcript } = workerLayout(layout, owner.workerId);
  throw corrupt(
    nameOf(layout, transcript),
    "it is missing or damaged, and the log it could be rebuilt from was pruned",
    {
      eventIds: [owner.createdEventId, firstKept - 1],
    },
  );
}

function wholeOf(fs: FileSystem, owner: TranscriptOwner, path: string, before: number): WholeExtent {
  try {
    return withFile(fs, path, "read", (file) => wholeExtent(file, owner, NOTHING, Infinity, before));
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return nothingOf(owner);
  }
}

/** The lines of a file up to a byte, in chunks. */
function* linesTo(fs: FileSystem, owner: TranscriptOwner, path: string, end: number): Generator<Uint8Array> {
  for (let at = transcriptHeaderBytes(owner); at < end; at += CHUNK_BYTES) {
    yield withFile(fs, path, "read", (file) => readBytes(file, at, Math.min(CHUNK_BYTES, end - at)));
  }
}

/** Returns true for an error which means that a file is not the expected transcript. */
export function isDamage(error: unknown, { code }: RuntimeError): boolean {
  return error instanceof DamagedLine || isNotFound(error) || code === "store_corrupt";
}

/** Returns true if only unsynced lines are missing, which is not damage: the log has them. */
export function isPowerLoss(state: TranscriptState, error: unknown): boolean {
  if (!isUnproven(state)) return false;
  const { synced: { bytes } } = state;
  return error instanceof DamagedLine ? error.byteOffset >= bytes : bytes === 0 && isNotFound(error);
}

/** Creates the notice that a transcript is being rebuilt. */
export function rebuildNotice(workerId: string, file: string, error: unknown, powerLoss: boolean): Notice {
  const isLine = error instanceof DamagedLine;
  const text = error instanceof Error ? error.message : String(error);
  const why = powerLoss ? "a power cut took lines that were not synced" : isLine ? "it is damaged" : text;
  return {
    code: powerLoss ? "transcript_completed" : "transcript_rebuilt",
    severity: powerLoss ? "info" : "warning",
    message: `Transcript of ${JSON.stringify(workerId)} is rebuilt from the log: ${why}`,
    workerId,
    file,
    ...(isLine ? { byteOffset: error.byteOffset } : {}),
  };
}

/**
 * Writes a transcript anew from the log.
 *
 * @module
 */
import { plainLines } from "../core/json.ts";
import { closeQuietly, readBytes, replaceFile } from "./disk.ts";
import { corrupt, isNotFound } from "./faults.ts";
import type { FileSystem, OpenFile } from "./file_system.ts";
import { nameOf, type RuntimeLayout } from "./layout.ts";
import type { DurableLog } from "./log_pages.ts";
import { logTranscriptLines } from "./log_transcript_lines.ts";
import { NOTHING, type TranscriptExtent, type WholeExtent, wholeExtent } from "./transcript_extent.ts";
import { transcriptHeader, transcriptHeaderBytes, type TranscriptOwner } from "./transcript_file.ts";

const CHUNK_BYTES = 1_048_576;

/** What is known of a transcript that is to be rebuilt. */
export interface LostTranscript {
  /** What was synced of the file; `undefined` when that is not known. */
  readonly synced: TranscriptExtent | undefined;
  /** Entries that there were. */
  readonly entries: number;
}

/**
 * Rebuilds a transcript from the events that the log holds at the time of
 * the call. Where the log was pruned behind the worker's creation, what is
 * whole of the file is taken over first. Throws `store_corrupt` when that is
 * less than what was synced, or that is not known, when the log is damaged
 * itself, and when not all entries come back.
 */
export async function rebuildTranscript(
  fs: FileSystem,
  layout: RuntimeLayout,
  owner: TranscriptOwner,
  path: string,
  log: DurableLog,
  { synced, entries: wanted }: LostTranscript,
): Promise<TranscriptExtent> {
  if (synced === undefined) mustReachBack(layout, owner, path, log);
  const isPruned = owner.createdEventId < (log.segments[0] ?? 1);
  const workerIdJson = plainLines(JSON.stringify(owner.workerId));
  const missing = (entry: number) => corrupt(nameOf(layout, path), `entry ${entry} is not in the log`);
  let entries = 0;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield transcriptHeader(owner);
    let after = owner.createdEventId;
    if (isPruned) {
      const whole = yield* wholePart(fs, owner, path);
      if (whole.entries < (synced?.entries ?? 0)) mustReachBack(layout, owner, path, log);
      ({ entries, lastEventId: after } = whole);
    }
    for await (const line of logTranscriptLines(fs, layout, owner.runtimeId, log, after)) {
      if (line.workerIdJson !== workerIdJson) continue;
      if (line.seq !== entries + 1) throw missing(entries + 1);
      entries += line.count;
      yield line.bytes.slice(line.start, line.end);
    }
    if (entries < wanted) throw missing(entries + 1);
  }
  const bytes = await replaceFile(fs, path, chunks(), { durable: true });
  return { bytes, entries };
}

/** Throws `store_corrupt` when the log was pruned behind the worker's creation, so that nothing can be rebuilt. */
export function mustReachBack(
  layout: RuntimeLayout,
  owner: TranscriptOwner,
  path: string,
  log: DurableLog,
): void {
  const firstKept = log.segments[0] ?? 1;
  if (owner.createdEventId >= firstKept) return;
  throw corrupt(nameOf(layout, path), "it is damaged, and the log it could be rebuilt from was pruned", {
    eventIds: [owner.createdEventId, firstKept - 1],
  });
}

/** The lines that are whole of a file, in pieces, and how far they go. */
function* wholePart(
  fs: FileSystem,
  owner: TranscriptOwner,
  path: string,
): Generator<Uint8Array, WholeExtent> {
  const file = openIfThere(fs, path);
  if (file === undefined) return { ...NOTHING, lastEventId: owner.createdEventId };
  try {
    const whole = wholeExtent(file, owner, NOTHING, Infinity);
    for (let at = transcriptHeaderBytes(owner); at < whole.bytes; at += CHUNK_BYTES) {
      yield readBytes(file, at, Math.min(CHUNK_BYTES, whole.bytes - at));
    }
    return whole;
  } finally {
    closeQuietly(file);
  }
}

function openIfThere(fs: FileSystem, path: string): OpenFile | undefined {
  try {
    return fs.open(path, "read");
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return undefined;
  }
}

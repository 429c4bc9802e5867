/**
 * Writes a transcript anew from the log.
 *
 * @module
 */
import { plainLines } from "../../core/json.ts";
import { replaceInStore } from "../aside.ts";
import { readBytes, withFile } from "../disk/files.ts";
import { corrupt, isNotFound } from "../disk/faults.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { nameOf, type RuntimeLayout } from "../layout.ts";
import type { DurableLog } from "../log/pages.ts";
import { logTranscriptLines } from "../log/transcript_lines.ts";
import { NOTHING, type TranscriptExtent, type WholeExtent, wholeExtent } from "./extent.ts";
import { transcriptHeader, transcriptHeaderBytes, type TranscriptOwner } from "./file.ts";

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
 * the call. Where the log was pruned behind the worker's creation, the entries
 * of the events before it are taken over from the file. Throws `store_corrupt`
 * when it is not known what was synced, when the log is damaged itself, and
 * when not all entries come back.
 */
export async function rebuildTranscript(
  fs: FileSystem,
  layout: RuntimeLayout,
  owner: TranscriptOwner,
  path: string,
  log: DurableLog,
  { synced, entries: wanted }: LostTranscript,
): Promise<TranscriptExtent> {
  if (synced === undefined) assertRebuildable(layout, owner, path, log);
  const firstKept = log.segments[0] ?? 1;
  const workerIdJson = plainLines(JSON.stringify(owner.workerId));
  const missing = (entry: number) => {
    assertRebuildable(layout, owner, path, log);
    return corrupt(nameOf(layout, path), `entry ${entry} is not in the log`);
  };
  let entries = 0;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    entries = 0;
    yield transcriptHeader(owner);
    let after = owner.createdEventId;
    if (owner.createdEventId < firstKept) {
      const whole = wholeOf(fs, owner, path, firstKept);
      yield* linesTo(fs, owner, path, whole.bytes);
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
  const bytes = await replaceInStore(fs, layout, path, chunks, { durable: true });
  return { bytes, entries };
}

/** Throws `store_corrupt` when the log was pruned behind the worker's creation, so that nothing can be rebuilt. */
export function assertRebuildable(
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

function wholeOf(fs: FileSystem, owner: TranscriptOwner, path: string, before: number): WholeExtent {
  try {
    return withFile(fs, path, "read", (file) => wholeExtent(file, owner, NOTHING, Infinity, before));
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return { ...NOTHING, lastEventId: owner.createdEventId };
  }
}

/** The bytes of a file from its first line to a byte, in pieces. */
function* linesTo(fs: FileSystem, owner: TranscriptOwner, path: string, end: number): Generator<Uint8Array> {
  for (let at = transcriptHeaderBytes(owner); at < end; at += CHUNK_BYTES) {
    yield withFile(fs, path, "read", (file) => readBytes(file, at, Math.min(CHUNK_BYTES, end - at)));
  }
}

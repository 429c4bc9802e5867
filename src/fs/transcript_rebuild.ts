/**
 * Writes a transcript anew from the log.
 *
 * @module
 */
import { plainLines } from "../core/json.ts";
import { Slices } from "../core/turn.ts";
import { closeQuietly, replaceFile } from "./disk.ts";
import { corrupt } from "./faults.ts";
import type { FileSystem, OpenFile } from "./file_system.ts";
import { nameOf, type RuntimeLayout, segmentPath } from "./layout.ts";
import { scanLines } from "./line_scanner.ts";
import { DamagedLine } from "./line_pages.ts";
import { idOf, isIntact, transcriptMarks } from "./lines.ts";
import { contentSize } from "./log_room.ts";
import type { DurableLog } from "./log_pages.ts";
import { TORN_BYTES_MAX } from "./recovery_table.ts";
import { segmentHeader } from "./segments.ts";
import { checkTranscript, transcriptHeader, type TranscriptOwner } from "./transcript_file.ts";

/** A transcript that is whole, or the whole part of one. */
export interface RebuiltTranscript {
  /** Bytes of the file. */
  readonly bytes: number;
  /** Entries in it. */
  readonly entries: number;
}

/**
 * Rebuilds a transcript from the events that the log holds at the time of
 * the call. Where the log was pruned behind the worker's creation, what was
 * `synced` of the file is taken over first. Throws `store_corrupt` when that
 * is damaged or not known, or the log is damaged itself.
 */
export async function rebuildTranscript(
  fs: FileSystem,
  layout: RuntimeLayout,
  owner: TranscriptOwner,
  path: string,
  log: DurableLog,
  synced: RebuiltTranscript | undefined,
): Promise<RebuiltTranscript> {
  if (synced === undefined) mustReachBack(layout, owner, path, log);
  const isPruned = owner.createdEventId < (log.segments[0] ?? 1);
  let entries = 0;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield transcriptHeader(owner);
    if (isPruned && synced !== undefined && synced.entries > 0) {
      yield* syncedLines(fs, layout, owner, path, log, synced);
      entries = synced.entries;
    }
    for await (const { line, seq, count } of transcriptLines(fs, layout, owner, log)) {
      if (seq <= entries) continue;
      if (seq > entries + 1) throw corrupt(nameOf(layout, path), `entry ${entries + 1} is not in the log`);
      entries += count;
      yield line;
    }
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

/** The lines of the part of the file that was synced, each of them checked. */
function* syncedLines(
  fs: FileSystem,
  layout: RuntimeLayout,
  owner: TranscriptOwner,
  path: string,
  log: DurableLog,
  { bytes: end, entries }: RebuiltTranscript,
): Generator<Uint8Array> {
  const file = fs.open(path, "read");
  try {
    checkTranscript(file, owner, end, entries);
    const start = transcriptHeader(owner).length;
    for (
      const { bytes, start: from, end: to, offset, terminated } of scanLines(file, start, end, TORN_BYTES_MAX)
    ) {
      if (!terminated || !isIntact(bytes, from, to)) throw new DamagedLine(offset);
      yield bytes.slice(from, to + 1);
    }
  } catch (error) {
    if (error instanceof DamagedLine) mustReachBack(layout, owner, path, log);
    throw error;
  } finally {
    closeQuietly(file);
  }
}

interface FoundLine {
  readonly line: Uint8Array;
  readonly seq: number;
  readonly count: number;
}

async function* transcriptLines(
  fs: FileSystem,
  layout: RuntimeLayout,
  owner: TranscriptOwner,
  log: DurableLog,
): AsyncGenerator<FoundLine> {
  const segments = [...log.segments];
  const { lastEventId, offset } = log;
  const first = segments.findLastIndex((segment) => segment <= owner.createdEventId);
  for (const segment of segments.slice(Math.max(0, first))) {
    const path = segmentPath(layout, segment);
    const file = fs.open(path, "read");
    try {
      const end = segment === segments.at(-1) ? offset : contentSize(file);
      yield* linesOf(file, nameOf(layout, path), segment, end, owner, lastEventId);
    } finally {
      closeQuietly(file);
    }
  }
}

async function* linesOf(
  file: OpenFile,
  name: string,
  segment: number,
  end: number,
  owner: TranscriptOwner,
  lastEventId: number,
): AsyncGenerator<FoundLine> {
  const workerIdJson = workerIdText(owner.workerId);
  const slices = new Slices();
  const start = segmentHeader(owner.runtimeId, segment).length;
  for (
    const { bytes, start: from, end: to, offset, terminated } of scanLines(file, start, end, TORN_BYTES_MAX)
  ) {
    await slices.pause();
    if (!terminated || !isIntact(bytes, from, to)) {
      throw corrupt(name, "a line of the log is damaged", { byteOffset: offset });
    }
    const id = idOf(bytes, from);
    if (id <= owner.createdEventId || id > lastEventId) continue;
    const marks = transcriptMarks(bytes, from, to);
    if (marks?.workerIdJson === workerIdJson) {
      yield { line: bytes.slice(from, to + 1), seq: marks.seq, count: marks.count };
    }
  }
}

/** A worker id as it stands in the log. */
function workerIdText(workerId: string): string {
  return plainLines(JSON.stringify(workerId));
}

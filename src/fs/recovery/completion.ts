/**
 * What a power cut takes of transcripts. A checkpoint counts lines of which
 * not all are synced; what is missing of those comes back from the log at the
 * opening, for all workers in one reading, before the log behind the
 * checkpoint is replayed.
 *
 * The end of each such file is looked at here. Where a power cut took lines
 * and left later ones, the first touch finds it.
 *
 * @module
 */
import type { Notice } from "../../core/diagnostics.ts";
import { isRuntimeError } from "../../core/errors.ts";
import type { WorkerId } from "../../core/ids.ts";
import { plainLines } from "../../core/json.ts";
import { Slices } from "../../core/turn.ts";
import type { Checkpoint, CheckpointRow } from "../checkpoint/checkpoint.ts";
import { withFile } from "../disk/files.ts";
import { guardedAsync, isNotFound } from "../disk/faults.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { type RuntimeLayout, workerLayout } from "../layout.ts";
import { LineBuffer } from "../lines/buffer.ts";
import { DamagedLine } from "../lines/pages.ts";
import { logTranscriptLines } from "../log/transcript_lines.ts";
import { checkTranscript, type TranscriptOwner } from "../transcripts/file.ts";
import { type WholeExtent, wholeExtent } from "../transcripts/healing.ts";
import { NOTHING } from "../transcripts/length.ts";
import type { Transcripts } from "../transcripts/transcripts.ts";

/** What is to be completed, and from what. */
export interface Completion {
  readonly fs: FileSystem;
  readonly layout: RuntimeLayout;
  readonly runtimeId: string;
  /** First event ids of the segments, in order. */
  readonly segments: readonly number[];
  /** What the transcripts should be. */
  readonly checkpoint: Checkpoint;
  /** Transcripts that were restored from it. */
  readonly transcripts: Transcripts;
  /** Keeps bounded what waits to be written. */
  flushIfFull(): Promise<void>;
  /** Takes what is noticed. */
  notice(notice: Notice): void;
}

interface Short {
  readonly row: CheckpointRow;
  entries: number;
  lastEventId: number;
}

/** Adds again what transcripts lack of what the checkpoint counts. What the log does not have is left to the first touch. */
export async function completeTranscripts(completion: Completion): Promise<void> {
  const { transcripts, checkpoint, notice } = completion;
  const short = await shortTranscripts(completion);
  if (short.size === 0) return;
  for (const { row, bytes, entries } of short.values()) {
    transcripts.resetTo(row.workerId as WorkerId, { bytes, entries });
  }
  try {
    await guardedAsync("read", completion.layout.events, () => addLines(completion, short));
  } catch (error) {
    // The log before the checkpoint is not needed to open a store.
    if (!isRuntimeError(error)) throw error;
  }
  let count = 0;
  for (const { row, entries } of short.values()) {
    if (entries === row.transcriptLength) count++;
    else {
      transcripts.forget(row.workerId as WorkerId);
      transcripts.restore(row.workerId as WorkerId, row);
    }
  }
  if (count === 0) return;
  const message = `The ends of ${count} transcripts came back from the log: a power cut took what was not ` +
    `synced yet of the events through ${checkpoint.snapshot.through}`;
  notice({ code: "transcript_completed", severity: "info", message });
}

/** Transcripts that do not end where they should, with what is whole of them, by worker. */
async function shortTranscripts(completion: Completion): Promise<Map<string, Short & WholeExtent>> {
  const short = new Map<string, Short & WholeExtent>();
  const slices = new Slices();
  for (const row of completion.checkpoint.rows) {
    const whole = wholePart(completion, row);
    if (whole !== undefined) short.set(plainLines(JSON.stringify(row.workerId)), { row, ...whole });
    await slices.pause();
  }
  return short;
}

/** What is whole of a transcript that does not end where it should, unless that is less than what was synced. */
function wholePart({ fs, layout, runtimeId }: Completion, row: CheckpointRow): WholeExtent | undefined {
  const { workerId, createdEventId, transcriptBytes: bytes, transcriptLength, transcriptSynced: synced } =
    row;
  if (synced === undefined || bytes === undefined) return undefined;
  const owner: TranscriptOwner = { runtimeId, workerId, createdEventId };
  const path = workerLayout(layout, workerId).transcript;
  try {
    return withFile(fs, path, "read", (file) => {
      try {
        checkTranscript(file, owner, bytes, transcriptLength);
        return undefined;
      } catch (error) {
        if (!(error instanceof DamagedLine)) throw error;
        return wholeExtent(file, owner, synced, bytes);
      }
    });
  } catch (error) {
    if (isNotFound(error) && synced.bytes === 0) return { ...NOTHING, lastEventId: createdEventId };
    // Damage, or a file that cannot be read: told at the first touch.
    return undefined;
  }
}

/** Adds the lines that are missing, in one reading of the log up to the checkpoint. */
async function addLines(completion: Completion, short: Map<string, Short>): Promise<void> {
  const { fs, layout, runtimeId, segments, transcripts, checkpoint: { position, snapshot } } = completion;
  const log = {
    segments: segments.filter((segment) => segment <= position.segment),
    lastEventId: snapshot.through,
    offset: position.offset,
  };
  const after = Math.min(...[...short.values()].map(({ lastEventId }) => lastEventId));
  const memory = new LineBuffer();
  for await (const line of logTranscriptLines(fs, layout, runtimeId, log, after)) {
    const found = short.get(line.workerIdJson);
    if (found === undefined || line.id <= found.lastEventId) continue;
    if (line.seq !== found.entries + 1) continue;
    transcripts.add(
      found.row.workerId as WorkerId,
      memory.copy(line.bytes, line.start, line.end),
      line.count,
    );
    found.entries += line.count;
    found.lastEventId = line.id;
    await completion.flushIfFull();
  }
}

/**
 * Completion of transcripts at an opening. A checkpoint counts lines that were not
 * synced. Those lost in a power cut are restored from the log, for all workers in
 * one pass, before the log after the checkpoint is replayed.
 *
 * Only the ends of files are verified here. A power cut may also take lines and
 * leave later ones; the first use of the file detects that.
 *
 * @module
 */
import { isRuntimeError } from "../../core/errors.ts";
import { plainLines } from "../../core/json.ts";
import { Slices } from "../../core/turn.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { guardedAsync } from "../disk/faults.ts";
import { LineBuffer } from "../lines/buffer.ts";
import { logTranscriptLines } from "../log/scan.ts";
import type { Transcript } from "../transcripts/transcript.ts";
import type { Transcripts } from "../transcripts/transcripts.ts";
import type { Recovery } from "./recovery.ts";

/** A transcript that lost its end. */
interface Short {
  readonly transcript: Transcript;
  /** Number of entries according to the checkpoint. */
  readonly wanted: number;
  /** Number of entries in the file or added again. */
  entries: number;
  /** The event with the last of them. */
  lastEventId: number;
}

/** Adds lines that the checkpoint counts and files lack. A file that stays incomplete is marked lost. */
export async function completeTranscripts(
  recovery: Recovery,
  segments: readonly number[],
  checkpoint: Checkpoint,
): Promise<void> {
  const { transcripts, layout, notice } = recovery;
  const short = await shortTranscripts(transcripts);
  if (short.size === 0) return;
  try {
    await guardedAsync("read", layout.events, () => addLines(recovery, segments, checkpoint, short));
  } catch (error) {
    // The log before the checkpoint is not needed to open a store.
    if (!isRuntimeError(error)) throw error;
  }
  const incomplete = [...short.values()].filter(({ entries, wanted }) => entries !== wanted);
  for (const { transcript, wanted } of incomplete) transcript.markLost(wanted);
  const count = short.size - incomplete.length;
  if (count === 0) return;
  const message = `The ends of ${count} transcripts came back from the log: a power cut took lines of the ` +
    `events through ${checkpoint.snapshot.through} that were not synced`;
  notice({ code: "transcript_completed", severity: "info", message });
}

/** Transcripts that lost their ends, by worker id as JSON. */
async function shortTranscripts(transcripts: Transcripts): Promise<Map<string, Short>> {
  const short = new Map<string, Short>();
  const slices = new Slices();
  for (const transcript of transcripts.unproven()) {
    const wanted = transcript.state.entries;
    const left = transcript.shorten();
    const workerIdJson = plainLines(JSON.stringify(transcript.owner.workerId));
    if (left !== undefined) short.set(workerIdJson, { transcript, wanted, ...left });
    await slices.pause();
  }
  return short;
}

/** Adds the missing lines in one pass over the log up to the checkpoint. */
async function addLines(
  recovery: Recovery,
  segments: readonly number[],
  { position, snapshot }: Checkpoint,
  short: ReadonlyMap<string, Short>,
): Promise<void> {
  const log = {
    segments: segments.filter((segment) => segment <= position.segment),
    lastEventId: snapshot.through,
  };
  const after = Math.min(...[...short.values()].map(({ lastEventId }) => lastEventId));
  const memory = new LineBuffer();
  for await (const line of logTranscriptLines(recovery, log, after)) {
    const found = short.get(line.workerIdJson);
    const isNext = found !== undefined && line.id > found.lastEventId && line.seq === found.entries + 1;
    if (!isNext) continue;
    found.transcript.add(memory.copy(line.bytes, line.start, line.end + 1), line.count);
    found.entries += line.count;
    found.lastEventId = line.id;
    await recovery.flushIfFull();
  }
}

/**
 * What a store knows of one transcript while it is open: what is right on
 * disk, and what waits in memory to go there.
 *
 * @module
 */
import type { RuntimeError } from "../../core/errors.ts";
import type { ReadTranscript } from "../../core/store.ts";
import type { CheckpointRow } from "../checkpoint/checkpoint.ts";
import { eventText, transcriptMarks } from "../lines/codec.ts";
import { transcriptHeader, type TranscriptOwner } from "./file.ts";
import { NOTHING, type TranscriptExtent } from "./extent.ts";
import type { WaitingLines } from "../lines/waiting_lines.ts";

/**
 * With one checkpoint in so many a transcript is synced: each sync costs the
 * device a flush, however little was written, and the syncs of the log wait
 * behind it. What was not synced is looked at after a crash,
 * so the number bounds that work; with more than 16 nothing more is gained.
 */
export const SYNC_TURNS = 16;

/** What is known of one transcript. */
export interface Transcript {
  /** Whose it is. */
  readonly owner: TranscriptOwner;
  /** Bytes of the file that are right; `undefined` when it must be rebuilt. */
  bytes: number | undefined;
  /** Entries in those bytes. */
  entries: number;
  /** Mark of the last line in those bytes; `undefined` if it is not known. */
  mark: string | undefined;
  /** Lines to be written behind them. */
  waiting: WaitingLines;
  /** Whether the file was held against `bytes`. */
  checked: boolean;
  /** Whether the file has bytes that were not synced. */
  unsynced: boolean;
  /**
   * Whether this opening has not synced the name of the file. Who gave it the
   * name may have been killed, or refused, before that.
   */
  nameUnsynced: boolean;
  /** How much of the file was right and synced at last; `undefined` when that is not known. */
  synced: TranscriptExtent | undefined;
  /** Whether the lines behind that are known to be there: a power cut may have taken some. */
  proven: boolean;
  /** With which of {@linkcode SYNC_TURNS} checkpoints it is synced, from 0. */
  readonly turn: number;
  /** The reason why the file could not be read, written or synced. */
  fault: RuntimeError | undefined;
  /** The rebuilding under way. */
  rebuilding: Promise<void> | undefined;
  /** Where it lies, once that was asked for. */
  path: string | undefined;
}

/** What a checkpoint says of a transcript. */
export type TranscriptLength = Pick<
  CheckpointRow,
  "createdEventId" | "transcriptBytes" | "transcriptLength" | "transcriptSynced"
>;

/** Which entries to read: from, and up to but not including; and whether these are the newest. */
export function pageOf(
  transcript: Transcript,
  read: ReadTranscript,
): { readonly from: number; readonly to: number; readonly isNewest: boolean } {
  const length = transcript.entries + transcript.waiting.entries;
  const to = Math.min(read.to, length) + 1;
  return { from: read.from, to, isNewest: read.keep === "last" && to > length };
}

/** How long a transcript is once its waiting lines are written. */
export function lengthOf(transcript: Transcript): TranscriptLength {
  const { bytes, owner, waiting } = transcript;
  const header = bytes === 0 && waiting.length > 0 ? transcriptHeader(owner).length : 0;
  return {
    createdEventId: owner.createdEventId,
    transcriptBytes: bytes === undefined ? undefined : bytes + header + waiting.bytes,
    transcriptLength: transcript.entries + transcript.waiting.entries,
  };
}

/** What a checkpoint says of a length, by what is synced of the transcript, if it is still the worker's. */
export function withSynced(length: TranscriptLength, transcript: Transcript | undefined): TranscriptLength {
  const isSame = transcript?.owner.createdEventId === length.createdEventId;
  const known = isSame ? transcript.synced : undefined;
  // A rebuild keeps the synced part; the rest comes from the log.
  if (isSame && transcript.bytes === undefined || length.transcriptBytes === undefined) {
    const lost = { ...length, transcriptBytes: undefined };
    return known === undefined ? lost : { ...lost, transcriptSynced: known };
  }
  const synced = known ?? NOTHING;
  return synced.bytes >= (length.transcriptBytes ?? 0) ? length : { ...length, transcriptSynced: synced };
}

/** The texts of waiting lines that hold entries of a page. */
export function pendingTexts(transcript: Transcript, from: number, to: number): string[] {
  const texts: string[] = [];
  let seq = transcript.entries + 1;
  for (const line of transcript.waiting) {
    if (seq >= to) break;
    const count = transcriptMarks(line, 0, line.length)?.count ?? 1;
    if (seq + count > from) texts.push(eventText(line, 0, line.length - 1));
    seq += count;
  }
  return texts;
}

/**
 * Torn tail or damage? What to do at the first bad line of the log, as a
 * table. The bad line should carry event id `k`.
 *
 * A write that was never acknowledged may be on disk in any part: whole
 * sectors of it may be there while earlier ones are not, so an intact line
 * behind a bad one proves nothing by itself. What proves something is that
 * each line says how far the log had been synced when it was written: an
 * intact line with `durable >= k` says that event `k` had been on the device,
 * and so does a checkpoint that covers `k`, and a transcript that holds a line
 * of an event from `k` on, because lines go there only once they are durable.
 * Without such a witness, and with no more behind the bad line than one batch
 * can be, event `k` was never acknowledged.
 *
 * The same is asked of a log that was not closed and has no bad line: its end
 * may have been cut off.
 *
 * The first row that applies decides. Each row has a test. An opening reads
 * on from the event that the checkpoint covers, and refuses when that is not
 * there; so `checkpoint_covers_it` speaks when the whole log is verified.
 *
 * @module
 */
import { LINE_BYTES_MAX } from "../lines/codec.ts";

/** The most bytes that one unacknowledged write can leave: a batch, or the longest line. */
export const TORN_BYTES_MAX: number = LINE_BYTES_MAX;

/** What was found at and behind the first bad line. */
export interface TailEvidence {
  /** The event id that the line should carry. */
  readonly k: number;
  /** The last event that a checkpoint covers; 0 without one. */
  readonly checkpointThrough: number;
  /** The highest `durable` of any intact line at or behind the bad one, in this segment and later ones; 0 without any. */
  readonly durableBehind: number;
  /** The last event that a transcript proves to have been synced; 0 when none proves anything. */
  readonly witnessedThrough: number;
  /** Bytes from the bad line to the end of the log. */
  readonly bytesBehind: number;
  /** When the bad line is the header of a segment: the bytes that header should have; else 0. */
  readonly headerBytes: number;
}

/** What to do. */
export type TailVerdict =
  /** Acknowledged data is damaged: refuse, change nothing. */
  | "corrupt"
  /** Never acknowledged: keep a copy, cut, go on in a new segment. */
  | "cut"
  /** A segment whose creation never finished: keep a copy, remove, create it again. */
  | "remove_segment";

/** A row of the table. */
export interface TailRow {
  /** Name of the case. */
  readonly name:
    | "checkpoint_covers_it"
    | "later_line_saw_it_synced"
    | "transcript_holds_it"
    | "too_much_behind_it"
    | "segment_in_use"
    | "unfinished_segment"
    | "torn_tail";
  /** Whether the row applies. */
  readonly applies: (evidence: TailEvidence) => boolean;
  /** What to do then. */
  readonly verdict: TailVerdict;
  /** Why, for people. */
  readonly reason: string;
}

/** The table. */
export const tailTable: readonly TailRow[] = [
  {
    name: "checkpoint_covers_it",
    applies: ({ k, checkpointThrough }) => checkpointThrough >= k,
    verdict: "corrupt",
    reason: "a checkpoint covers the event, so it had been acknowledged",
  },
  {
    name: "later_line_saw_it_synced",
    applies: ({ k, durableBehind }) => durableBehind >= k,
    verdict: "corrupt",
    reason: "a later line says that the event had been synced, so it had been acknowledged",
  },
  {
    name: "transcript_holds_it",
    applies: ({ k, witnessedThrough }) => witnessedThrough >= k,
    verdict: "corrupt",
    reason: "a transcript holds an event from there on, so it had been acknowledged",
  },
  {
    name: "too_much_behind_it",
    applies: ({ bytesBehind }) => bytesBehind > TORN_BYTES_MAX,
    verdict: "corrupt",
    reason: "more lies behind it than one write can leave",
  },
  {
    name: "segment_in_use",
    applies: ({ headerBytes, bytesBehind }) => headerBytes > 0 && bytesBehind > headerBytes,
    verdict: "corrupt",
    reason: "events follow the header, so it had been synced before them",
  },
  {
    name: "unfinished_segment",
    applies: ({ headerBytes }) => headerBytes > 0,
    verdict: "remove_segment",
    reason: "the segment was never finished, and nothing in it was acknowledged",
  },
  {
    name: "torn_tail",
    applies: () => true,
    verdict: "cut",
    reason: "the write was never acknowledged",
  },
];

/** The row that decides. */
export function judgeTail(evidence: TailEvidence): TailRow {
  const row = tailTable.find((row) => row.applies(evidence));
  if (row === undefined) throw new Error("Cannot judge tail: the last row applies always");
  return row;
}

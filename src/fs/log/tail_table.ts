/**
 * The decision between a torn tail and damage at the first bad line of the
 * log, as a table. `k` is the event id expected in the bad line.
 *
 * A write that was never acknowledged may be on disk in part, and in any
 * order of sectors, so an intact line after a bad one proves nothing by itself.
 * These prove that event `k` was synced: an intact line with `durable >= k`,
 * because each line records the last event synced when it was written; a
 * checkpoint that covers `k`; and a transcript with a line of event `k` or a
 * later one, because lines are added there only after they are durable.
 * Without such a witness, and with no more bytes after the bad line than one
 * batch can have, event `k` was never acknowledged.
 *
 * A log that was not closed and has no bad line is judged, too: its end may
 * have been truncated.
 *
 * The first row that applies decides. Each row has a test. An opening begins
 * at the event that the checkpoint covers, and fails if that is missing; so
 * `checkpoint_covers_it` applies only when the whole log is verified.
 *
 * @module
 */
import { LINE_BYTES_MAX } from "../lines/codec.ts";

/** The most bytes that one unacknowledged write can leave: a batch, or the longest line. */
export const TORN_BYTES_MAX: number = LINE_BYTES_MAX;

/** Evidence at and after the first bad line. */
export interface TailEvidence {
  /** The event id expected in the line. */
  readonly k: number;
  /** The last event that a checkpoint covers; 0 without one. */
  readonly checkpointThrough: number;
  /** The highest `durable` of the intact lines at or after the bad one, in this segment and later ones; 0 without any. */
  readonly durableAfter: number;
  /** The last event that a transcript proves to have been synced; 0 without such proof. */
  readonly witnessedThrough: number;
  /** Bytes from the bad line to the end of the segment's content. */
  readonly bytesAfter: number;
  /** The first event of the next segment; 0 without one. */
  readonly nextSegment: number;
  /** Length of the header if the bad line is the header of a segment; otherwise 0. */
  readonly headerBytes: number;
}

/** The decision. */
export type TailVerdict =
  /** Acknowledged data is damaged: fail, and change nothing. */
  | "corrupt"
  /** Never acknowledged: quarantine, truncate, continue in a new segment. */
  | "cut"
  /** A segment whose creation never finished: quarantine, remove, create it again. */
  | "remove_segment";

/** A row of the table. */
export interface TailRow {
  /** Name of the case. */
  readonly name:
    | "log_continues"
    | "checkpoint_covers_it"
    | "later_line_saw_it_synced"
    | "transcript_holds_it"
    | "too_much_after_it"
    | "segment_in_use"
    | "unfinished_segment"
    | "torn_tail";
  /** Returns true if the row applies. */
  readonly applies: (evidence: TailEvidence) => boolean;
  /** The decision then. */
  readonly verdict: TailVerdict;
  /** Explanation for people. */
  readonly reason: string;
  /** True if the bad bytes belong to no event of this log, so that none is lost with them. */
  readonly losesNothing?: true;
}

/** The table. */
export const tailTable: readonly TailRow[] = [
  {
    name: "log_continues",
    applies: ({ k, nextSegment }) => nextSegment === k,
    verdict: "corrupt",
    reason: "bytes follow its last event, although the log continues in the next segment",
    losesNothing: true,
  },
  {
    name: "checkpoint_covers_it",
    applies: ({ k, checkpointThrough }) => checkpointThrough >= k,
    verdict: "corrupt",
    reason: "a checkpoint covers the event, so it had been acknowledged",
  },
  {
    name: "later_line_saw_it_synced",
    applies: ({ k, durableAfter }) => durableAfter >= k,
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
    name: "too_much_after_it",
    applies: ({ bytesAfter }) => bytesAfter > TORN_BYTES_MAX,
    verdict: "corrupt",
    reason: "more bytes follow it than one write can leave",
  },
  {
    name: "segment_in_use",
    applies: ({ headerBytes, bytesAfter }) => headerBytes > 0 && bytesAfter > headerBytes,
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

/**
 * Receipts: the results of resolved commands.
 *
 * @module
 */
import type { Outcome } from "./group_commit.ts";

/** Result of a resolved command, whose event is durable. */
export interface Receipt {
  /** Id of the command's event. */
  readonly eventId: number;
  /** Time, ISO 8601. */
  readonly at: string;
  /** True if an earlier command with the same key had this result. */
  readonly duplicate: boolean;
}

/** Receipt of entries. */
export interface TranscriptReceipt extends Receipt {
  /** Sequence of the first entry. */
  readonly firstSeq: number;
  /** Sequence of the last entry. */
  readonly lastSeq: number;
}

/** Returns the receipt of an outcome. */
export function receipt({ eventId, at, duplicate }: Outcome): Receipt {
  return { eventId, at, duplicate };
}

/** Returns the receipt of an outcome that appended entries. */
export function transcriptReceipt({ eventId, at, duplicate, seq, count }: Outcome): TranscriptReceipt {
  return { eventId, at, duplicate, firstSeq: seq, lastSeq: seq + count - 1 };
}

/** Receipt of a commit; the sequences are present if it had entries. */
export interface CommitReceipt extends Receipt, Partial<Pick<TranscriptReceipt, "firstSeq" | "lastSeq">> {}

/** Returns the receipt of an outcome that may have appended entries. */
export function commitReceipt(outcome: Outcome): CommitReceipt {
  return outcome.count === 0 ? receipt(outcome) : transcriptReceipt(outcome);
}

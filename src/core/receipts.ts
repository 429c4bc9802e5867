/**
 * Receipts: the results of resolved commands.
 *
 * @module
 */
import type { Outcome } from "./group_commit.ts";

/** Result of a resolved command, whose event is durable. */
export interface Receipt {
  /** The event that the command became. */
  readonly eventId: number;
  /** When, ISO 8601. */
  readonly at: string;
  /** Whether an earlier command with the same key did it. */
  readonly duplicate: boolean;
}

/** Receipt of entries. */
export interface TranscriptReceipt extends Receipt {
  /** Sequence of the first entry. */
  readonly firstSeq: number;
  /** Sequence of the last entry. */
  readonly lastSeq: number;
}

/** The receipt in an outcome. */
export function receipt({ eventId, at, duplicate }: Outcome): Receipt {
  return { eventId, at, duplicate };
}

/** The receipt of entries in an outcome. */
export function transcriptReceipt({ eventId, at, duplicate, seq, count }: Outcome): TranscriptReceipt {
  return { eventId, at, duplicate, firstSeq: seq, lastSeq: seq + count - 1 };
}

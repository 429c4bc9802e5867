/**
 * Lengths of transcripts.
 *
 * @module
 */

/** The first part of a transcript's file. */
export interface TranscriptExtent {
  /** Bytes, including the header; 0 if not even the header is known to exist. */
  readonly bytes: number;
  /** Entries in them. */
  readonly entries: number;
}

/** The intact part of a transcript's file. */
export interface WholeExtent extends TranscriptExtent {
  /** The event in its last line, or the one that created the worker. */
  readonly lastEventId: number;
}

/** No part of a file. */
export const NOTHING: TranscriptExtent = Object.freeze({ bytes: 0, entries: 0 });

/** The length of a transcript, as a checkpoint records it. */
export interface TranscriptLength {
  /** The event that created the worker. */
  readonly createdEventId: number;
  /** Bytes of the file that are intact; `undefined` if it must be rebuilt. */
  readonly transcriptBytes: number | undefined;
  /** Entries in them. */
  readonly transcriptLength: number;
  /** The synced part; absent if all of it is synced. Lines after it may be missing after a power cut. */
  readonly transcriptSynced?: TranscriptExtent | undefined;
}

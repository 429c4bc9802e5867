/**
 * States of a transcript: the part of its file that is known to be intact.
 *
 * | event                                            | from                 | to                                      |
 * | ------------------------------------------------ | -------------------- | --------------------------------------- |
 * | {@linkcode restored} from a checkpoint           |                      | unwritten, unverified or lost           |
 * | worker created                                   |                      | unwritten                               |
 * | {@linkcode shortened} to the part that is left   | unverified           | unwritten or unverified                 |
 * | file begun with its header                       | unwritten            | ready                                   |
 * | file verified                                    | unverified           | ready                                   |
 * | lines {@linkcode appended}                       | ready                | ready                                   |
 * | file {@linkcode doubted}                         | ready                | unverified                              |
 * | damage found, lines that the log lacks, or too many waiting: {@linkcode lost} | all but purged | lost |
 * | rebuilt from the log                             | lost                 | unverified                              |
 * | worker purged                                    | all                  | purged                                  |
 *
 * A file is in doubt once the log was replayed, before log segments are pruned, and
 * after a write to it failed and could not be undone.
 *
 * @module
 */
import { markOf } from "../log/segment_ends.ts";
import type { WaitingLines } from "../lines/buffer.ts";

/** The first part of a transcript's file. */
export interface TranscriptExtent {
  /** Bytes, including the header; 0 if not even the header is known to exist. */
  readonly bytes: number;
  /** Entries in them and before them, which is the sequence of the last. */
  readonly entries: number;
}

/** The intact part of a transcript's file. */
export interface WholeExtent extends TranscriptExtent {
  /** The event in its last line, or the one that created the worker. */
  readonly lastEventId: number;
}

/** No part of a file. Its entries are those before the file. */
export const NOTHING: TranscriptExtent = Object.freeze({ bytes: 0, entries: 0 });

/** The length of a transcript, as a checkpoint records it. */
export interface TranscriptLength {
  /** The event that created the worker. */
  readonly createdEventId: number;
  /** Bytes of the file that are intact; `undefined` if it must be rebuilt. */
  readonly transcriptBytes: number | undefined;
  /** Entries in them and before them. */
  readonly transcriptLength: number;
  /** Entries before the file; absent if there are none. */
  readonly transcriptBefore?: number | undefined;
  /** The synced part; absent if all of it is synced. Lines after it may be missing after a power cut. */
  readonly transcriptSynced?: TranscriptExtent | undefined;
}

/** A file of known length. */
export interface Written extends TranscriptExtent {
  /**
   * - `unwritten`: no byte is known to be intact; the first flush creates the file.
   * - `unverified`: the file is verified at the next use.
   * - `ready`: it ends at the expected byte, and can be read and appended to.
   */
  readonly kind: "unwritten" | "unverified" | "ready";
  /** Checksum of the last line, if it is known; always of a `ready` file. */
  readonly mark?: string | undefined;
  /** Of an `unverified` file any line of which after this part may have been lost in a power cut: all are verified. */
  readonly synced?: TranscriptExtent | undefined;
}

/**
 * - `lost`: the file is damaged, and must be rebuilt from the log.
 * - `purged`: the worker was purged; only calls that began before refer to this object.
 */
export interface Lost {
  readonly kind: "lost" | "purged";
  /** Entries that the rebuilt file must have at least. */
  readonly entries: number;
}

/** State of a transcript. Lines waiting in memory follow its entries. */
export type TranscriptState = Written | Lost;

/** Returns true for a file that may lack lines which a power cut took. */
export function isUnproven(state: TranscriptState): state is Written & { synced: TranscriptExtent } {
  return state.kind === "unverified" && state.synced !== undefined;
}

/** State according to a checkpoint. */
export function restored(length: TranscriptLength): TranscriptState {
  const { transcriptBytes: bytes, transcriptLength: entries, transcriptSynced: synced } = length;
  if (bytes === undefined) return { kind: "lost", entries };
  if (bytes === 0 || synced === undefined) return shortened({ bytes, entries });
  return { kind: "unverified", bytes, entries, synced };
}

/** State of a file whose intact part is this one, judged by its end. */
export function shortened({ bytes, entries }: TranscriptExtent): Written {
  return bytes === 0 ? { kind: "unwritten", bytes, entries } : { kind: "unverified", bytes, entries };
}

/** State after lines were appended up to byte `bytes`. */
export function appended({ entries, mark }: Written, bytes: number, lines: WaitingLines): Written {
  const { last } = lines;
  return {
    kind: "ready",
    bytes,
    entries: entries + lines.entries,
    mark: last === undefined ? mark : markOf(last),
  };
}

/** State of a file that may have been changed or replaced. */
export function doubted(state: TranscriptState): TranscriptState {
  return state.kind === "ready" ? { ...state, kind: "unverified" } : state;
}

/** State of a file that must be rebuilt, together with lines that were to be appended. */
export function lost(state: TranscriptState, lines: WaitingLines): Lost {
  return { kind: "lost", entries: state.entries + lines.entries };
}

/**
 * Completes a length for a checkpoint with the part that is synced by now.
 * `current` is absent if the transcript is no longer the same worker's. A
 * rebuild keeps the synced part and takes the rest from the log.
 */
export function withSynced(
  length: TranscriptLength,
  current: { readonly state: TranscriptState; readonly synced: TranscriptExtent | undefined } | undefined,
): TranscriptLength {
  const { transcriptBytes: bytes } = length;
  const synced = current?.synced;
  if (current?.state.kind === "lost" || bytes === undefined) {
    return { ...length, transcriptBytes: undefined, transcriptSynced: synced };
  }
  return (synced?.bytes ?? 0) >= bytes ? length : { ...length, transcriptSynced: synced ?? NOTHING };
}

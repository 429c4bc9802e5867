/**
 * States of a transcript: the part of its file that is known to be intact.
 *
 * | event                                            | from                 | to                                      |
 * | ------------------------------------------------ | -------------------- | --------------------------------------- |
 * | {@linkcode restored} from a checkpoint           |                      | unwritten, unproven, unverified or lost |
 * | worker created                                   |                      | unwritten                               |
 * | {@linkcode shortened} to the part that is left   | unproven             | unwritten or unverified                 |
 * | file begun with its header                       | unwritten            | ready                                   |
 * | file verified                                    | unproven, unverified | ready                                   |
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
import type { WaitingLines } from "../lines/waiting_lines.ts";
import { NOTHING, type TranscriptExtent, type TranscriptLength } from "./length.ts";

/** No byte of the file is known to be intact: the first flush creates it. */
export interface Unwritten extends TranscriptExtent {
  readonly kind: "unwritten";
}

/** Any line after `synced` may have been lost in a power cut: all are verified at the first use. */
export interface Unproven extends TranscriptExtent {
  readonly kind: "unproven";
  readonly synced: TranscriptExtent;
}

/** The end of the file is verified at the next use. */
export interface Unverified extends TranscriptExtent {
  readonly kind: "unverified";
  /** Checksum of the last line, if it is known. */
  readonly mark: string | undefined;
}

/** The file ends at the expected byte, and can be read and appended to. */
export interface Ready extends TranscriptExtent {
  readonly kind: "ready";
  /** Checksum of the last line. */
  readonly mark: string;
}

/** The file is damaged, and must be rebuilt from the log. */
export interface Lost {
  readonly kind: "lost";
  /** Entries that the rebuilt file must have at least. */
  readonly entries: number;
}

/** The worker was purged; only calls that began before refer to this object. */
export interface Purged {
  readonly kind: "purged";
  readonly entries: 0;
}

/** State of a transcript. Lines waiting in memory follow its entries. */
export type TranscriptState = Unwritten | Unproven | Unverified | Ready | Lost | Purged;

/** State according to a checkpoint. */
export function restored(length: TranscriptLength): TranscriptState {
  const { transcriptBytes: bytes, transcriptLength: entries, transcriptSynced: synced } = length;
  if (bytes === undefined) return { kind: "lost", entries };
  if (bytes === 0 || synced === undefined) return shortened({ bytes, entries });
  return { kind: "unproven", bytes, entries, synced };
}

/** State of a file whose intact part is this one, judged by its end. */
export function shortened({ bytes, entries }: TranscriptExtent): Unwritten | Unverified {
  return bytes === 0
    ? { kind: "unwritten", ...NOTHING }
    : { kind: "unverified", bytes, entries, mark: undefined };
}

/** State after lines were appended up to byte `bytes`. */
export function appended({ entries, mark }: Ready, bytes: number, lines: WaitingLines): Ready {
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

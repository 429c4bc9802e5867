/**
 * Findings of a verification, and its verdict.
 *
 * @module
 */
import type { FileSpot } from "../../core/errors.ts";
import { ifCorrupt } from "../../fs/disk/faults.ts";

/** The closed set of findings. */
export type FindingCode =
  /** `runtime.json` is missing or damaged. */
  | "identity_damaged"
  /** An import was interrupted; it has to be run again. */
  | "unfinished_import"
  /** A repair was interrupted before it recorded which events it loses; the next opening does. */
  | "salvage_unrecorded"
  /** `config.jsonc` is invalid; the store cannot be opened until it is corrected. */
  | "config_invalid"
  /** The path of a file or directory of the store is of another kind: a FIFO, a link, a directory. */
  | "wrong_kind"
  /** A line of the log is damaged, and the events in it are lost. */
  | "log_damaged"
  /** Events are missing between two segments, or before the first. */
  | "log_gap"
  /** An event contradicts the events before it. */
  | "log_inconsistent"
  /** The log ends before an event that a checkpoint covers: an older copy. */
  | "log_behind_checkpoint"
  /** The log ends before an event in a transcript: its end was truncated, or it is an older copy. */
  | "log_behind_transcript"
  /** Bytes at the end of the log that were never acknowledged. */
  | "torn_tail"
  /** A segment whose creation never finished. */
  | "unfinished_segment"
  /** A write is in progress at the end of the log. */
  | "tail_pending"
  /** Events of types that this version does not know. */
  | "event_unknown"
  /** A checkpoint is damaged. */
  | "checkpoint_damaged"
  /** A checkpoint contradicts the log. */
  | "checkpoint_mismatch"
  /** A transcript is missing. */
  | "transcript_missing"
  /** A transcript contradicts the log, or is of another worker. */
  | "transcript_damaged"
  /** A transcript lacks the latest lines of the log. */
  | "transcript_behind"
  /** A blob that an entry refers to is missing. */
  | "blob_missing"
  /** The file of a blob does not hold its bytes. */
  | "blob_damaged"
  /** Blobs that no entry refers to. */
  | "blob_unreferenced"
  /** A projection is missing. */
  | "projection_missing"
  /** A projection is damaged. */
  | "projection_damaged"
  /** A projection is not current. */
  | "projection_behind"
  /** A projection contradicts the log. */
  | "projection_mismatch"
  /** An entry that is not a file of the store. */
  | "foreign_entry"
  /** A temporary file of a crash or of an active writer. */
  | "temporary_left"
  /** Bytes that were truncated or replaced earlier are kept. */
  | "quarantine_kept";

/**
 * Severity of a finding. `info`: nothing is wrong. `pending`: a writer has not
 * finished it, or was interrupted; the next opening completes it.
 * `healable`: can be repaired without loss, by the next opening or by `repair`.
 * `damaged`: acknowledged data is lost, or the store cannot be opened.
 */
export type FindingSeverity = "info" | "pending" | "healable" | "damaged";

/** A finding of a verification. Plain JSON. */
export interface Finding extends Partial<FileSpot> {
  /** Code of the finding. */
  readonly code: FindingCode;
  /** Its severity. */
  readonly severity: FindingSeverity;
  /** Description. */
  readonly message: string;
  /** The worker concerned. */
  readonly workerId?: string;
}

/** Place of a finding. */
export type FindingSpot = {
  readonly [Name in "file" | "byteOffset" | "eventIds" | "workerId"]?: Finding[Name] | undefined;
};

/** Verdict of a verification. */
export type Verdict = "clean" | "healable" | "damaged";

/** Findings kept; further ones are counted. */
export const FINDINGS_MAX = 1_000;

/** Pending findings kept of each code. */
const PENDING_KEPT = 3;

/** A bounded list of findings. */
export class Findings {
  /** The findings kept, in the order they were made. */
  readonly items: Finding[] = [];
  /** Findings by code, including those that are not kept. */
  readonly counts: Partial<Record<FindingCode, number>> = {};
  /** Findings that are not kept. */
  dropped = 0;
  /** The verdict. */
  verdict: Verdict = "clean";

  /** Adds a finding. Members of the spot may be undefined. */
  add(code: FindingCode, severity: FindingSeverity, message: string, spot: FindingSpot = {}): void {
    const count = (this.counts[code] ?? 0) + 1;
    this.counts[code] = count;
    if (severity === "damaged") this.verdict = "damaged";
    else if (severity === "healable" && this.verdict === "clean") this.verdict = "healable";
    // An active writer may leave any number of files unfinished.
    const isNoise = severity === "pending" && count > PENDING_KEPT;
    // Damage has priority.
    const room = severity === "damaged" ? 2 * FINDINGS_MAX : FINDINGS_MAX;
    if (isNoise || this.items.length >= room) this.dropped++;
    else this.items.push({ code, severity, message, ...withoutUndefined(spot) });
  }

  /** Runs `work`. If it throws `store_corrupt`, adds a finding with its message and returns `otherwise`. */
  ifCorrupt<T>(
    code: FindingCode,
    severity: FindingSeverity,
    spot: FindingSpot,
    otherwise: T,
    work: () => T,
  ): T {
    return ifCorrupt(work, ({ message }) => {
      this.add(code, severity, message, spot);
      return otherwise;
    });
  }
}

function withoutUndefined(spot: FindingSpot): Partial<Finding> {
  return Object.fromEntries(Object.entries(spot).filter(([, value]) => value !== undefined));
}

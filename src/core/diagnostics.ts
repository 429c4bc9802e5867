/**
 * Diagnostics: problems that a runtime or store recovered from, as data. Problems
 * that it could not recover from are errors.
 *
 * @module
 */
import { Clock } from "./clock.ts";
import type { FileSpot } from "./errors.ts";
import { callHost, textOf } from "./injected.ts";
import { limits } from "./limits.ts";

/** The closed set of diagnostic codes. */
export type DiagnosticCode =
  /** The last writer did not close the store; its log was checked and taken over. */
  | "unclean_open"
  /** Bytes after the last whole event were moved to quarantine: a write that was never acknowledged. */
  | "torn_tail_cut"
  /**
   * With durability `written`, a power cut lost the end of the log; transcript
   * lines of lost events were moved to quarantine.
   */
  | "unsynced_events_lost"
  /** A segment whose creation did not finish was moved to quarantine. */
  | "unfinished_segment_removed"
  /** An interrupted creation of the store was completed. */
  | "unfinished_store_completed"
  /** A temporary file left by a crash was removed. */
  | "temporary_removed"
  /** The newest checkpoint was missing or damaged; the one before it or the log was used instead. */
  | "checkpoint_unusable"
  /** A checkpoint could not be written; appends continue, and a later attempt follows. */
  | "checkpoint_failed"
  /** A worker file or the overview was missing, damaged or out of date, and was rewritten. */
  | "projection_rebuilt"
  /** A projection could not be written; it is retried. */
  | "projection_failed"
  /** A transcript was missing or damaged and was rebuilt from the log. */
  | "transcript_rebuilt"
  /** A power cut lost transcript lines that were not synced; they were restored from the log. */
  | "transcript_completed"
  /** The store's directory contains a file or directory that is not the store's. */
  | "foreign_entry"
  /** Older bytes were dropped from quarantine to keep it within its bounds. */
  | "quarantine_dropped"
  /** The file system does not number files reliably: moving or replacing an open store may go undetected. */
  | "path_identity_unavailable"
  /** One sync took longer than a second. */
  | "slow_sync"
  /** A command or a sync failed; its caller received a typed error. */
  | "append_failed"
  /** The store lost its path or its ownership; nothing more is written until it is reopened. */
  | "store_lost"
  /** Usage reached a bound: models are counted as `other`, or a sum stays at the largest exact integer. */
  | "usage_bounded"
  /** `onDiagnostic` threw or rejected; diagnostics are recorded regardless. */
  | "listener_failed"
  /** A run that was open when the last process ended was closed. */
  | "run_interrupted"
  /** The log holds events of a type that this version does not know; they are kept. */
  | "unknown_event"
  /** Closing could not write its last event or checkpoint; acknowledged data is safe. */
  | "close_incomplete";

/** A diagnostic before it has an id and a time. */
export interface Notice extends Partial<FileSpot> {
  /** Diagnostic code. */
  readonly code: DiagnosticCode;
  /** Severity. */
  readonly severity: "info" | "warning" | "error";
  /** Message for people. */
  readonly message: string;
  /** The worker concerned. */
  readonly workerId?: string;
}

/** A diagnostic as the runtime reports it. Plain JSON. */
export interface Diagnostic extends Notice {
  /** 1, 2, 3 ... per open runtime. */
  readonly id: number;
  /** Time of detection, ISO 8601. */
  readonly at: string;
}

/** The diagnostics kept, and the number of older ones dropped. */
export interface DiagnosticReport {
  /** Oldest first. */
  readonly items: readonly Diagnostic[];
  /** Number of older diagnostics that were dropped. */
  readonly dropped: number;
}

/** A bounded list of diagnostics, which are also passed to a listener. */
export class DiagnosticLog {
  readonly #clock: Clock;
  readonly #listener: ((diagnostic: Diagnostic) => unknown) | undefined;
  readonly #items: Diagnostic[] = [];
  #count = 0;
  #hasListenerFailed = false;

  /** Creates an empty list. */
  constructor(now: () => number, listener: ((diagnostic: Diagnostic) => void) | undefined) {
    this.#clock = new Clock(now);
    this.#listener = listener;
  }

  /** Adds a diagnostic; beyond the bound, the oldest is dropped. Never throws. */
  add(notice: Notice): void {
    const diagnostic = this.#keep(notice);
    try {
      const answer = callHost("report diagnostic", "onDiagnostic", () => this.#listener?.(diagnostic));
      if (answer instanceof Promise) answer.catch((error) => this.#listenerFailed(error));
    } catch (error) {
      this.#listenerFailed(error);
    }
  }

  /** Returns the diagnostics kept. */
  report(): DiagnosticReport {
    return { items: [...this.#items], dropped: this.#count - this.#items.length };
  }

  #keep(notice: Notice): Diagnostic {
    const diagnostic = { id: ++this.#count, at: this.#clock.nowOrSystem(), ...notice };
    this.#items.push(diagnostic);
    if (this.#items.length > limits.diagnosticsKept) this.#items.shift();
    return diagnostic;
  }

  /** A bug in the listener must not fail a commit or end the process. Recorded once, and not sent to the listener. */
  #listenerFailed(error: unknown): void {
    if (this.#hasListenerFailed) return;
    this.#hasListenerFailed = true;
    const message = `onDiagnostic failed: ${textOf(error)}`;
    this.#keep({ code: "listener_failed", severity: "error", message });
  }
}

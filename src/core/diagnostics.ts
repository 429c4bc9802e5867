/**
 * Diagnostics: what a runtime or store noticed and coped with, as data. What
 * it could not cope with is an error instead.
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
  /** Bytes behind the last whole event were set aside: a write that was never acknowledged. */
  | "torn_tail_cut"
  /** With durability `written`, a power cut took the end of the log; what transcripts held of it was set aside. */
  | "unsynced_events_lost"
  /** A segment whose creation was never finished was set aside. */
  | "unfinished_segment_removed"
  /** A creation of the store itself that never finished was finished. */
  | "unfinished_store_completed"
  /** A temporary file that a crash left behind was removed. */
  | "temporary_removed"
  /** The newest checkpoint was missing or damaged; the one before it or the log served instead. */
  | "checkpoint_unusable"
  /** A checkpoint could not be written; the log goes on and the next one is tried later. */
  | "checkpoint_failed"
  /** A worker file or the overview was missing, damaged or not current, and was written anew. */
  | "projection_rebuilt"
  /** A projection could not be written; it is tried again. */
  | "projection_failed"
  /** A transcript was missing or damaged and was rebuilt from the log. */
  | "transcript_rebuilt"
  /** A power cut took lines of transcripts that were not synced yet; they came back from the log. */
  | "transcript_completed"
  /** A file or directory that is none of the store's lies in its place. */
  | "foreign_entry"
  /** Older bytes were dropped from quarantine to keep it within its bounds. */
  | "quarantine_dropped"
  /** The file system does not number files reliably: a store moved or replaced while open may go unnoticed. */
  | "path_identity_unavailable"
  /** One sync took longer than a second. */
  | "slow_sync"
  /** A command or a sync met an error that was answered with a typed error. */
  | "append_failed"
  /** The store lost its place or its ownership; nothing more is written until it is reopened. */
  | "store_lost"
  /** Usage reached a bound: models are counted as `other`, or a sum stays at the largest exact integer. */
  | "usage_bounded"
  /** `onDiagnostic` threw or rejected; diagnostics are kept regardless. */
  | "listener_failed"
  /** A run that was open when the last process ended was closed. */
  | "run_interrupted"
  /** The log holds events of a type that this version does not know; they are kept. */
  | "unknown_event"
  /** Closing could not write its last event or checkpoint; acknowledged data is safe. */
  | "close_incomplete";

/** What was noticed, before it is numbered. */
export interface Notice extends Partial<FileSpot> {
  /** The kind of finding. */
  readonly code: DiagnosticCode;
  /** How much it matters. */
  readonly severity: "info" | "warning" | "error";
  /** For people. */
  readonly message: string;
  /** The worker concerned. */
  readonly workerId?: string;
}

/** A finding as the runtime reports it. Plain JSON. */
export interface Diagnostic extends Notice {
  /** 1, 2, 3 ... per open runtime. */
  readonly id: number;
  /** When, ISO 8601. */
  readonly at: string;
}

/** The findings kept, and how many older ones were dropped. */
export interface DiagnosticReport {
  /** Oldest first. */
  readonly items: readonly Diagnostic[];
  /** Older findings that are no longer kept. */
  readonly dropped: number;
}

/** A bounded list of findings, which also go to a listener. */
export class DiagnosticLog {
  readonly #clock: Clock;
  readonly #listener: ((diagnostic: Diagnostic) => unknown) | undefined;
  readonly #items: Diagnostic[] = [];
  #count = 0;
  #hasListenerFailed = false;

  /** Makes an empty list. */
  constructor(now: () => number, listener: ((diagnostic: Diagnostic) => void) | undefined) {
    this.#clock = new Clock(now);
    this.#listener = listener;
  }

  /** Adds a finding; the oldest is dropped past the bound. Never throws. */
  add(notice: Notice): void {
    const diagnostic = this.#keep(notice);
    try {
      const answer = callHost("report diagnostic", "onDiagnostic", () => this.#listener?.(diagnostic));
      if (answer instanceof Promise) answer.catch((error) => this.#listenerFailed(error));
    } catch (error) {
      this.#listenerFailed(error);
    }
  }

  /** The findings kept. */
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

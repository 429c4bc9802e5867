/**
 * Conduct of a search: its pauses, its end by a signal, and its findings.
 *
 * @module
 */
import type { RuntimeError } from "../../core/errors.ts";
import type { WorkerId } from "../../core/ids.ts";
import { Slices } from "../../core/turn.ts";
import type { Finding, FindingCode } from "../verify/finding.ts";

/** Conduct of one search. */
export class Conduct {
  readonly #signal: AbortSignal | undefined;
  readonly #onFinding: ((finding: Finding) => void) | undefined;
  readonly #slices = new Slices();

  /** A search that may be aborted. */
  constructor(signal: AbortSignal | undefined, onFinding: ((finding: Finding) => void) | undefined) {
    this.#signal = signal;
    this.#onFinding = onFinding;
  }

  /** Lets other work run. Throws the reason of an aborted signal. */
  async pause(): Promise<void> {
    await this.#slices.pause();
    this.#signal?.throwIfAborted();
  }

  /** Reports damage that hides no entry from the search. */
  note(finding: Omit<Finding, "severity">): void {
    this.#onFinding?.({ severity: "healable", ...finding });
  }

  /** Reports an error that hides entries. Throws it if nobody receives reports. */
  damage(error: RuntimeError, code: FindingCode, workerId?: WorkerId): void {
    if (this.#onFinding === undefined) throw error;
    const { message, details } = error;
    const { file = "", byteOffset, eventIds } = details as Partial<Finding>;
    this.#onFinding({
      code,
      severity: "damaged",
      message,
      ...(workerId === undefined ? {} : { workerId }),
      ...(file === "" ? {} : { file }),
      ...(byteOffset === undefined ? {} : { byteOffset }),
      ...(eventIds === undefined ? {} : { eventIds }),
    });
  }
}

/**
 * Syncs, on this thread while the device answers faster than a thread pool
 * could, off it otherwise.
 *
 * @module
 */
import type { OpenFile } from "./file_system.ts";

/** Syncs that take longer on average leave the event loop alone. */
const INLINE_MS_MAX = 0.5;
/** How many syncs go off this thread before one is tried on it again. */
const OFF_THREAD_MAX = 32;
/** A device this slow is not tried on this thread. */
const TRY_MS_MAX = 5;
/** A sync of this length is worth telling. */
const SLOW_MS = 1_000;
/** Weight of the newest sync in the moving average. */
const WEIGHT = 0.1;

/** Measures syncs and chooses how to do the next one. */
export class SyncClock {
  readonly #slow: (durationMs: number) => void;
  readonly #now: () => number;
  /** How long a sync on this thread takes, on average. */
  #averageMs = 0;
  /** Syncs off this thread since the last one on it. */
  #offThread = 0;
  #lastMs = 0;

  /** A clock that tells of syncs longer than a second. */
  constructor(slow: (durationMs: number) => void, now: () => number = () => performance.now()) {
    this.#slow = slow;
    this.#now = now;
  }

  /** Syncs the data of a file. */
  async sync(file: OpenFile): Promise<void> {
    const startedAt = this.#now();
    const inline = this.#isInline();
    if (inline) file.syncDataNow();
    else await file.syncData();
    this.#lastMs = this.#now() - startedAt;
    if (inline) this.#noteInline(this.#lastMs);
    else this.#offThread++;
    if (this.#lastMs >= SLOW_MS) this.#slow(this.#lastMs);
  }

  /** A sync off this thread takes as long as the event loop is busy: only one on it tells how fast the device is. */
  #isInline(): boolean {
    if (this.#averageMs < INLINE_MS_MAX) return true;
    return this.#offThread >= OFF_THREAD_MAX && this.#lastMs < TRY_MS_MAX;
  }

  #noteInline(durationMs: number): void {
    const isFastAgain = this.#offThread > 0 && durationMs < INLINE_MS_MAX;
    this.#averageMs = isFastAgain ? durationMs : this.#averageMs + (durationMs - this.#averageMs) * WEIGHT;
    this.#offThread = 0;
  }
}

/**
 * Syncs files: on this thread while the device is faster than a thread pool,
 * otherwise off it.
 *
 * @module
 */
import type { OpenFile } from "../disk/file_system.ts";

/** Syncs that take longer on average must not block the event loop. */
const INLINE_MS_MAX = 1;
/** Syncs off this thread before some are tried on it again. */
const OFF_THREAD_MAX = 32;
/** Number of these tries: a single one may be slow by chance. */
const TRIES = 3;
/** A device this slow is not tried on this thread. A single sync counts for no more, because it may be an outlier. */
const TRY_MS_MAX = 5;
/** Syncs of this duration are reported. */
const SLOW_MS = 1_000;
/** Weight of the newest sync in the moving average. */
const WEIGHT = 0.1;

/** Measures syncs and chooses the thread of the next one. */
export class SyncClock {
  readonly #slow: (durationMs: number) => void;
  readonly #now: () => number;
  /** Average duration of a sync on this thread. */
  #averageMs = 0;
  /** Syncs off this thread since the last tries; those past a bound are tries. */
  #sinceSlow = 0;
  #lastMs = 0;

  /** A clock that reports slow syncs. */
  constructor(slow: (durationMs: number) => void, now: () => number = () => performance.now()) {
    this.#slow = slow;
    this.#now = now;
  }

  /** Syncs the data of a file. */
  async sync(file: OpenFile): Promise<void> {
    const startedAt = this.#now();
    const isTry = this.#averageMs >= INLINE_MS_MAX;
    const inline = !isTry || this.#mayTry();
    if (inline) file.syncDataNow();
    else await file.syncData();
    const durationMs = this.#lastMs = this.#now() - startedAt;
    if (!isTry) this.#averageMs += (Math.min(durationMs, TRY_MS_MAX) - this.#averageMs) * WEIGHT;
    else if (inline && durationMs < INLINE_MS_MAX) this.#averageMs = durationMs;
    if (durationMs >= SLOW_MS) this.#slow(durationMs);
  }

  /** The duration of a sync off this thread includes that of a busy event loop, so only one on it measures the device. */
  #mayTry(): boolean {
    this.#sinceSlow = (this.#sinceSlow + 1) % (OFF_THREAD_MAX + TRIES);
    return this.#sinceSlow >= OFF_THREAD_MAX && this.#lastMs < TRY_MS_MAX;
  }
}

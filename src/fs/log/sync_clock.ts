/**
 * Syncs, on this thread while the device answers faster than a thread pool
 * could, off it otherwise.
 *
 * @module
 */
import type { OpenFile } from "../disk/file_system.ts";

/** Syncs that take longer on average leave the event loop alone. */
const INLINE_MS_MAX = 1;
/** How many syncs go off this thread before some are tried on it again. */
const OFF_THREAD_MAX = 32;
/** How many are tried: one alone may be slow for reasons of its own. */
const TRIES = 3;
/** A device this slow is not tried on this thread; a single sync counts for no more, it may be a hiccup. */
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
  /** Syncs since they went off this thread; those past a bound are tries. */
  #sinceSlow = 0;
  #lastMs = 0;

  /** A clock that tells of syncs longer than a second. */
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

  /** A sync off this thread takes as long as the event loop is busy: only one on it tells how fast the device is. */
  #mayTry(): boolean {
    this.#sinceSlow = (this.#sinceSlow + 1) % (OFF_THREAD_MAX + TRIES);
    return this.#sinceSlow >= OFF_THREAD_MAX && this.#lastMs < TRY_MS_MAX;
  }
}

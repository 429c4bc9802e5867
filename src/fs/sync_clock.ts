/**
 * Syncs, on this thread while the device answers faster than a thread pool
 * could, off it otherwise.
 *
 * @module
 */
import type { OpenFile } from "./file_system.ts";

/** Syncs that take longer on average leave the event loop alone. */
const INLINE_MS_MAX = 0.3;
/** A sync of this length is worth telling. */
const SLOW_MS = 1_000;
/** Weight of the newest sync in the moving average. */
const WEIGHT = 0.1;

/** Measures syncs and chooses how to do the next one. */
export class SyncClock {
  readonly #slow: (durationMs: number) => void;
  readonly #now: () => number;
  #averageMs = 0;

  /** A clock that tells of syncs longer than a second. */
  constructor(slow: (durationMs: number) => void, now: () => number = () => performance.now()) {
    this.#slow = slow;
    this.#now = now;
  }

  /** Syncs the data of a file. */
  async sync(file: OpenFile): Promise<void> {
    const startedAt = this.#now();
    if (this.#averageMs < INLINE_MS_MAX) file.syncDataNow();
    else await file.syncData();
    const durationMs = this.#now() - startedAt;
    this.#averageMs += (durationMs - this.#averageMs) * WEIGHT;
    if (durationMs >= SLOW_MS) this.#slow(durationMs);
  }
}

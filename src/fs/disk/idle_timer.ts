/**
 * A timer for work that can wait until the store is idle.
 *
 * @module
 */

/** Quiet time before the work is done, in milliseconds. */
const QUIET_MS = 1_000;

/** Calls `work` once a second has passed since the last touch. Never keeps the process alive. */
export class IdleTimer {
  readonly #work: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #touchedAt = 0;
  #stopped = false;

  /** Creates a timer that is not running yet. */
  constructor(work: () => void) {
    this.#work = work;
  }

  /** Restarts the timer. */
  touch(): void {
    this.#touchedAt = performance.now();
    if (this.#timer === undefined && !this.#stopped) this.#wait(QUIET_MS);
  }

  /** Stops the timer for good. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      const quietMs = performance.now() - this.#touchedAt;
      if (quietMs < QUIET_MS) return this.#wait(QUIET_MS - quietMs);
      this.#timer = undefined;
      this.#work();
    }, ms);
    Deno.unrefTimer(this.#timer);
  }
}

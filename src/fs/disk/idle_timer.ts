/**
 * A timer for work that can wait until nothing else is going on.
 *
 * @module
 */

/** Quiet time before the work is done, in milliseconds. */
const QUIET_MS = 1_000;

/** Calls `work` once it has been quiet for a second after the last touch. Never keeps the process alive. */
export class IdleTimer {
  readonly #work: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #touchedAt = 0;
  #stopped = false;

  /** A timer that does not run yet. */
  constructor(work: () => void) {
    this.#work = work;
  }

  /** Something happened. */
  touch(): void {
    this.#touchedAt = performance.now();
    if (this.#timer === undefined && !this.#stopped) this.#wait(QUIET_MS);
  }

  /** No more calls. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    const timer = setTimeout(() => this.#due(), ms);
    Deno.unrefTimer(timer);
    this.#timer = timer;
  }

  #due(): void {
    const quietMs = performance.now() - this.#touchedAt;
    if (quietMs < QUIET_MS) return this.#wait(QUIET_MS - quietMs);
    this.#timer = undefined;
    this.#work();
  }
}

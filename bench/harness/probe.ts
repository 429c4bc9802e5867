/**
 * How long the event loop stands still: a timer that should fire every
 * millisecond, and the longest it was late.
 *
 * @module
 */

const INTERVAL_MS = 1;

/** Watches the event loop until it is stopped. */
export class StallProbe {
  #longestMs = 0;
  #lastAt = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Starts watching. */
  constructor() {
    this.#next();
  }

  /** Stops; tells the longest stall in milliseconds. */
  stop(): number {
    clearTimeout(this.#timer);
    this.#look();
    return this.#longestMs;
  }

  #next(): void {
    this.#timer = setTimeout(() => {
      this.#look();
      this.#next();
    }, INTERVAL_MS);
  }

  #look(): void {
    const at = performance.now();
    this.#longestMs = Math.max(this.#longestMs, at - this.#lastAt - INTERVAL_MS);
    this.#lastAt = at;
  }
}

/** The longest stall while `work` is done. */
export async function longestStall(work: () => Promise<unknown>): Promise<number> {
  const probe = new StallProbe();
  await work();
  return probe.stop();
}

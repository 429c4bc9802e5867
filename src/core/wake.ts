/**
 * A wake-up call for watchers: no queue, only the news that there is news.
 *
 * @module
 */

/** Calls everybody who listens. */
export class WakeUp {
  readonly #callbacks = new Set<() => void>();

  /** Number of listeners. */
  get size(): number {
    return this.#callbacks.size;
  }

  /** Adds a listener; it must not throw. */
  add(callback: () => void): void {
    this.#callbacks.add(callback);
  }

  /** Removes a listener. */
  remove(callback: () => void): void {
    this.#callbacks.delete(callback);
  }

  /** Calls everybody who listens now. */
  wake(): void {
    for (const callback of [...this.#callbacks]) callback();
  }
}

/**
 * A wake-up call for watchers, without a queue.
 *
 * @module
 */

/** A set of listeners to call. */
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

  /** Calls the current listeners. */
  wake(): void {
    for (const callback of [...this.#callbacks]) callback();
  }
}

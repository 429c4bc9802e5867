/**
 * A wake-up call for watchers, without a queue.
 *
 * @module
 */

/** A set of listeners to call. */
export class WakeUp {
  readonly #callbacks = new Set<(failure?: unknown) => void>();
  readonly #changed: (count: number) => void;

  /** An empty set; `changed` receives the number of listeners whenever it changes. */
  constructor(changed: (count: number) => void = () => {}) {
    this.#changed = changed;
  }

  /** Number of listeners. */
  get size(): number {
    return this.#callbacks.size;
  }

  /** Adds a listener; it must not throw. */
  add(callback: (failure?: unknown) => void): void {
    this.#callbacks.add(callback);
    this.#changed(this.size);
  }

  /** Removes a listener. */
  remove(callback: (failure?: unknown) => void): void {
    this.#callbacks.delete(callback);
    this.#changed(this.size);
  }

  /** Calls the current listeners, with the error that ends them, if there is one. */
  wake(failure?: unknown): void {
    for (const callback of [...this.#callbacks]) callback(failure);
  }
}

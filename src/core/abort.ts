/**
 * Listening for the abort of a signal. Any number of commands and watches
 * share one listener per signal: Node warns about a leak from the eleventh on.
 *
 * @module
 */

class Listener {
  readonly callbacks = new Set<() => void>();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort);
    listeners.set(signal, this);
  }

  remove(callback: () => void): void {
    if (this.callbacks.delete(callback) && this.callbacks.size === 0) this.#stop();
  }

  readonly #onAbort = (): void => {
    this.#stop();
    for (const callback of this.callbacks) callback();
  };

  #stop(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
    listeners.delete(this.#signal);
  }
}

const listeners = new WeakMap<AbortSignal, Listener>();

/** Calls `callback` once when `signal` aborts. Returns a function that stops listening. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const listener = listeners.get(signal) ?? new Listener(signal);
  listener.callbacks.add(callback);
  return () => listener.remove(callback);
}

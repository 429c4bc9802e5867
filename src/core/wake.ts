/**
 * A wake-up call for watchers: no queue, only the news that there is news.
 *
 * @module
 */

/** Wakes everybody who waits. */
export class WakeUp {
  #next = Promise.withResolvers<void>();

  /** Resolves at the next call of {@linkcode wake}. Take it before looking, so that nothing is missed. */
  get next(): Promise<void> {
    return this.#next.promise;
  }

  /** Wakes everybody who waits now. */
  wake(): void {
    const { resolve } = this.#next;
    this.#next = Promise.withResolvers<void>();
    resolve();
  }
}

/** Waits for `wake`, or until `signal` aborts; leaves no listener behind. */
export async function wakeOrAbort(wake: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await wake;
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = () => resolve();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.race([wake, promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

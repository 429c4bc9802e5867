/**
 * A wake-up call for watchers: no queue, only the news that there is news.
 *
 * @module
 */

/** Wakes everybody who waits. */
export class WakeUp {
  #next = settledLater();

  /** Resolves at the next call of {@linkcode wake}. Take it before looking, so that nothing is missed. */
  get next(): Promise<void> {
    return this.#next.promise;
  }

  /** Wakes everybody who waits now. */
  wake(): void {
    const { resolve } = this.#next;
    this.#next = settledLater();
    resolve();
  }
}

/** What `Promise.withResolvers` gives, which Node 20 does not have yet. */
function settledLater(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => resolve = settle);
  return { promise, resolve };
}

/** Waits for `wake`, or until `signal` aborts; leaves no listener behind. */
export async function wakeOrAbort(wake: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await wake;
  if (signal.aborted) return;
  const aborted = settledLater();
  signal.addEventListener("abort", aborted.resolve, { once: true });
  try {
    await Promise.race([wake, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", aborted.resolve);
  }
}

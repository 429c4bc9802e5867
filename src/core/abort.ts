/**
 * Listening for the abort of a signal. Any number of commands and watches
 * share one listener per signal: Node warns about a leak from the eleventh on.
 *
 * @module
 */

import { WakeUp } from "./wake.ts";

const shared = new WeakMap<AbortSignal, WakeUp>();

/** Calls `callback` once when `signal` aborts. Returns a function that stops listening. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const callbacks = shared.get(signal) ?? listen(signal);
  callbacks.add(callback);
  return () => callbacks.remove(callback);
}

function listen(signal: AbortSignal): WakeUp {
  const callbacks = new WakeUp((count) => {
    if (count === 0) stop();
  });
  const stop = (): void => {
    signal.removeEventListener("abort", onAborted);
    shared.delete(signal);
  };
  const onAborted = (): void => {
    stop();
    callbacks.wake();
  };
  signal.addEventListener("abort", onAborted);
  shared.set(signal, callbacks);
  return callbacks;
}

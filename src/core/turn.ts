/**
 * Turns of the event loop. A commit in a microtask would starve timers and
 * requests, so it waits for the turn to end.
 *
 * @module
 */

const immediate: unknown = Reflect.get(globalThis, "setImmediate");

/** Resolves after the current turn, when I/O and timers had their chance. */
export const afterThisTurn: () => Promise<void> = typeof immediate === "function"
  ? () => new Promise((resolve) => immediate(resolve))
  : turnsByMessage();

/** For browsers: a timer of 0 ms waits for 4 there, and for a second in a tab that nobody looks at. */
function turnsByMessage(): () => Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      port2.postMessage(null);
    });
}

/** Time a piece of background work may hold the event loop, in milliseconds. */
const SLICE_MS = 1;

/** Background work in slices: `pause` gives the event loop a turn when the slice is used up. */
export class Slices {
  #startedAt = performance.now();

  /** Lets the event loop turn if this slice is used up. */
  async pause(): Promise<void> {
    if (performance.now() - this.#startedAt < SLICE_MS) return;
    await afterThisTurn();
    this.#startedAt = performance.now();
  }
}

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

/**
 * Background work in slices: `pause` gives the event loop a turn when the
 * slice is used up. Where several go on side by side, each of them asks right
 * before it works, `while (slices.isUsedUp) await slices.next()`: behind an
 * `await pause()` the others have their turn first, and all would work at once.
 */
export class Slices {
  #startedAt = performance.now();
  #next: Promise<void> | undefined;

  /** Whether there is no more to this slice. */
  get isUsedUp(): boolean {
    return performance.now() - this.#startedAt >= SLICE_MS;
  }

  /** Lets the event loop turn if this slice is used up. */
  async pause(): Promise<void> {
    if (this.isUsedUp) await this.next();
  }

  /** The next slice, in the next turn. Those who wait for it share it. */
  next(): Promise<void> {
    return this.#next ??= afterThisTurn().then(() => {
      this.#startedAt = performance.now();
      this.#next = undefined;
    });
  }
}

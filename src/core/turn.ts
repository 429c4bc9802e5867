/**
 * Turns of the event loop. A commit in a microtask would starve timers and
 * requests, so it waits for the turn to end.
 *
 * @module
 */

const immediate: unknown = Reflect.get(globalThis, "setImmediate");

/** Resolves after the current turn, once I/O and timers have run. */
export const afterThisTurn: () => Promise<void> = typeof immediate === "function"
  ? () => new Promise((resolve) => immediate(resolve))
  : turnsByMessage();

/** For browsers: a timer of 0 ms takes 4 ms there, and a second in a background tab. */
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

/** Longest time that background work may block the event loop, in milliseconds. */
const SLICE_MS = 1;

/**
 * Background work in slices: `pause` yields to the event loop when the slice is
 * used up. If several tasks run concurrently, each must check right before it
 * works, `while (slices.isUsedUp) await slices.next()`: after `await pause()` all
 * of them would resume in the same turn.
 */
export class Slices {
  #startedAt = performance.now();
  #next: Promise<void> | undefined;

  /** True when the slice is used up. */
  get isUsedUp(): boolean {
    return performance.now() - this.#startedAt >= SLICE_MS;
  }

  /** Yields to the event loop if this slice is used up. */
  async pause(): Promise<void> {
    if (this.isUsedUp) await this.next();
  }

  /** Waits for the next slice, in the next turn. All waiting tasks share it. */
  next(): Promise<void> {
    return this.#next ??= afterThisTurn().then(() => {
      this.#startedAt = performance.now();
      this.#next = undefined;
    });
  }
}

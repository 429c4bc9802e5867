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
  : () => new Promise((resolve) => setTimeout(resolve, 0));

/** Time a piece of background work may hold the event loop, in milliseconds. */
const SLICE_MS = 2;

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

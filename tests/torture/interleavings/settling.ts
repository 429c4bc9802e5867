/**
 * Runs a scheduler until something is done.
 *
 * @module
 */
import type * as fc from "fast-check";
import { setImmediate } from "node:timers";

/** Turns of the event loop without anything to schedule, after which nothing more is expected. */
const IDLE_TURNS_MAX = 3_000;
/** Turns after which each takes some milliseconds: other threads, which hash bytes, may need the time. */
const QUICK_TURNS = 1_000;

/** Runs what is scheduled, in the scheduler's order, until `promise` settles. Throws when it never does. */
export async function settled<T>(scheduler: fc.Scheduler, promise: Promise<T>): Promise<T> {
  let done = false;
  const watched = promise.finally(() => done = true);
  watched.catch(() => {});
  for (let idle = 0; !done && idle < IDLE_TURNS_MAX; idle++) {
    await new Promise<void>((resolve) => {
      if (idle < QUICK_TURNS) setImmediate(() => resolve());
      else setTimeout(() => resolve(), 5);
    });
    if (scheduler.count() === 0) continue;
    await scheduler.waitOne();
    idle = 0;
  }
  if (!done) throw new Error("It never ends");
  return await watched;
}

/** Throws unless it holds. */
export function need(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

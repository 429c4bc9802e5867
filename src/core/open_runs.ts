/**
 * The open runs of a process, and the callers that wait for their end.
 *
 * @module
 */
import { onAbort } from "./abort.ts";
import type { EventHead } from "./event_types.ts";

/** The open run of a worker in this process. */
interface Open {
  readonly runId: string;
  /** The event that began the run, which identifies it even if run ids repeat. */
  readonly eventId: number;
  readonly at: string;
  readonly controller: AbortController;
}

/** The runs begun by this process, and the callers that wait for their end. A run begins and ends with its events. */
export class OpenRuns {
  readonly #open = new Map<string, Open>();
  /** Callers that wait for the end of a worker's run, in order. */
  readonly #waiting = new Map<string, (() => void)[]>();
  /** The abort reason of all signals once no run can be open. */
  #ended: unknown;

  /** Applies a durable event, in the order of the log. */
  apply(event: EventHead): void {
    if (event.type === "runtime.retired") this.endAll(ended("was cancelled: the runtime was retired"));
    if (event.type !== "worker.committed" || event.run === undefined) return;
    const { workerId, id: eventId, at, runId = "", run } = event;
    if (run.began) {
      if (this.#ended !== undefined) return;
      this.#open.set(workerId, { runId, eventId, at, controller: new AbortController() });
    } else this.#end(workerId, run.ended === "cancelled" ? "was cancelled" : "is over");
  }

  /** Returns the open run of a worker. */
  get(workerId: string): Readonly<Open> | undefined {
    return this.#open.get(workerId);
  }

  /** Returns the signal of the run that an event began; already aborted if that run is not open in this process. */
  signalOf(workerId: string, eventId: number): AbortSignal {
    const open = this.#open.get(workerId);
    if (open?.eventId === eventId) return open.controller.signal;
    return AbortSignal.abort(this.#ended ?? ended("is over"));
  }

  /**
   * Resolves when a run of a worker ends, in the order of the calls; `isNext`
   * puts a caller before the others. Rejects with the reason of `signal`.
   */
  ending(workerId: string, signal: AbortSignal | undefined, isNext: boolean): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const queue = this.#waiting.get(workerId) ?? [];
      this.#waiting.set(workerId, queue);
      const unlisten = signal === undefined ? () => {} : onAbort(signal, () => {
        queue.splice(queue.indexOf(wake), 1);
        reject(signal.reason);
      });
      const wake = () => {
        unlisten();
        resolve();
      };
      if (isNext) queue.unshift(wake);
      else queue.push(wake);
    });
  }

  /** Wakes the next caller that waits for a worker. */
  wakeNext(workerId: string): void {
    const queue = this.#waiting.get(workerId);
    queue?.shift()?.();
    if (queue?.length === 0) this.#waiting.delete(workerId);
  }

  /** Aborts every signal, including those of runs that begin later. */
  endAll(reason: unknown): void {
    this.#ended ??= reason;
    const all = [...this.#open.values()];
    this.#open.clear();
    for (const { controller } of all) controller.abort(reason);
    // Each tries to begin, and gets the error that ended all.
    const waiting = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #end(workerId: string, how: string): void {
    const open = this.#open.get(workerId);
    this.#open.delete(workerId);
    open?.controller.abort(ended(how));
    this.wakeNext(workerId);
  }
}

/** Creates the abort reason for a run that ended this way. */
export function ended(how: string): DOMException {
  return new DOMException(`The run ${how}`, "AbortError");
}

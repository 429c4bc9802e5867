/**
 * The open runs of a process, and the callers that wait to begin one.
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

/** A caller that waits. */
interface Waiting {
  /** Ends its wait, if it waits. */
  wake: () => void;
}

/** The runs begun by this process, and the callers that wait to begin one. A run begins and ends with its events. */
export class OpenRuns {
  readonly #open = new Map<string, Open>();
  /** Callers that want to begin a run of a worker, in order. Only the first one tries. */
  readonly #lines = new Map<string, Waiting[]>();
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
   * Calls `begin` when all earlier callers for the worker have been answered, and
   * again after each run that ends, until it returns something else than
   * `undefined`, or throws. Rejects with the reason of `signal` if that aborts while
   * the caller waits.
   */
  async inTurn<Begun>(
    workerId: string,
    signal: AbortSignal | undefined,
    begin: () => Promise<Begun | undefined>,
  ): Promise<Begun> {
    const line = this.#lines.get(workerId) ?? [];
    this.#lines.set(workerId, line);
    const caller: Waiting = { wake: nothing };
    line.push(caller);
    try {
      if (line[0] !== caller) await woken(caller, signal);
      for (;;) {
        const begun = await begin();
        if (begun !== undefined) return begun;
        // The run may have ended since it was in the way.
        if (this.#open.has(workerId)) await woken(caller, signal);
      }
    } finally {
      line.splice(line.indexOf(caller), 1);
      if (line.length === 0) this.#lines.delete(workerId);
      else line[0]?.wake();
    }
  }

  /** Aborts every signal, including those of runs that begin later. */
  endAll(reason: unknown): void {
    this.#ended ??= reason;
    const all = [...this.#open.values()];
    this.#open.clear();
    for (const { controller } of all) controller.abort(reason);
    // The first of each line tries to begin, and gets the error that ended all; then the next one.
    for (const [caller] of [...this.#lines.values()]) caller?.wake();
  }

  #end(workerId: string, how: string): void {
    const open = this.#open.get(workerId);
    this.#open.delete(workerId);
    open?.controller.abort(ended(how));
    this.#lines.get(workerId)?.[0]?.wake();
  }
}

/** Resolves when the caller is woken. Rejects with the reason of `signal`. */
function woken(caller: Waiting, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const unlisten = signal === undefined ? nothing : onAbort(signal, () => {
      caller.wake = nothing;
      reject(signal.reason);
    });
    caller.wake = () => {
      caller.wake = nothing;
      unlisten();
      resolve();
    };
  });
}

function nothing(): void {}

/** Creates the abort reason for a run that ended this way. */
export function ended(how: string): DOMException {
  return new DOMException(`The run ${how}`, "AbortError");
}

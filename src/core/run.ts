/**
 * Runs: periods of work of a worker, one at a time.
 *
 * @module
 */
import type { CommandOptions } from "./commands.ts";
import type { EventHead, RunOutcome } from "./event_types.ts";
import type { Receipt } from "./receipts.ts";

/** Outcome with which a host may finish a run. */
export type FinishOutcome = Exclude<RunOutcome, "interrupted">;

/** Options of {@linkcode Run.finish}. */
export interface FinishOptions extends CommandOptions {
  /** Reason for the outcome. */
  readonly reason?: string | undefined;
}

/** An open run of a worker. */
export interface Run extends Receipt {
  /** Its id. */
  readonly runId: string;
  /**
   * Aborts once a cancel of the worker or a stop of the runtime is durable, when
   * the run is finished, when the runtime closes, and with the store's error as its
   * reason when the store is lost. Pass it to `fetch`.
   */
  readonly signal: AbortSignal;
  /** Ends the run. Throws `worker_not_running` if it is no longer the open run, besides the errors of every command. */
  finish(outcome: FinishOutcome, options?: FinishOptions): Promise<Receipt>;
}

/** The open run of a worker in this process. */
interface Open {
  /** The event that began the run, which identifies it even if run ids repeat. */
  readonly eventId: number;
  readonly controller: AbortController;
}

/** The abort signals of runs begun by this process. A run begins and ends with its events. */
export class OpenRuns {
  readonly #open = new Map<string, Open>();
  /** The abort reason of all signals once no run can be open. */
  #ended: unknown;

  /** Applies a durable event, in the order of the log. */
  apply(event: EventHead): void {
    if (event.type === "worker.run_started") this.#begin(event.workerId, event.id);
    else if (event.type === "worker.run_finished") this.#end(event.workerId, "is over");
    else if (event.type === "worker.cancelled") this.#end(event.workerId, "was cancelled");
    else if (event.type === "runtime.stopped") this.endAll(ended("was cancelled: the runtime was stopped"));
  }

  /** Returns the signal of the run that an event began; already aborted if that run is not open in this process. */
  signalOf(workerId: string, eventId: number): AbortSignal {
    const open = this.#open.get(workerId);
    if (open?.eventId === eventId) return open.controller.signal;
    return AbortSignal.abort(this.#ended ?? ended("is over"));
  }

  /** Aborts every signal, including those of runs that begin later. */
  endAll(reason: unknown): void {
    this.#ended ??= reason;
    const all = [...this.#open.values()];
    this.#open.clear();
    for (const { controller } of all) controller.abort(reason);
  }

  #begin(workerId: string, eventId: number): void {
    if (this.#ended === undefined) this.#open.set(workerId, { eventId, controller: new AbortController() });
  }

  #end(workerId: string, how: string): void {
    const open = this.#open.get(workerId);
    this.#open.delete(workerId);
    open?.controller.abort(ended(how));
  }
}

/** Creates the abort reason for a run that ended this way. */
export function ended(how: string): DOMException {
  return new DOMException(`The run ${how}`, "AbortError");
}

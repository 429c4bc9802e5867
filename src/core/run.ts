/**
 * Runs: a worker at work. One at a time per worker.
 *
 * @module
 */
import type { CommandOptions } from "./commands.ts";
import type { RunOutcome } from "./events.ts";
import type { Receipt } from "./worker.ts";

/** How a host may end a run. */
export type FinishOutcome = Exclude<RunOutcome, "interrupted">;

/** Options of {@linkcode Run.finish}. */
export interface FinishOptions extends CommandOptions {
  /** Why it ended so. */
  readonly reason?: string | undefined;
}

/** An open run of a worker. */
export interface Run extends Receipt {
  /** Its id. */
  readonly runId: string;
  /**
   * Aborts once a cancel of the worker or a stop of the runtime is durable,
   * when the run is finished, and when the runtime closes: hand it to `fetch`.
   */
  readonly signal: AbortSignal;
  /**
   * Ends the run. Throws `worker_not_running` when it is not the open run any
   * more, besides the errors of every command.
   */
  finish(outcome: FinishOutcome, options?: FinishOptions): Promise<Receipt>;
}

/** The abort signals of the runs that this process began. */
export class OpenRuns {
  readonly #controllers = new Map<string, AbortController>();

  /** The signal of a run; aborted already when the run is not open here. */
  signalOf(workerId: string, runId: string, open: boolean): AbortSignal {
    const id = keyOf(workerId, runId);
    let controller = this.#controllers.get(id);
    if (controller === undefined) {
      controller = new AbortController();
      if (open) this.#controllers.set(id, controller);
      else controller.abort(ended("is over"));
    }
    return controller.signal;
  }

  /** Aborts a run's signal. */
  end(workerId: string, runId: string, how: string): void {
    const id = keyOf(workerId, runId);
    this.#controllers.get(id)?.abort(ended(how));
    this.#controllers.delete(id);
  }

  /** Aborts every signal. */
  endAll(how: string): void {
    for (const controller of this.#controllers.values()) controller.abort(ended(how));
    this.#controllers.clear();
  }
}

function keyOf(workerId: string, runId: string): string {
  return JSON.stringify([workerId, runId]);
}

function ended(how: string): DOMException {
  return new DOMException(`The run ${how}`, "AbortError");
}

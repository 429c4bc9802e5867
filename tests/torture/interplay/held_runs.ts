/**
 * Runs that a host holds: the signal of each is aborted exactly when its run is over.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Run, Runtime, RuntimeEvent } from "../../../mod.ts";
import { Finding } from "../script/history.ts";
import type { Archive } from "./archive.ts";

interface HeldRun {
  readonly workerId: string;
  readonly run: Run;
  /** The newest event in the turn after the signal aborted. */
  abortedAt: number | undefined;
}

/** Runs that one session began. */
export class HeldRuns {
  readonly #archive: Archive;
  readonly #runtime: Runtime;
  readonly #held: HeldRun[] = [];

  /** No runs yet. */
  constructor(runtime: Runtime, archive: Archive) {
    this.#archive = archive;
    this.#runtime = runtime;
  }

  /** Holds a run. */
  hold(workerId: string, run: Run): void {
    const { lastEventId } = this.#runtime;
    const held: HeldRun = { workerId, run, abortedAt: run.signal.aborted ? lastEventId : undefined };
    const note = (): void => void (held.abortedAt = this.#runtime.lastEventId);
    // In the next turn: a signal may abort a moment before the state shows the end of its run.
    run.signal.addEventListener("abort", () => void setImmediate(note));
    this.#held.push(held);
  }

  /** Compares signals with a log that is known to its end. Throws a {@linkcode Finding}. */
  check(): void {
    const { events, lastEventId } = this.#archive;
    const ends = endsOf(events);
    for (const { workerId, run, abortedAt = lastEventId } of this.#held) {
      const name = `run ${run.runId} of ${workerId}, begun by event ${run.eventId},`;
      const end = ends.get(run.eventId);
      if (end !== undefined && !run.signal.aborted) {
        const types = events.slice(end - 1, end + 2).map(({ type }) => type);
        throw new Finding(
          "I7",
          `${name} is over since event ${end}, and its signal is not aborted: ${types}`,
        );
      }
      if (run.signal.aborted && abortedAt < (end ?? Infinity)) {
        throw new Finding(
          "I7",
          `${name} ends with event ${end}, its signal was aborted at event ${abortedAt}`,
        );
      }
    }
  }

  /** After a close every signal is aborted. Throws a {@linkcode Finding}. */
  checkClosed(): void {
    const live = this.#held.find(({ run }) => !run.signal.aborted);
    if (live === undefined) return;
    throw new Finding("I7", `the runtime is closed, and the signal of run ${live.run.runId} is not aborted`);
  }
}

/** The event that ended each run, by the event that began it. */
function endsOf(events: readonly RuntimeEvent[]): Map<number, number> {
  const ends = new Map<number, number>();
  const open = new Map<string, number>();
  const end = (workerId: string, id: number): void => {
    const begun = open.get(workerId);
    if (begun !== undefined) ends.set(begun, id);
    open.delete(workerId);
  };
  for (const event of events) {
    if (event.type === "runtime.retired") {
      for (const workerId of [...open.keys()]) end(workerId, event.id);
    }
    if (event.type !== "worker.committed" || event.run === undefined) continue;
    if (event.run.began) open.set(event.workerId, event.id);
    else end(event.workerId, event.id);
  }
  return ends;
}

/**
 * Runs that wait for one another: they begin in the order of their calls, and each
 * ends as it should.
 *
 * @module
 */
import type { Run, Runtime } from "../../../mod.ts";
import type { Random } from "../../disk/mod.ts";
import { Finding } from "../script/history.ts";
import type { Archive } from "./archive.ts";
import type { HeldRuns } from "./held_runs.ts";
import { pause } from "./pending.ts";

/** The error of work that fails. */
const FAILED = new Error("The work fails");
/** The reason for which a caller gives its run up. */
const ABORTED = new Error("The run is not wanted any more");

/** Longest wait of a caller, in milliseconds. */
const PATIENCE_MS = 150;

/** The way in which the work of a run ends. */
type End = "abort" | "commit" | "return" | "throw";

/** The work of one run. */
interface Work {
  readonly end: End;
  /** Its place among those that were asked for at once. */
  readonly index: number;
  /** Number that determines its entry. */
  readonly number: number;
  /** Duration. */
  readonly ms: number;
}

/** Callers of `worker.run()` with `wait`. */
export class WaitingRuns {
  readonly #runtime: Runtime;
  readonly #archive: Archive;
  readonly #held: HeldRuns;

  /** No runs yet. */
  constructor(
    { runtime, archive, held }: {
      readonly runtime: Runtime;
      readonly archive: Archive;
      readonly held: HeldRuns;
    },
  ) {
    [this.#runtime, this.#archive, this.#held] = [runtime, archive, held];
  }

  /** Asks for some runs of a worker at once. Throws the errors of those that others have ended or prevented. */
  async run(random: Random, workerId: string): Promise<void> {
    const begun: number[] = [];
    const ends = Array.from(
      { length: 1 + random.below(4) },
      () => random.pick<End>(["abort", "commit", "return", "return", "throw"]),
    );
    const length = this.#runtime.worker(workerId).state().transcriptLength;
    const all = ends.map((end, index) =>
      this.#one(workerId, { end, index, number: index + length % 7, ms: random.below(3) }, begun)
    );
    const settled = await Promise.allSettled(all);
    const inOrder = begun.toSorted((a, b) => a - b);
    if (`${begun}` !== `${inOrder}`) throw new Finding("I3", `runs that were asked for at once: ${begun}`);
    const failed = settled.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #one(workerId: string, { end, index, number, ms }: Work, begun: number[]): Promise<void> {
    const controller = new AbortController();
    const options = { wait: true, signal: controller.signal };
    const handle: { run?: Run } = {};
    // Nobody may end the run that is in the way.
    const timer = setTimeout(() => controller.abort(ABORTED), PATIENCE_MS);
    try {
      const value = await this.#runtime.worker(workerId).run(async (run) => {
        handle.run = run;
        clearTimeout(timer);
        begun.push(index);
        // The caller's signal aborts that of its run before the end.
        if (end !== "abort" && !controller.signal.aborted) this.#held.hold(workerId, run);
        await run.append([{ role: "assistant", content: `runSay ${number}` }]);
        if (ms > 0) await pause(ms);
        if (end === "abort") controller.abort(ABORTED);
        if (end === "throw" || end === "abort") throw FAILED;
        if (end === "commit") await run.commit({ finish: { outcome: "completed" } });
        return number;
      }, options);
      if (value !== number || end === "throw" || end === "abort") {
        throw new Finding("I5", `run() gave ${value} though its work ended with ${end}`);
      }
      this.#mustBe(handle.run, "completed");
    } catch (error) {
      const { signal } = handle.run ?? {};
      if (handle.run === undefined && error === ABORTED) return;
      // Another command ended the run before its work began.
      if (handle.run === undefined && error instanceof DOMException && error.name === "AbortError") return;
      // Another command ended the run, or the runtime was closed.
      if (error !== FAILED && signal?.aborted && error === signal.reason) return;
      if (error !== FAILED) throw error;
      this.#mustBe(handle.run, controller.signal.aborted ? "cancelled" : "failed");
    } finally {
      clearTimeout(timer);
    }
  }

  /** The run ended with this outcome, unless another command ended it first. */
  #mustBe(run: Run | undefined, outcome: string): void {
    if (run === undefined) throw new Finding("I5", "run() ended without a run");
    const { runId, eventId } = run;
    this.#archive.claim(() => {
      const end = this.#archive.events.slice(eventId).find((event) =>
        event.type === "worker.committed" && event.runId === runId && event.run?.ended !== undefined
      );
      const found = end?.type === "worker.committed" ? end : undefined;
      if (found === undefined || found.status !== undefined || found.context !== undefined) return undefined;
      const ended = found.run?.ended;
      return ended === outcome
        ? undefined
        : `run ${runId} of event ${eventId} ended as ${ended}, not ${outcome}`;
    });
  }
}

/**
 * Work on every core: a suite divides its cases into portions, and each is done in
 * one of a few Deno Workers. A watchdog detects a portion that never ends, even if
 * it never yields its thread.
 *
 * @module
 */
import { BrokenOracle } from "../suite.ts";

/** A worker without a message for this many seconds hangs: on a busy machine, modules may take a minute to load. Ticks are counted, because a machine may be suspended. */
const SILENCE_SECONDS_MAX = 300;

/** Message of a worker. */
export type Message<Result> =
  | { readonly kind: "begin"; readonly caseName: string }
  | { readonly kind: "done"; readonly result: Result }
  | {
    readonly kind: "broken";
    readonly oracle: string;
    readonly caseName: string;
    readonly why: string;
    readonly stack: string;
  };

/** Options of a distribution. */
export interface ParallelOptions<Result> {
  /** Called after each portion. */
  readonly progress?: ((done: number, of: number) => void) | undefined;
  /** Receives each result as soon as it is there; returns true if the remaining portions may be skipped. */
  readonly isLast?: (result: Result) => boolean;
  /** A worker without a message for this many seconds hangs. @default {300} */
  readonly silenceSecondsMax?: number;
}

/** Returns the number of workers. */
export function workerCount(): number {
  return Math.max(1, Math.min(8, navigator.hardwareConcurrency));
}

/** Distributes the portions to workers that run `module`; results are returned in the order of the portions. */
export async function inParallel<Portion, Result>(
  module: URL,
  portions: readonly Portion[],
  options: ParallelOptions<Result> = {},
): Promise<Result[]> {
  const { progress, isLast = () => false, silenceSecondsMax = SILENCE_SECONDS_MAX } = options;
  const results: Result[] = [];
  let next = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    using hand = new Hand<Portion, Result>(module, silenceSecondsMax);
    while (next < portions.length) {
      const index = next++;
      const result = await hand.give(portions[index] as Portion);
      results[index] = result;
      progress?.(++done, portions.length);
      if (isLast(result)) next = portions.length;
    }
  };
  const lanes = Array.from({ length: Math.min(workerCount(), portions.length) }, lane);
  try {
    await Promise.all(lanes);
  } finally {
    next = portions.length;
    await Promise.allSettled(lanes);
  }
  return results;
}

/** One worker. */
class Hand<Portion, Result> {
  readonly #worker: Worker;
  readonly #silenceSecondsMax: number;
  #caseName = "before the first case";

  constructor(module: URL, silenceSecondsMax: number) {
    this.#worker = new Worker(module, { type: "module" });
    this.#silenceSecondsMax = silenceSecondsMax;
  }

  give(portion: Portion): Promise<Result> {
    return new Promise((resolve, reject) => {
      let silentSeconds = 0;
      const timer = setInterval(() => {
        if (++silentSeconds < this.#silenceSecondsMax) return;
        settle(() => reject(new BrokenOracle("I7", this.#caseName, "nothing happens any more")));
      }, 1_000);
      const settle = (act: () => void): void => {
        clearInterval(timer);
        act();
      };
      this.#worker.onmessage = ({ data }: MessageEvent<Message<Result>>) => {
        if (data.kind === "done") return settle(() => resolve(data.result));
        this.#caseName = data.caseName;
        silentSeconds = 0;
        if (data.kind === "begin") return;
        settle(() => reject(new BrokenOracle(data.oracle, data.caseName, `${data.why}\n${data.stack}`)));
      };
      this.#worker.onerror = (event) => {
        event.preventDefault();
        settle(() => reject(new BrokenOracle("I7", this.#caseName, `an uncaught error: ${event.message}`)));
      };
      this.#worker.postMessage(portion);
    });
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

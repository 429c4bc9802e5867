/**
 * Callers in a closed loop: each sends its next input as soon as the last one
 * is durable.
 *
 * @module
 */
import type { Store } from "../contenders/contender.ts";
import { type Mix, random, texts } from "./random.ts";
import { Samples } from "./stats.ts";

/** Who sends what, and for how long. */
export interface Load {
  readonly callers: number;
  readonly workers: number;
  readonly mix: Mix;
  /** Milliseconds to go on for. */
  readonly ms: number;
  /** Ends it early after so many inputs. */
  readonly inputsMax?: number;
}

/** What came of it. */
export interface LoadResult {
  readonly inputs: number;
  readonly ms: number;
  /** Milliseconds from call to answer. */
  readonly latencies: Float64Array;
}

/** Texts by mix, made once. */
const made = new Map<Mix, readonly string[]>();

/** Texts of a mix. */
export function textsOf(mix: Mix): readonly string[] {
  const known = made.get(mix) ?? texts(mix);
  made.set(mix, known);
  return known;
}

let seed = 1;

/** Sends inputs until the time or the number is reached. */
export async function runCallers(store: Store, load: Load): Promise<LoadResult> {
  const { callers, workers, ms, inputsMax = Infinity } = load;
  const contents = textsOf(load.mix);
  const next = random(seed++);
  const latencies = new Samples();
  let started = 0;
  const startedAt = performance.now();
  const endAt = startedAt + ms;
  const call = async (): Promise<void> => {
    for (let at = performance.now(); at < endAt && started < inputsMax;) {
      started++;
      await store.input(next(workers), contents[next(contents.length)] ?? "");
      const answeredAt = performance.now();
      latencies.add(answeredAt - at);
      at = answeredAt;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return { inputs: started, ms: performance.now() - startedAt, latencies: latencies.values() };
}

/** Every tenth input of a filling goes to one of these, so that their transcripts are long in every history. */
export const HEAVY_WORKERS = 2;

/** Fills a store with inputs of 200 bytes: every tenth to a heavy worker, the others to all in turn. */
export async function fill(store: Store, workers: number, inputs: number, callers: number): Promise<void> {
  const contents = textsOf("200 B");
  let started = 0;
  const call = async (): Promise<void> => {
    while (started < inputs) {
      const index = started++;
      const worker = index % 10 === 0
        ? (index / 10) % HEAVY_WORKERS
        : (index - Math.ceil(index / 10)) % workers;
      await store.input(worker, contents[index % contents.length] ?? "");
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
}

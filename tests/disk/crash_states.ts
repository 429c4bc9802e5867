/**
 * The states that a power cut may leave, one after the other: all of them
 * where they are few, otherwise the extremes and a seeded sample.
 *
 * @module
 */
import {
  type Choose,
  chooseRandomly,
  enumerate,
  exceptAt,
  keepAll,
  loseAll,
  type Outcome,
  record,
} from "./choices.ts";
import type { CrashPlan } from "./crash_plan.ts";
import { toNumber } from "./hash.ts";
import type { DirectoryImage } from "./image.ts";
import { Random } from "../kit/random.ts";

/** Options for choosing states. */
export interface CrashStateOptions {
  /** All states are given while no more sectors than this are in doubt. @default {10} */
  readonly exhaustiveSectors?: number;
  /** ... and while there are no more states than this. @default {16384} */
  readonly exhaustiveStates?: number;
  /** States to give otherwise. @default {256} */
  readonly samples?: number;
  /** Seed of the sample. @default {1} */
  readonly seed?: number;
  /** Fingerprints of states to skip; those yielded are added. */
  readonly seen?: Set<number>;
}

/** A state, before a disk is made of it. */
export interface CrashImage {
  readonly image: DirectoryImage;
  /** Two states with one fingerprint have the same content. */
  readonly fingerprint: number;
  /** The answers that lead here, for `replay`. */
  readonly choices: readonly number[];
}

/** Returns true if all states are yielded, rather than a sample. */
export function isExhaustive(plan: CrashPlan, options: CrashStateOptions): boolean {
  return plan.dirtySectors <= (options.exhaustiveSectors ?? 10) &&
    plan.count() <= (options.exhaustiveStates ?? 16_384);
}

/** Yields distinct states. */
export function* crashImages(plan: CrashPlan, options: CrashStateOptions): Generator<CrashImage> {
  const seen = options.seen ?? new Set<number>();
  const exhaustive = isExhaustive(plan, options);
  const samples = options.samples ?? 256;
  let left = exhaustive ? Infinity : samples;
  for (
    const { result: image, answers } of exhaustive ? allStates(plan) : sampleOf(plan, samples, options.seed)
  ) {
    const fingerprint = toNumber(image.hash);
    if (seen.has(fingerprint)) continue;
    seen.add(fingerprint);
    yield { image, fingerprint, choices: answers };
    if (--left === 0) return;
  }
}

function allStates(plan: CrashPlan): Generator<Outcome<DirectoryImage>> {
  return enumerate((choose) => plan.build(choose));
}

/** Ends after four times as many attempts as states are wanted: the rest are repetitions. */
function* sampleOf(plan: CrashPlan, samples: number, seed = 1): Generator<Outcome<DirectoryImage>> {
  const random = new Random(seed);
  yield buildWith(plan, keepAll);
  yield buildWith(plan, loseAll);
  yield* extremes(plan, Math.ceil(samples / 2));
  for (let attempt = 0; attempt < 4 * samples; attempt++) {
    yield buildWith(plan, chooseRandomly(random, random.pick([0.1, 0.5, 0.9])));
  }
}

/** All but one thing kept, and all but one thing lost: these reveal most bugs. */
function* extremes(plan: CrashPlan, count: number): Generator<Outcome<DirectoryImage>> {
  const questions = buildWith(plan, keepAll).answers.length;
  const step = Math.max(1, Math.ceil(2 * questions / count));
  for (let position = 0; position < questions; position += step) {
    yield buildWith(plan, exceptAt(keepAll, position));
    yield buildWith(plan, exceptAt(loseAll, position));
  }
}

function buildWith(plan: CrashPlan, choose: Choose): Outcome<DirectoryImage> {
  return record(choose, (noted) => plan.build(noted));
}

/**
 * The results of a run as JSON: every measure, its ratios and the goals.
 *
 * @module
 */
import { contenderInfo } from "../contenders/contender.ts";
import type { Machine } from "../harness/machine.ts";
import type { Amounts, Options } from "../options.ts";
import { type Book, type Contestant, contestants, type Measure, type MeasureInfo } from "./book.ts";
import { type Goal, goals } from "./goals.ts";

/** A measure of one contender. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly samples: readonly number[];
  /** How many times the file system store's figure is this one: the median over the rounds. */
  readonly fsToThis: number | null;
}

/** A measure of all. */
export interface MeasureResult extends MeasureInfo {
  readonly figures: Readonly<Partial<Record<Contestant, Figure>>>;
}

/** What a run gave. */
export interface Results {
  readonly format: "worker-runtime/bench 1";
  readonly at: string;
  readonly mode: Options["mode"];
  readonly seconds: number;
  readonly machine: Machine;
  readonly amounts: Amounts;
  readonly contenders: Readonly<Record<string, { readonly title: string; readonly how: string }>>;
  /** Contenders that could not be run, and why. */
  readonly missing: Readonly<Record<string, string>>;
  readonly coldReads: boolean;
  readonly measures: readonly MeasureResult[];
  readonly goals: readonly Goal[];
}

/** What the results say besides the measures. */
export type Circumstances = Omit<Results, "format" | "contenders" | "measures" | "goals">;

/** Puts the results together. */
export function results(book: Book, circumstances: Circumstances): Results {
  return {
    format: "worker-runtime/bench 1",
    ...circumstances,
    contenders: contenderInfo,
    measures: [...book.measures].map((measure) => measureResult(book, measure)),
    goals: goals(book),
  };
}

function measureResult(book: Book, { samples: _samples, ...info }: Measure): MeasureResult {
  const measured = contestants.filter((who) => book.samples(info.id, who).length > 0);
  return { ...info, figures: Object.fromEntries(measured.map((who) => [who, figure(book, info.id, who)])) };
}

function figure(book: Book, id: string, who: Contestant): Figure {
  const samples = book.samples(id, who);
  const fsToThis = book.ratio(id, "fs", who);
  return {
    median: book.median(id, who),
    min: Math.min(...samples),
    max: Math.max(...samples),
    samples,
    fsToThis: Number.isFinite(fsToThis) ? fsToThis : null,
  };
}

/**
 * Selection of mutations, and counting.
 *
 * @module
 */
import type { Ending } from "../kit/base_store.ts";
import type { PageSizes } from "../kit/readings.ts";

/** Pages small enough that a store of this size has several. */
export const PAGE_SIZES: PageSizes = { events: 64, entries: 7 };

/** Mutations of one file, or a part of them. */
export interface Portion {
  /** Base store. */
  readonly ending: Ending;
  /** The file. */
  readonly file: string;
  /** Index of this part of the mutations. */
  readonly part: number;
  readonly parts: number;
  /** Chance of a mutation of single bytes to be tried; the others are four times as likely. */
  readonly chance: number;
  /** Which of them. */
  readonly seed: number;
  /** The only case to try. */
  readonly only?: string;
}

/** Cases by "ending|kind|place|outcome". */
export type Tally = Readonly<Record<string, number>>;

/** Returns true if a mutation is part of the sample. */
export function isChosen({ chance, seed }: Portion, mutation: string, index: number): boolean {
  const isOfBytes = mutation.startsWith("flip") || mutation.startsWith("cut");
  const place = (Math.imul(index + seed, 0x9e3779b1) >>> 0) / 0x100000000;
  return place < (isOfBytes ? chance : 4 * chance);
}

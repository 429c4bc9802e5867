/**
 * The book of measures: a number for each round, of each contender.
 *
 * @module
 */
import { type ContenderId, contenderIds, databaseIds } from "../contenders/contender.ts";
import { median, ratio } from "../harness/stats.ts";

/** Who has figures: the contenders, and the limit. */
export type Contestant = ContenderId | "raw";

/** All of them, in the order of the tables. */
export const contestants: readonly Contestant[] = [...contenderIds, ...databaseIds, "raw"];

/** Durable stores that are not of this library. */
export const peers: readonly ContenderId[] = ["sqlite", "sqlite-batched", "level", "lmdb", "kv"];

/** What is measured. */
export interface MeasureInfo {
  readonly id: string;
  /** The table that it stands in. */
  readonly table: string;
  /** Its column there. */
  readonly column: string;
  readonly unit: "/s" | "ms" | "us" | "B" | "MB" | "events";
  readonly better: "more" | "less";
}

/** A measure and its numbers. */
export interface Measure extends MeasureInfo {
  /** A number for each round. */
  readonly samples: ReadonlyMap<Contestant, readonly number[]>;
}

/** The measures of a run. */
export class Book {
  readonly #measures = new Map<string, MeasureInfo & { readonly samples: Map<Contestant, number[]> }>();

  /** All measures, in the order in which they were first added to. */
  get measures(): Iterable<Measure> {
    return this.#measures.values();
  }

  /** Adds a round's number; null is not counted. */
  add(info: MeasureInfo, who: Contestant, value: number | null): void {
    if (value === null) return;
    const measure = this.#measures.get(info.id) ?? { ...info, samples: new Map() };
    this.#measures.set(info.id, measure);
    measure.samples.set(who, [...measure.samples.get(who) ?? [], value]);
  }

  /** The numbers of a contender; none if it was not measured. */
  samples(id: string, who: Contestant): readonly number[] {
    return this.#measures.get(id)?.samples.get(who) ?? [];
  }

  /** The median of the rounds; NaN if it was not measured. */
  median(id: string, who: Contestant): number {
    return median(this.samples(id, who));
  }

  /** How many times the first is the second, round by round. */
  ratio(id: string, who: Contestant, other: Contestant): number {
    return ratio(this.samples(id, who), this.samples(id, other));
  }

  /** The peer with the best median; undefined if none was measured. */
  bestPeer(id: string): ContenderId | undefined {
    const sign = this.#measures.get(id)?.better === "less" ? 1 : -1;
    const measured = peers.filter((peer) => this.samples(id, peer).length > 0);
    return measured.toSorted((a, b) => sign * (this.median(id, a) - this.median(id, b)))[0];
  }
}

/**
 * Medians, percentiles and ratios.
 *
 * @module
 */

/** The value below which a share (0 to 1) of the samples lies; NaN of none. */
export function percentile(samples: Iterable<number>, share: number): number {
  const sorted = Float64Array.from(samples).sort();
  if (sorted.length === 0) return NaN;
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/** The middle of the samples, or the mean of the two in the middle; NaN of none. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] ?? NaN;
  return ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/**
 * How many times `a` is `b`: the median of the ratios within each round, so
 * that what slows a whole round down does not count.
 */
export function ratio(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return median(a) / median(b);
  return median(a.map((value, round) => value / (b[round] ?? NaN)));
}

/** A list of numbers that costs little to add to; past its room it overwrites the oldest. */
export class Samples {
  readonly #room = new Float64Array(1 << 20);
  #count = 0;

  /** Adds a number. */
  add(value: number): void {
    this.#room[this.#count++ & (this.#room.length - 1)] = value;
  }

  /** What was added. */
  values(): Float64Array {
    return this.#room.subarray(0, Math.min(this.#count, this.#room.length));
  }
}

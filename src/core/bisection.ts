/**
 * Bisection.
 *
 * @module
 */

/** Index of the first of some ascending numbers that is at least `value`; their count when none is. */
export function indexOfAtLeast(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

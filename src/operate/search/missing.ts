/**
 * Entries of a transcript that were not found yet.
 *
 * @module
 */

/** Consecutive entries. */
export interface MissingEntries {
  /** The first. */
  readonly from: number;
  /** The last. */
  readonly to: number;
  /** An event before those that hold them. */
  readonly after: number;
}

/** The entries that a search still has to read, as ranges in order. */
export class Missing {
  /** The ranges. */
  ranges: MissingEntries[] = [];

  /** Entries 1 to `length`, in events after one. */
  constructor(length: number, after: number) {
    if (length > 0) this.ranges.push({ from: 1, to: length, after });
  }

  /** Takes out the entries of an event; returns false if they are not among those missing. */
  take(seq: number, count: number, eventId: number): boolean {
    const index = this.ranges.findLastIndex(({ from }) => from <= seq);
    const range = this.ranges[index];
    if (range === undefined || seq + count - 1 > range.to) return false;
    const before = range.from < seq ? [{ ...range, to: seq - 1 }] : [];
    const rest = seq + count <= range.to ? [{ ...range, from: seq + count, after: eventId }] : [];
    this.ranges.splice(index, 1, ...before, ...rest);
    return true;
  }
}

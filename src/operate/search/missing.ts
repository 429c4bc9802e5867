/**
 * Entries of a transcript that were not found yet.
 *
 * @module
 */
import type { SearchedWorker } from "./source.ts";

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

  /** All entries of a worker but those of the base of a fork. */
  constructor({ length: to, createdEventId, fork }: SearchedWorker) {
    const from = (fork?.seq ?? 0) + 1;
    if (from <= to) this.ranges.push({ from, to, after: createdEventId - 1 });
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

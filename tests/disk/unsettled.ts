/**
 * Uncertain state of a file: the states since the last sync, and those that a
 * failed sync forgot.
 *
 * @module
 */
import type { Sector } from "./sector.ts";

/** State of a sector; `undefined` for space that was allocated but never written. */
export type Content = Sector | undefined;

/** A state, and the time at which the page cache took it. */
export interface Version<T> {
  readonly sequence: number;
  readonly content: T;
}

/** State that may or may not have reached the medium. */
export interface Unsettled {
  /** Sector contents since the last sync, oldest first. */
  readonly dirty: Map<number, Version<Content>[]>;
  /** Sizes since the last sync, oldest first. */
  sizes: Version<number>[];
  /** Sector contents that a failed sync dropped, beginning with the previous content. */
  readonly lost: Map<number, Content[]>;
  /** Sizes that a failed sync dropped. */
  lostSizes: number[];
}

/** Returns an empty state. */
export function nothingUnsettled(): Unsettled {
  return { dirty: new Map(), sizes: [], lost: new Map(), lostSizes: [] };
}

/** Returns true if everything is certain. */
export function isNothing({ dirty, sizes, lost, lostSizes }: Unsettled): boolean {
  return dirty.size + sizes.length + lost.size + lostSizes.length === 0;
}

/** Returns an independent copy. */
export function copyOf({ dirty, sizes, lost, lostSizes }: Unsettled): Unsettled {
  return {
    dirty: new Map([...dirty].map(([index, versions]) => [index, [...versions]])),
    sizes: [...sizes],
    lost: new Map(lost),
    lostSizes: [...lostSizes],
  };
}

/** Returns the size that a sync makes certain: a sync that writes data also writes the size needed to find it. */
export function sizeToSettle({ dirty, sizes, lostSizes }: Unsettled, sequence: number): number | undefined {
  const size = sizes.findLast((version) => version.sequence <= sequence)?.content;
  if (size !== undefined || lostSizes.length === 0) return size;
  const writes = [...dirty.values()].some(([oldest]) => oldest !== undefined && oldest.sequence <= sequence);
  return writes ? lostSizes.at(-1) : undefined;
}

/** Removes the versions up to `sequence` from the map and returns them. */
export function takeUpTo(
  dirty: Map<number, Version<Content>[]>,
  sequence: number,
  take: (index: number, contents: Content[]) => void,
): void {
  for (const [index, versions] of dirty) {
    const left = versions.filter((version) => version.sequence > sequence);
    if (left.length === 0) dirty.delete(index);
    else dirty.set(index, left);
    if (left.length === versions.length) continue;
    take(index, versions.slice(0, versions.length - left.length).map((version) => version.content));
  }
}

/**
 * Possible states of one file after a power cut: any of its sizes since the last
 * sync, or a size on the way to a larger one, and for each sector below that size
 * any of its versions since the last sync. Space that was allocated but not written
 * has arbitrary content.
 *
 * @module
 */
import type { Choose } from "./choices.ts";
import type { FileNode } from "./file_node.ts";
import { FileImage } from "./image.ts";
import { cutAt, sameSector, type Sector, SECTOR_BYTES, sectorCount, ZEROS } from "./sector.ts";
import type { Content, Unsettled } from "./unsettled.ts";

/** Sizes between the old and the new one that are tried, at most. */
const PARTIAL_SIZES_MAX = 64;

/** Content of never-written space, by sector number. */
export type Fill = (index: number) => Sector;

/** A sector in doubt: `undefined` stands for never-written space. */
interface Doubt {
  readonly index: number;
  readonly contents: readonly Content[];
}

/** The possible states of one file after a power cut. */
export class FilePlan {
  readonly doubts: readonly Doubt[];
  readonly #sizes: readonly number[];
  readonly #certain: readonly Sector[];
  readonly #mode: number;

  constructor(file: FileNode, unsettled: Unsettled) {
    this.#mode = file.mode;
    this.#sizes = sizesOf(file, unsettled);
    const all = contentsOf(file, unsettled);
    this.doubts = all.filter(({ contents }) => contents.length > 1);
    const certain = [...file.settled.sectors];
    for (const { index, contents } of all) {
      while (certain.length <= index) certain.push(ZEROS);
      certain[index] = contents[0] ?? ZEROS;
    }
    this.#certain = certain;
  }

  /** Makes the decisions; calls `fill` for space that was never written. */
  decide(choose: Choose, fill: () => Fill): FileImage {
    const size = this.#sizes[ask(choose, this.#sizes.length)] ?? 0;
    const count = sectorCount(size);
    const sectors = this.#certain.slice(0, count);
    while (sectors.length < count) sectors.push(ZEROS);
    for (const { index, contents } of this.doubts) {
      if (index >= count) break;
      sectors[index] = contents[ask(choose, contents.length)] ?? fill()(index);
    }
    const last = sectors[count - 1];
    if (last !== undefined && size % SECTOR_BYTES > 0) sectors[count - 1] = cutAt(last, size % SECTOR_BYTES);
    return new FileImage(sectors, size, this.#mode);
  }

  /** Returns the number of decisions: in total, and without never-written space. */
  count(): { all: number; written: number } {
    let all = 0;
    let written = 0;
    for (const size of this.#sizes) {
      const below = this.doubts.filter(({ index }) => index < sectorCount(size));
      all += below.reduce((product, { contents }) => product * contents.length, 1);
      written += below.reduce((product, { contents }) => product * contents.filter(isWritten).length, 1);
    }
    return { all, written };
  }
}

/** Asks, unless there is only one answer. */
export function ask(choose: Choose, alternatives: number): number {
  return alternatives > 1 ? choose(alternatives) : 0;
}

function isWritten(content: Content): boolean {
  return content !== undefined;
}

function sizesOf(file: FileNode, { sizes, lostSizes }: Unsettled): number[] {
  const old = file.settled.size;
  const later = [...lostSizes, ...sizes.map((version) => version.content)];
  const partial = boundariesBetween(old, Math.max(old, ...later));
  return distinct([old, ...partial, ...later], (one, other) => one === other);
}

function boundariesBetween(low: number, high: number): number[] {
  const first = Math.floor(low / SECTOR_BYTES) + 1;
  const count = Math.max(0, sectorCount(high) - first);
  const tried = Math.min(count, PARTIAL_SIZES_MAX);
  return Array.from(
    { length: tried },
    (_, step) => (first + Math.floor(step * count / tried)) * SECTOR_BYTES,
  );
}

function contentsOf(file: FileNode, { dirty, lost }: Unsettled): Doubt[] {
  const indexes = [...new Set([...lost.keys(), ...dirty.keys()])].sort((a, b) => a - b);
  return indexes.map((index) => {
    const before = lost.get(index) ?? [file.settled.sectors[index]];
    const since = (dirty.get(index) ?? []).map((version) => version.content);
    return { index, contents: distinct([...before, ...since], sameSector) };
  });
}

/** Drops repetitions, but has the oldest first and the newest last, even where they are the same. */
function distinct<T>(versions: readonly T[], same: (one: T, other: T) => boolean): T[] {
  const [oldest, newest] = [versions.slice(0, 1), versions.slice(1).slice(-1)];
  const between: T[] = [];
  for (const version of versions.slice(1, -1)) {
    if (![...oldest, ...between, ...newest].some((known) => same(known, version))) between.push(version);
  }
  const all = [...oldest, ...between, ...newest];
  return all.every((version) => all.slice(0, 1).every((first) => same(first, version))) ? oldest : all;
}

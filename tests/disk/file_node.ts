/**
 * A file of the running machine: the page cache, the part that is certain to be on
 * the medium, and everything that may or may not be there.
 *
 * - A write makes a new version of each sector it touches. Until a sync, the
 *   medium may hold any of the versions since the last one, each sector on its
 *   own, and any of the sizes the file had.
 * - A sync makes everything that was there when it *began* certain.
 * - A failed sync makes nothing certain, and forgets that anything was dirty:
 *   later syncs succeed and do not write it (Linux does so, see "fsyncgate").
 *
 * @module
 */
import { FileImage } from "./image.ts";
import { cutAt, patched, type Sector, SECTOR_BYTES, sectorCount, sectorsOf, ZEROS } from "./sector.ts";
import { copyOf, isNothing, nothingUnsettled, sizeToSettle, takeUpTo, type Unsettled } from "./unsettled.ts";

/** A regular file. */
export class FileNode {
  readonly kind = "file";
  /** Names of the file: hard links count, 0 once the last one was removed. A crash state holds a copy per name. */
  links = 1;
  #mode: number;
  #settled: FileImage;
  #cache: readonly Sector[];
  #owned: Sector[] | undefined;
  #size: number;
  #unsettled: Unsettled | undefined;

  /** A file that is on the medium. */
  constructor(image: FileImage) {
    this.#mode = image.mode;
    this.#settled = image;
    this.#cache = image.sectors;
    this.#size = image.size;
  }

  /** Size in the page cache. */
  get size(): number {
    return this.#size;
  }

  /** Permission bits; a change is certain at once. */
  get mode(): number {
    return this.#mode;
  }

  set mode(mode: number) {
    this.#mode = mode;
    this.#settled = new FileImage(this.#settled.sectors, this.#settled.size, mode);
  }

  /** The sectors in the page cache. */
  get cache(): readonly Sector[] {
    return this.#cache;
  }

  /** Content that is certain to be on the medium. */
  get settled(): FileImage {
    return this.#settled;
  }

  /** Content that may or may not be on the medium; `undefined` if everything is certain. */
  get unsettled(): Unsettled | undefined {
    return this.#unsettled;
  }

  /** The file as it is in the page cache. */
  view(): FileImage {
    if (this.#unsettled === undefined) return this.#settled;
    return new FileImage([...this.#cache], this.#size, this.#mode);
  }

  /** An independent copy. */
  clone(): FileNode {
    const copy = new FileNode(this.#settled);
    copy.links = this.links;
    this.#owned = undefined;
    copy.#cache = this.#cache;
    copy.#size = this.#size;
    copy.#unsettled = this.#unsettled && copyOf(this.#unsettled);
    return copy;
  }

  /** Copies bytes to `target`; short at the end of the file. */
  read(target: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(target.length, this.#size - position));
    for (let done = 0; done < length;) {
      const at = position + done;
      const offset = at % SECTOR_BYTES;
      const part = Math.min(SECTOR_BYTES - offset, length - done);
      const { bytes } = this.#cache[(at - offset) / SECTOR_BYTES] ?? ZEROS;
      target.set(part === SECTOR_BYTES ? bytes : bytes.subarray(offset, offset + part), done);
      done += part;
    }
    return length;
  }

  /** Writes all the bytes to the page cache. */
  write(bytes: Uint8Array, position: number, sequence: number): void {
    if (bytes.length === 0) return;
    this.#fillUpTo(position, sequence);
    const head = Math.min((SECTOR_BYTES - position % SECTOR_BYTES) % SECTOR_BYTES, bytes.length);
    const tail = (bytes.length - head) % SECTOR_BYTES;
    if (head > 0) this.#overlay(bytes.subarray(0, head), position, sequence);
    let index = sectorCount(position);
    for (const sector of sectorsOf(bytes.subarray(head, bytes.length - tail))) {
      this.#put(index++, sector, sequence);
    }
    const last = bytes.length - tail;
    if (tail > 0) this.#overlay(bytes.subarray(last), position + last, sequence);
    if (position + bytes.length > this.#size) this.#resize(position + bytes.length, sequence);
  }

  /** Truncates or extends the file in the page cache. */
  truncate(size: number, sequence: number): void {
    if (size === this.#size) return;
    this.#fillUpTo(size, sequence);
    this.#own().length = sectorCount(size);
    const index = Math.floor(size / SECTOR_BYTES);
    const boundary = this.#cache[index];
    if (boundary !== undefined) {
      const rest = cutAt(boundary, size % SECTOR_BYTES);
      if (rest !== boundary) this.#put(index, rest, sequence);
    }
    this.#resize(size, sequence);
  }

  /** A sync that began at `sequence` succeeded: data that was dirty then is on the medium. */
  commit(sequence: number): void {
    const unsettled = this.#unsettled;
    if (unsettled === undefined) return;
    const size = sizeToSettle(unsettled, sequence);
    const sectors = this.#settled.sectors.slice();
    if (size !== undefined) {
      this.#settleSize(unsettled, size, sequence);
      resizeSectors(sectors, sectorCount(size));
    }
    takeUpTo(unsettled.dirty, sequence, (index, taken) => {
      if (index >= sectors.length) return;
      sectors[index] = taken.at(-1) ?? ZEROS;
      unsettled.lost.delete(index);
    });
    this.#settled = new FileImage(sectors, size ?? this.#settled.size, this.#mode);
    if (isNothing(unsettled)) this.#unsettled = undefined;
  }

  /** A sync that began at `sequence` failed: data that was dirty then is clean now, and possibly lost. */
  lose(sequence: number): void {
    const unsettled = this.#unsettled;
    if (unsettled === undefined) return;
    takeUpTo(unsettled.dirty, sequence, (index, taken) => {
      const before = unsettled.lost.get(index) ?? [this.#settled.sectors[index]];
      unsettled.lost.set(index, [...before, ...taken]);
    });
    const dropped = unsettled.sizes.filter((version) => version.sequence <= sequence);
    unsettled.lostSizes = [...unsettled.lostSizes, ...dropped.map((version) => version.content)];
    unsettled.sizes = unsettled.sizes.slice(dropped.length);
  }

  #settleSize(unsettled: Unsettled, size: number, sequence: number): void {
    unsettled.sizes = unsettled.sizes.filter((version) => version.sequence > sequence);
    unsettled.lostSizes = [];
    for (const index of unsettled.lost.keys()) {
      if (index >= sectorCount(size)) unsettled.lost.delete(index);
    }
  }

  /** Writes zeros to every sector up to `size` beyond the former end of the file. */
  #fillUpTo(size: number, sequence: number): void {
    for (let index = this.#cache.length; index < sectorCount(size); index++) {
      // A hole without earlier content is certain: only old contents have to be replaced.
      if (this.#mayHold(index)) this.#put(index, ZEROS, sequence);
      else this.#own()[index] = ZEROS;
    }
  }

  #overlay(bytes: Uint8Array, position: number, sequence: number): void {
    const index = Math.floor(position / SECTOR_BYTES);
    this.#put(index, patched(this.#cache[index] ?? ZEROS, position % SECTOR_BYTES, bytes), sequence);
  }

  #put(index: number, content: Sector, sequence: number): void {
    const { dirty } = this.#unsettled ??= nothingUnsettled();
    let versions = dirty.get(index);
    const regained = index >= this.#cache.length && this.#mayHold(index);
    if (versions === undefined) dirty.set(index, versions = []);
    if (regained) versions.push({ sequence, content: undefined });
    versions.push({ sequence, content });
    this.#own()[index] = content;
  }

  /** Returns true if the medium may hold contents for this sector. */
  #mayHold(index: number): boolean {
    return index < this.#settled.sectors.length || this.#unsettled?.dirty.has(index) === true ||
      this.#unsettled?.lost.has(index) === true;
  }

  #resize(size: number, sequence: number): void {
    this.#size = size;
    (this.#unsettled ??= nothingUnsettled()).sizes.push({ sequence, content: size });
  }

  /** The sectors, free to change. */
  #own(): Sector[] {
    if (this.#owned === undefined) this.#cache = this.#owned = this.#cache.slice();
    return this.#owned;
  }
}

function resizeSectors(sectors: Sector[], count: number): void {
  while (sectors.length < count) sectors.push(ZEROS);
  sectors.length = count;
}

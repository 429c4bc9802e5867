/**
 * Sectors, which a device writes entirely or not at all. A sector's bytes never
 * change once it exists, so copies of a disk share them, old versions cost nothing
 * to keep, and its hash is computed once.
 *
 * @module
 */
import { type Hash, hashWords } from "./hash.ts";

/** The bytes that a device writes atomically. */
export const SECTOR_BYTES = 512;

/** The bytes of one sector; never changed. */
export class Sector {
  readonly bytes: Uint8Array<ArrayBuffer>;
  #hash: Hash | undefined;

  /** Takes the bytes over: {@linkcode SECTOR_BYTES} of them, at a multiple of four in their buffer. */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
  }

  /** The hash of the bytes. */
  get hash(): Hash {
    return this.#hash ??= hashWords(
      new Int32Array(this.bytes.buffer, this.bytes.byteOffset, SECTOR_BYTES / 4),
    );
  }
}

/** Content of a hole in a file. */
export const ZEROS: Sector = new Sector(new Uint8Array(SECTOR_BYTES));

/** Worst-case content of space that was never written. */
export const GARBAGE: Sector = new Sector(new Uint8Array(SECTOR_BYTES).fill(0xa5));

/** Returns the number of sectors for this many bytes. */
export function sectorCount(size: number): number {
  return Math.ceil(size / SECTOR_BYTES);
}

/** Returns a copy of the sector with `bytes` written at offset `at`. */
export function patched(sector: Sector, at: number, bytes: Uint8Array): Sector {
  const copy = sector.bytes.slice();
  copy.set(bytes, at);
  return new Sector(copy);
}

/** Returns the sector with zeros from offset `length` on; the same object if it already has them. */
export function cutAt(sector: Sector, length: number): Sector {
  if (sector.bytes.subarray(length).every((byte) => byte === 0)) return sector;
  const copy = new Uint8Array(SECTOR_BYTES);
  copy.set(sector.bytes.subarray(0, length));
  return new Sector(copy);
}

/** Copies bytes into whole sectors; the last one is padded with zeros. */
export function sectorsOf(bytes: Uint8Array): Sector[] {
  const count = sectorCount(bytes.length);
  const copy = new Uint8Array(count * SECTOR_BYTES);
  copy.set(bytes);
  return Array.from(
    { length: count },
    (_, index) => new Sector(copy.subarray(index * SECTOR_BYTES, (index + 1) * SECTOR_BYTES)),
  );
}

/** Returns true if both have the same bytes. */
export function sameSector(one: Sector | undefined, other: Sector | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined) return false;
  return one.hash.a === other.hash.a && one.hash.b === other.hash.b;
}

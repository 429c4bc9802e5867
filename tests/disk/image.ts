/**
 * Content of a medium, as immutable values. A crash state is such an image:
 * thousands of them share every file and directory in which they do not differ, and
 * a disk made of one copies nothing until it is written to.
 *
 * @module
 */
import { follow, type Hash, hashText, hashWords, together } from "./hash.ts";
import { type Sector, SECTOR_BYTES, sectorsOf } from "./sector.ts";

/** The mode that the store gives its files. */
export const FILE_MODE = 0o600;
/** The mode that the store gives its directories. */
export const DIRECTORY_MODE = 0o700;

/** A file: {@linkcode Sector}s with zeros after `size`. */
export class FileImage {
  readonly kind = "file";
  readonly sectors: readonly Sector[];
  readonly size: number;
  readonly mode: number;
  #hash: Hash | undefined;

  constructor(sectors: readonly Sector[], size: number, mode: number = FILE_MODE) {
    this.sectors = sectors;
    this.size = size;
    this.mode = mode;
  }

  /** A file that holds a copy of `bytes`. */
  static of(bytes: Uint8Array, mode?: number): FileImage {
    return new FileImage(sectorsOf(bytes), bytes.length, mode);
  }

  get hash(): Hash {
    return this.#hash ??= this.sectors.reduce(
      (hash, sector) => follow(hash, sector.hash),
      hashWords([this.size, this.mode]),
    );
  }

  /** A copy of the contents. */
  bytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.sectors.length * SECTOR_BYTES);
    this.sectors.forEach((sector, index) => bytes.set(sector.bytes, index * SECTOR_BYTES));
    return bytes.subarray(0, this.size);
  }
}

/** A symbolic link. */
export class LinkImage {
  readonly kind = "link";
  readonly target: string;

  constructor(target: string) {
    this.target = target;
  }

  get hash(): Hash {
    return hashText(`-> ${this.target}`);
  }
}

/** A FIFO, socket or device; opening it is not simulated. */
export class SpecialImage {
  readonly kind = "other";

  get hash(): Hash {
    return hashText("special");
  }
}

/** A directory and all below it. */
export class DirectoryImage {
  readonly kind = "directory";
  readonly entries: ReadonlyMap<string, Image>;
  readonly mode: number;
  #hash: Hash | undefined;

  constructor(entries: ReadonlyMap<string, Image>, mode: number = DIRECTORY_MODE) {
    this.entries = entries;
    this.mode = mode;
  }

  get hash(): Hash {
    if (this.#hash !== undefined) return this.#hash;
    let hash = hashWords([this.mode, this.entries.size]);
    for (const [name, entry] of this.entries) hash = together(hash, follow(nameHash(name), entry.hash));
    return this.#hash = hash;
  }
}

/** Anything that a name can refer to. */
export type Image = FileImage | LinkImage | SpecialImage | DirectoryImage;

const nameHashes = new Map<string, Hash>();

/** Names recur in every state; their hashes are cached, within bounds. */
function nameHash(name: string): Hash {
  const known = nameHashes.get(name);
  if (known !== undefined) return known;
  if (nameHashes.size > 10_000) nameHashes.clear();
  const hash = hashText(name);
  nameHashes.set(name, hash);
  return hash;
}

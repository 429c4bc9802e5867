/**
 * A bounded cache of open files.
 *
 * @module
 */
import { closeQuietly } from "./files.ts";
import { guarded } from "./faults.ts";
import type { FileSystem, OpenFile } from "./file_system.ts";

/**
 * Files that stay open, up to a bound. Beyond it a random one is closed: evicting
 * the least recently used would be the worst choice for a caller that iterates over
 * all of them.
 */
export class OpenFiles {
  readonly #fs: FileSystem;
  readonly #mode: "read" | "update";
  readonly #files = new Map<string, OpenFile>();
  /** The paths of the files, in any order. */
  readonly #paths: string[] = [];
  #countMax: number;
  #random = 1;

  /** Creates an empty cache. */
  constructor(fs: FileSystem, mode: "read" | "update", countMax: number) {
    this.#fs = fs;
    this.#countMax = countMax;
    this.#mode = mode;
  }

  /** Returns the open file of a path; opens it if necessary. */
  get(path: string): OpenFile {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    this.#closeAbove(this.#countMax - 1);
    const file = guarded("open", path, () => this.#fs.open(path, this.#mode));
    this.#files.set(path, file);
    this.#paths.push(path);
    return file;
  }

  /** Closes the file of a path, if it is open. */
  close(path: string): void {
    if (this.#files.has(path)) this.#closeAt(this.#paths.indexOf(path));
  }

  /** Closes half of the files, and lowers the bound accordingly: others need handles as well. `false` if none is open. */
  makeRoom(): boolean {
    const isAny = this.#files.size > 0;
    this.#countMax = (this.#files.size >> 1) + 1;
    this.#closeAbove(this.#countMax - 1);
    return isAny;
  }

  /** Closes all. */
  closeAll(): void {
    this.#closeAbove(0);
  }

  /** Closes files until `count` are left. Pseudorandom, and the same in every run. */
  #closeAbove(count: number): void {
    while (this.#files.size > count) {
      this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
      this.#closeAt(Math.floor(this.#random / 2 ** 32 * this.#files.size));
    }
  }

  #closeAt(index: number): void {
    for (const path of this.#paths.splice(index, 1)) {
      const file = this.#files.get(path);
      this.#files.delete(path);
      if (file !== undefined) closeQuietly(file);
    }
  }
}

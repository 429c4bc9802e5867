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
  readonly #places = new Map<string, number>();
  readonly #open: { readonly path: string; readonly file: OpenFile }[] = [];
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
    const place = this.#places.get(path);
    const known = place === undefined ? undefined : this.#open[place];
    if (known !== undefined) return known.file;
    while (this.#open.length >= this.#countMax) this.#closeAny();
    const file = guarded("open", path, () => this.#fs.open(path, this.#mode));
    this.#places.set(path, this.#open.length);
    this.#open.push({ path, file });
    return file;
  }

  /** Closes the file of a path, if it is open. */
  close(path: string): void {
    const place = this.#places.get(path);
    if (place !== undefined) this.#closeAt(place);
  }

  /** Closes half of the files, and lowers the bound accordingly: others need handles as well. `false` if none is open. */
  makeRoom(): boolean {
    const left = this.#open.length >> 1;
    const isAny = this.#open.length > 0;
    while (this.#open.length > left) this.#closeAny();
    this.#countMax = left + 1;
    return isAny;
  }

  /** Closes all. */
  closeAll(): void {
    while (this.#open.length > 0) this.#closeAt(this.#open.length - 1);
  }

  /** Pseudorandom, and the same in every run. */
  #closeAny(): void {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    this.#closeAt(Math.floor(this.#random / 2 ** 32 * this.#open.length));
  }

  /** The last file takes the place of the closed one. */
  #closeAt(place: number): void {
    const closed = this.#open[place];
    const last = this.#open.pop();
    if (closed === undefined || last === undefined) return;
    this.#places.delete(closed.path);
    if (last !== closed) {
      this.#open[place] = last;
      this.#places.set(last.path, place);
    }
    closeQuietly(closed.file);
  }
}

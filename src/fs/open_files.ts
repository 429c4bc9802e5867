/**
 * A few open files out of many.
 *
 * @module
 */
import { closeQuietly } from "./disk.ts";
import { guarded } from "./faults.ts";
import type { FileSystem, OpenFile } from "./file_system.ts";

/** Open files, the least recently used closed first. */
export class OpenFiles {
  readonly #fs: FileSystem;
  readonly #countMax: number;
  readonly #mode: "read" | "update";
  readonly #open = new Map<string, OpenFile>();

  /** None open yet. */
  constructor(fs: FileSystem, mode: "read" | "update", countMax: number) {
    this.#fs = fs;
    this.#mode = mode;
    this.#countMax = countMax;
  }

  /** The open file of a path, opened if need be. */
  get(path: string): OpenFile {
    const known = this.#open.get(path);
    if (known !== undefined) {
      this.#open.delete(path);
      this.#open.set(path, known);
      return known;
    }
    const file = guarded("open", path, () => this.#fs.open(path, this.#mode));
    this.#open.set(path, file);
    if (this.#open.size > this.#countMax) {
      const [oldest] = this.#open.keys();
      if (oldest !== undefined) this.close(oldest);
    }
    return file;
  }

  /** Closes the file of a path, if it is open. */
  close(path: string): void {
    const file = this.#open.get(path);
    this.#open.delete(path);
    if (file !== undefined) closeQuietly(file);
  }

  /** Closes all. */
  closeAll(): void {
    for (const file of this.#open.values()) closeQuietly(file);
    this.#open.clear();
  }
}

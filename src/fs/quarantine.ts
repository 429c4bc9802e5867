/**
 * The quarantine: a copy of all bytes that are truncated or replaced, bounded
 * in number and size. Identical bytes are kept once.
 *
 * @module
 */
import { basename, join } from "@std/path";
import { crc32 } from "node:zlib";
import { moveAside, numbered } from "./aside.ts";
import { makeDirectory, readBytes, withFile, writeNew } from "./disk/files.ts";
import { guardedAsync } from "./disk/faults.ts";
import type { WatchedPlace } from "./layout.ts";

/** Limits of the quarantine. */
export interface QuarantineLimits {
  /** Total bytes. */
  readonly quarantineBytes: number;
  /** Number of files. */
  readonly quarantineFiles: number;
}

/** Bytes copied at a time; longer files are kept in parts of this size. */
const PART_BYTES = 8_388_608;

/** Keeps copies of truncated and replaced bytes. */
export class Quarantine {
  readonly #place: WatchedPlace;
  readonly #limits: QuarantineLimits;

  /** A quarantine in the directory of a runtime. */
  constructor(place: WatchedPlace, limits: QuarantineLimits) {
    this.#place = place;
    this.#limits = limits;
  }

  /**
   * Copies the bytes of a file from `start` to `end`, durably; returns the name of the last copy. Anything but
   * a file is moved to `salvage/`.
   */
  async keep(path: string, start = 0, end: number = Infinity): Promise<string> {
    const { fs } = this.#place;
    return await guardedAsync("keep in quarantine", path, async () => {
      const stat = fs.stat(path);
      if (stat !== undefined && stat.kind !== "file") return await moveAside(this.#place, path);
      const size = Math.min(end, stat?.size ?? 0);
      let name = "";
      for (let from = start; from < size; from += PART_BYTES) {
        const length = Math.min(PART_BYTES, size - from);
        const bytes = withFile(fs, path, "read", (file) => readBytes(file, from, length));
        name = await this.#keepBytes(basename(path), from, bytes);
      }
      return name;
    });
  }

  async #keepBytes(label: string, from: number, bytes: Uint8Array): Promise<string> {
    const { fs, layout: { quarantine: directory } } = this.#place;
    await makeDirectory(fs, directory, "quarantine");
    const suffix = `${label}-${from}-${crc32(bytes).toString(16).padStart(8, "0")}.bin`;
    // Sorted by number, so by age.
    const names = fs.list(directory).filter(({ kind }) => kind === "file").map(({ name }) => name).sort();
    // An earlier copy is replaced: a crash may have left it incomplete.
    const same = names.filter((name) => name.endsWith(`-${suffix}`));
    for (const name of same) fs.remove(join(directory, name));
    const kept = names.filter((name) => !same.includes(name));
    // Dropped files must not reappear next to the new copy.
    if (this.#makeRoom(kept, bytes.length) > 0) await fs.syncDirectory(directory);
    const name = numbered(kept, suffix);
    await writeNew(fs, join(directory, name), [bytes], { durable: true });
    await fs.syncDirectory(directory);
    return name;
  }

  /** Drops the oldest files until there is room; returns how many. */
  #makeRoom(kept: readonly string[], bytes: number): number {
    const { fs, layout: { quarantine: directory } } = this.#place;
    const { quarantineBytes, quarantineFiles } = this.#limits;
    const sizes = kept.map((name) => fs.stat(join(directory, name))?.size ?? 0);
    let [files, total] = [kept.length, sizes.reduce((sum, size) => sum + size, bytes)];
    for (const [index, name] of kept.entries()) {
      if (files < quarantineFiles && total <= quarantineBytes) break;
      const size = sizes[index] ?? 0;
      fs.remove(join(directory, name));
      files--;
      total -= size;
      const message = `Quarantine is full: dropped ${JSON.stringify(name)} (${size} bytes)`;
      this.#place.notice({
        code: "quarantine_dropped",
        severity: "warning",
        message,
        file: `quarantine/${name}`,
      });
    }
    return kept.length - files;
  }
}

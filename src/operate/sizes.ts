/**
 * What a store takes on disk, by kind of file.
 *
 * @module
 */
import { join } from "@std/path";
import { guarded } from "../fs/disk/faults.ts";
import type { FileSystem } from "../fs/disk/file_system.ts";
import { layoutIn, workerLayout } from "../fs/layout.ts";

/** Bytes on disk. */
export interface StoreSizes {
  /** Segments of the log. */
  readonly log: number;
  /** Number of segments. */
  readonly segments: number;
  /** Transcripts of all workers. */
  readonly transcripts: number;
  /** Both checkpoints. */
  readonly checkpoints: number;
  /** The other files: projections, identity, config. */
  readonly other: number;
  /** What was cut off or replaced, in `quarantine/` and `salvage/`. */
  readonly quarantine: number;
  /** All of it. */
  readonly total: number;
}

/** Adds up what the directory of a runtime holds. `workerIds` are those whose files count. */
export function storeSizes(fs: FileSystem, directory: string, workerIds: Iterable<string>): StoreSizes {
  const layout = layoutIn(directory);
  const size = (path: string): number => guarded("stat", path, () => fs.stat(path)?.size ?? 0);
  const inside = (path: string): number[] =>
    guarded("list", path, () => fs.stat(path)?.kind === "directory" ? fs.list(path) : [])
      .map(({ name }) => size(join(path, name)));
  const events = inside(layout.events);
  let [transcripts, other] = [0, size(layout.identity) + size(layout.config) + size(layout.overview)];
  for (const workerId of workerIds) {
    const paths = workerLayout(layout, workerId);
    transcripts += size(paths.transcript);
    other += size(paths.record) + size(paths.state) + size(paths.usage);
  }
  const log = sum(events);
  const checkpoints = size(layout.checkpoint) + size(layout.previousCheckpoint);
  const quarantine = sum(inside(layout.quarantine)) + sum(inside(join(directory, "salvage")));
  const total = log + transcripts + checkpoints + other + quarantine;
  return { log, segments: events.length, transcripts, checkpoints, other, quarantine, total };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/**
 * Disk usage of a store, by kind of file.
 *
 * @module
 */
import { join } from "@std/path";
import { guarded } from "../fs/disk/faults.ts";
import { sizeOf } from "../fs/disk/files.ts";
import type { DirectoryEntry, FileSystem } from "../fs/disk/file_system.ts";
import { type RuntimeLayout, segmentPath, workerLayout } from "../fs/layout.ts";
import type { FoundPlace, StoreLocation } from "../fs/place/find.ts";
import { measureRuntime } from "../postgres/facts.ts";
import type { PostgresLocation } from "../postgres/location.ts";
import { type FindOptions, placeOf } from "./options.ts";

/** Bytes on disk or in a database. */
export interface StoreSizes {
  /** Events of the log. */
  readonly log: number;
  /** Number of segments. */
  readonly segments: number;
  /** Transcripts of all workers; in a database, those events that the log no longer holds. */
  readonly transcripts: number;
  /** Blobs of all workers. */
  readonly blobs: number;
  /** Both checkpoints, or the snapshot. */
  readonly checkpoints: number;
  /** The other files: projections, identity, config, unfinished blobs. */
  readonly other: number;
  /** Truncated and replaced bytes, in `quarantine/` and `salvage/`. */
  readonly quarantine: number;
  /** All of it. */
  readonly total: number;
}

/** Files of one worker, in bytes. */
export interface WorkerSizes {
  /** Its transcript. */
  readonly transcript: number;
  /** Its blobs. */
  readonly blobs: number;
  /** Its other files. */
  readonly other: number;
}

/** Returns the sizes of a store and of the files of these workers. Requires `--allow-read`. */
export function storeSizes(
  location: StoreLocation,
  workerIds: Iterable<string>,
  options: FindOptions = {},
): StoreSizes {
  const { fs, layout } = placeOf(location, options);
  const segments = sizesInside(fs, layout.events);
  const workers = Array.from(workerIds, (workerId) => sizesIn(fs, layout, workerId));
  const sizes = {
    log: sum(segments),
    transcripts: sum(workers.map(({ transcript }) => transcript)),
    blobs: sum(workers.map(({ blobs }) => blobs)),
    checkpoints: sizeOf(fs, layout.checkpoint) + sizeOf(fs, layout.previousCheckpoint),
    other: sizeOf(fs, layout.identity) + sizeOf(fs, layout.config) + sizeOf(fs, layout.overview) +
      sum([...incomingSizes(fs, layout), ...workers.map(({ other }) => other)]),
    quarantine: sum([layout.quarantine, layout.salvage].flatMap((path) => sizesInside(fs, path))),
  };
  return { ...sizes, segments: segments.length, total: sum(Object.values(sizes)) };
}

/**
 * Returns the sizes of a runtime in a database, as kept there: texts may be compressed. It has no segments, no
 * other files and nothing in quarantine. Requires `--allow-net=HOST:PORT` for the client.
 */
export async function databaseSizes(location: PostgresLocation): Promise<StoreSizes> {
  const { events: log, transcripts, blobs, snapshot: checkpoints } = await measureRuntime(location);
  const sizes = { log, transcripts, blobs, checkpoints, other: 0, quarantine: 0 };
  return { ...sizes, segments: 0, total: sum(Object.values(sizes)) };
}

/** Returns the sizes of the files of one worker. Requires `--allow-read`. */
export function workerSizes(
  location: StoreLocation,
  workerId: string,
  options: FindOptions = {},
): WorkerSizes {
  const { fs, layout } = placeOf(location, options);
  return sizesIn(fs, layout, workerId);
}

/** Bytes of these segments of a log. */
export function logBytes({ fs, layout }: FoundPlace, segments: readonly number[]): number {
  return sum(segments.map((segment) => sizeOf(fs, segmentPath(layout, segment))));
}

/** Entries of a directory; none if it is missing or something else. */
export function entriesIn(fs: FileSystem, directory: string): readonly DirectoryEntry[] {
  const list = () => fs.stat(directory)?.kind === "directory" ? fs.list(directory) : [];
  return guarded("list", directory, list);
}

/** Sizes of the entries of a directory. */
export function sizesInside(fs: FileSystem, directory: string): number[] {
  return entriesIn(fs, directory).map(({ name }) => sizeOf(fs, join(directory, name)));
}

/** Sizes of unfinished blobs, and of those of workers that are yet to be created. */
function incomingSizes(fs: FileSystem, { incoming }: RuntimeLayout): number[] {
  return entriesIn(fs, incoming).flatMap(({ name, kind }) => {
    const path = join(incoming, name);
    return kind === "directory" ? sizesInside(fs, path) : sizeOf(fs, path);
  });
}

function sizesIn(fs: FileSystem, layout: RuntimeLayout, workerId: string): WorkerSizes {
  const { transcript, worker, blobs } = workerLayout(layout, workerId);
  return {
    transcript: sizeOf(fs, transcript),
    blobs: sum(sizesInside(fs, blobs)),
    other: sizeOf(fs, worker),
  };
}

/** Sum of numbers. */
export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/**
 * Files and directories of a store with which another process interferes.
 *
 * @module
 */
import type { SimulatedDisk } from "../../disk/mod.ts";
import { HOME, ROOT } from "../../kit/opened.ts";

/** A file or directory of the store. */
export interface StoreObject {
  readonly name: string;
  /** Path on this disk at this moment; `undefined` if there is none. */
  readonly path: (disk: SimulatedDisk) => string | undefined;
  /** Path of another object of the same kind. */
  readonly sibling?: (disk: SimulatedDisk) => string | undefined;
  /**
   * True if the host must notice at its next commit that it was replaced or removed. False for older segments,
   * which commits do not touch, and for files that only openings read or that can be written anew.
   */
  readonly isGuarded: boolean;
  /** True if it holds the whole store. */
  readonly isWhole: boolean;
}

const runtimes = `${ROOT}/runtimes`;

/** All of them. */
export const objects: readonly StoreObject[] = [
  { name: "root", path: () => ROOT, isGuarded: true, isWhole: true },
  { name: "runtimes", path: () => runtimes, isGuarded: true, isWhole: true },
  { name: "home", path: () => HOME, isGuarded: true, isWhole: true },
  part("events", { isGuarded: true }),
  part("workers", { isGuarded: true }),
  part("lock", { isGuarded: true }),
  { name: "newest", path: newest, sibling: oldest, isGuarded: false, isWhole: false },
  { name: "oldest", path: oldest, isGuarded: false, isWhole: false },
  part("runtime.json"),
  part("config.jsonc"),
  part("owner.json"),
  part("overview.json"),
  part("checkpoint.json", { sibling: "checkpoint.previous.json" }),
  part("checkpoint.previous.json"),
  part("incoming"),
  { name: "unfinished", path: unfinished, isGuarded: false, isWhole: false },
  part("workers/a/blobs", { sibling: "workers/b/blobs" }),
  { name: "blob", path: blobOf("a"), sibling: blobOf("b"), isGuarded: false, isWhole: false },
  part("workers/a", { sibling: "workers/b" }),
  part("workers/a/transcript.jsonl", { sibling: "workers/b/transcript.jsonl" }),
  part("workers/a/worker.json", { sibling: "workers/b/worker.json" }),
];

function part(
  name: string,
  { isGuarded = false, sibling }: { isGuarded?: boolean; sibling?: string } = {},
): StoreObject {
  const object = { name, path: () => `${HOME}/${name}`, isGuarded, isWhole: false };
  return sibling === undefined ? object : { ...object, sibling: () => `${HOME}/${sibling}` };
}

/** A blob that is being written. */
function unfinished(disk: SimulatedDisk): string | undefined {
  return firstIn(disk, `${HOME}/incoming`);
}

/** The path of a blob of a worker. */
function blobOf(name: string): (disk: SimulatedDisk) => string | undefined {
  return (disk) => firstIn(disk, `${HOME}/workers/${name}/blobs`);
}

function firstIn(disk: SimulatedDisk, path: string): string | undefined {
  const directory = disk.intruder.view(path);
  const [name] = directory?.kind === "directory" ? [...directory.entries.keys()].sort() : [];
  return name && `${path}/${name}`;
}

function segments(disk: SimulatedDisk): string[] {
  const events = disk.intruder.view(`${HOME}/events`);
  if (events?.kind !== "directory") return [];
  return [...events.entries.keys()].filter((name) => /^\d{16}\.jsonl$/.test(name)).sort();
}

function newest(disk: SimulatedDisk): string | undefined {
  const name = segments(disk).at(-1);
  return name && `${HOME}/events/${name}`;
}

/** The first segment, if another one follows it. */
function oldest(disk: SimulatedDisk): string | undefined {
  const [name, next] = segments(disk);
  return next && `${HOME}/events/${name}`;
}

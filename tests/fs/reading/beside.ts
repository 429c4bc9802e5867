// A writer that works while somebody reads: its changes of the disk, played beside the calls of the reader.

import { dirname } from "@std/path";
import { FsRuntimeStore } from "../../../fs_store.ts";
import { Runtime } from "../../../mod.ts";
import type { OpenFile } from "../../../src/fs/disk/file_system.ts";
import { isChange, SimulatedDisk } from "../../disk/mod.ts";
import { LOCAL_HOME as HOME } from "../../kit/opened.ts";
import { speak } from "../../kit/place.ts";

type Tree = Map<string, Uint8Array<ArrayBuffer>>;

/** New contents by file, `undefined` for removed files. */
type Change = ReadonlyMap<string, Uint8Array<ArrayBuffer> | undefined>;

/** Changes made by a writer, in order. */
export interface Recording {
  /** The disk before. */
  readonly start: Tree;
  /** Its changes. */
  readonly changes: readonly Change[];
}

const config = new TextEncoder().encode(
  JSON.stringify({ limits: { segmentBytes: 4_096, checkpointBytes: 4_096 } }),
);
/** Calls after which a reader is taken to hang. */
const CALLS_MAX = 100_000;
/** Contents sent to each worker: about two segments. */
export const contents: readonly string[] = Array.from({ length: 12 }, (_, n) => `${n} ${"x".repeat(600)}`);

/** Records what `work` changes in a store of workers a, b and c whose first events were pruned. */
export async function recorded(
  work: (runtime: Runtime, reopen: () => Promise<Runtime>) => Promise<void>,
): Promise<Recording> {
  const disk = new SimulatedDisk();
  disk.plant.file(`${HOME}/config.jsonc`, config);
  for (const workerId of ["a", "b", "c"]) {
    const runtime = await open(disk);
    await speak(runtime, workerId, contents);
    await runtime.close();
  }
  await (await open(disk)).close();
  const runtime = await open(disk);
  await runtime.prune();
  await runtime.flush();
  const start = disk.dump();
  const changes: Map<string, Uint8Array<ArrayBuffer> | undefined>[] = [];
  let before = start;
  const take = (): void => {
    const after = disk.dump();
    changes.push(difference(before, after));
    before = after;
  };
  let isChanged = false;
  disk.onCall = (call) => {
    if (isChanged) take();
    isChanged = isChange(call);
    return undefined;
  };
  let last = runtime;
  await work(runtime, async () => last = await open(disk));
  disk.onCall = undefined;
  take();
  // As if it were killed there: whoever reads finds a writer at work.
  disk.kill();
  await last.close().catch(() => {});
  return { start, changes };
}

async function open(fileSystem: SimulatedDisk): Promise<Runtime> {
  const store = new FsRuntimeStore({ root: "/data", runtimeId: "local" }, { fileSystem });
  return await Runtime.open({ store });
}

function difference(before: Tree, after: Tree): Map<string, Uint8Array<ArrayBuffer> | undefined> {
  const changed = new Map<string, Uint8Array<ArrayBuffer> | undefined>();
  for (const path of before.keys()) if (!after.has(path)) changed.set(path, undefined);
  for (const [path, bytes] of after) {
    const old = before.get(path);
    if (old?.length !== bytes.length || old.some((byte, at) => byte !== bytes[at])) changed.set(path, bytes);
  }
  return changed;
}

/** A disk as the writer found it. */
export function disk({ start }: Recording): SimulatedDisk {
  return new SimulatedDisk({ contents: start });
}

/** A disk as it was after so many changes. */
export function diskAfter(recording: Recording, changes: number): SimulatedDisk {
  const reader = disk(recording);
  for (const change of recording.changes.slice(0, changes)) plant(reader, change);
  return reader;
}

/** The path of the oldest segment. */
export function oldestSegment(reader: SimulatedDisk): string | undefined {
  return [...reader.dump().keys()].filter(isSegment).sort()[0];
}

/** Plays the next changes up to the end of a pruning; `false` if none is left. */
export function playPruning(reader: SimulatedDisk, changes: Change[]): boolean {
  const isRemoval = (change: Change): boolean =>
    [...change].some(([path, bytes]) => isSegment(path) && bytes === undefined);
  let end = changes.findIndex(isRemoval) + 1;
  while (end > 0 && changes[end] !== undefined && isRemoval(changes[end] as Change)) end++;
  for (const change of changes.splice(0, end)) plant(reader, change);
  return end > 0;
}

function isSegment(path: string): boolean {
  return /^\/data\/.*\/events\/\d+\.jsonl$/.test(path);
}

/**
 * Plays the changes from the reader's call `first` on, `pace` at each call; all
 * of them at once for `Infinity`. Gives the number of calls on the store so far.
 */
export function playBeside(
  reader: SimulatedDisk,
  recording: Recording,
  first: number,
  pace: number,
): () => number {
  let done = 0;
  let calls = 0;
  reader.onCall = ({ path }) => {
    if (!path.startsWith("/data")) return undefined;
    if (++calls > CALLS_MAX) throw new Error("The reader never ends");
    if (calls < first) return undefined;
    for (const change of recording.changes.slice(done, done + pace)) {
      plant(reader, change);
    }
    done += pace;
    return undefined;
  };
  return () => calls;
}

function plant(reader: SimulatedDisk, change: Change): void {
  for (const [path, bytes] of change) {
    if (bytes === undefined) remove(reader, path);
    else if (path.endsWith("/")) reader.plant.directory(path.slice(0, -1));
    else if (!extend(reader, path, bytes)) reader.plant.file(path, bytes);
  }
}

/** Adds to a file that others may have open; `false` if it was replaced instead. */
function extend(reader: SimulatedDisk, path: string, bytes: Uint8Array): boolean {
  const old = reader.peek(path);
  if (old === undefined || !path.endsWith(".jsonl")) return false;
  using writer = opened(reader.attach(), path);
  writer.file.truncate(bytes.length);
  writer.file.write(bytes, 0);
  return true;
}

function opened(other: SimulatedDisk, path: string): Disposable & { readonly file: OpenFile } {
  const file = other.open(path, "update");
  return { file, [Symbol.dispose]: () => file.close() };
}

function remove(reader: SimulatedDisk, path: string): void {
  if (!path.endsWith("/")) reader.plant.nothing(path);
  // An empty directory is listed; one that is gone, or that holds something by now, is not.
  else if (![...reader.dump().keys()].some((other) => other.startsWith(path) && other !== path)) {
    reader.plant.nothing(dirname(`${path}x`));
  }
}

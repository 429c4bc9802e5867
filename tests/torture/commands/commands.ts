/**
 * The commands that write, and the invariants after one was killed.
 *
 * @module
 */
import { backup, importRuntime, repair, verify } from "../../../operate.ts";
import { isRuntimeError } from "../../../mod.ts";
import type { SimulatedDisk } from "../../disk/mod.ts";
import { blobOf, refOf } from "../processes/blobs.ts";
import { Finding } from "../script/history.ts";
import {
  baseDisk,
  DIRECTORY,
  ENDED,
  filesBelow,
  salvagedRanges,
  SOURCE,
  streamOf,
  UNREFERENCED,
  withBlob,
  within,
  workersOf,
} from "./stores.ts";

/** A command under test. */
export interface Command {
  /** Its name. */
  readonly name: string;
  /** The initial disk. */
  base(): Promise<SimulatedDisk>;
  /** Runs it. */
  run(disk: SimulatedDisk): Promise<unknown>;
  /** The result, which must be the same for a command that was killed and repeated as for one that was not killed. */
  result(disk: SimulatedDisk): Promise<unknown>;
  /** Checks the state after a kill, before the command is repeated. Throws {@linkcode Finding}. */
  check?(left: SimulatedDisk, base: SimulatedDisk): Promise<void>;
}

/** The verdict on a store; `undefined` when there is none. */
async function verdictOf(fileSystem: SimulatedDisk, root: string): Promise<string | undefined> {
  try {
    return (await verify({ ...SOURCE, root }, { fileSystem })).verdict;
  } catch (error) {
    if (isRuntimeError(error) && error.code === "store_missing") return undefined;
    throw error;
  }
}

async function mustNotBeDamaged(disk: SimulatedDisk, root: string): Promise<void> {
  const verdict = await verdictOf(disk, root);
  if (verdict === "damaged") throw new Finding("I1", `what the kill left below ${root} is damaged`);
}

/** Blobs of a copy that a store must have, too: those that its transcripts refer to. */
async function mustHaveBlobs(disk: SimulatedDisk, root: string): Promise<void> {
  const [copy, source] = [await workersOf(disk, root), await workersOf(disk)];
  if (JSON.stringify(copy) === JSON.stringify(source)) return;
  const text = (workers: unknown): string => JSON.stringify(workers).replace(/[xy]{20,}/g, "...");
  throw new Finding("I1", `the copy has ${text(copy)}, not ${text(source)}`);
}

/** Every file of a blob is still there, whole. */
function mustKeepBlobs(left: SimulatedDisk, base: SimulatedDisk): void {
  const kept = filesBelow(left, DIRECTORY);
  for (const [path, text] of filesBelow(base, `${DIRECTORY}/workers/`)) {
    if (path.includes("/blobs/") && kept.get(path) !== text) throw new Finding("I8", `${path} is gone`);
  }
}

/** Every line of the log still exists somewhere below the directory of the store. */
function mustKeepEvents(left: SimulatedDisk, base: SimulatedDisk): void {
  const kept = [...filesBelow(left, DIRECTORY).values()].join("\n");
  for (const [path, text] of filesBelow(base, `${DIRECTORY}/events/`)) {
    for (const line of text.split("\n")) {
      if (line.startsWith("{") && !kept.includes(line)) throw new Finding("I8", `a line of ${path} is gone`);
    }
  }
}

function mustLeaveSource(left: SimulatedDisk, base: SimulatedDisk): void {
  const [now, before] = [filesBelow(left, DIRECTORY), filesBelow(base, DIRECTORY)];
  const isSame = now.size === before.size && [...now].every(([path, text]) => before.get(path) === text);
  if (!isSame) throw new Finding("I8", "the source was changed");
}

const repaired = {
  async result(disk: SimulatedDisk): Promise<unknown> {
    return [await verdictOf(disk, SOURCE.root), await workersOf(disk)];
  },
} as const;

async function copied(disk: SimulatedDisk): Promise<unknown> {
  await mustHaveBlobs(disk, "/copy");
  return filesBelow(disk, "/copy");
}

/** Changes the bytes of a file on a disk. */
function change(disk: SimulatedDisk, path: string, how: (text: string) => string): void {
  const text = new TextDecoder().decode(disk.peek(path));
  disk.plant.file(path, new TextEncoder().encode(how(text)));
}

let stream: Promise<Uint8Array[]> | undefined;

/** All of them. */
export const commands: readonly Command[] = [
  {
    name: "import",
    base: baseDisk,
    async run(fileSystem): Promise<unknown> {
      stream ??= baseDisk().then(streamOf);
      return await importRuntime("/target", ReadableStream.from(await stream), { fileSystem });
    },
    async result(disk): Promise<unknown> {
      await mustHaveBlobs(disk, "/target");
      return filesBelow(disk, "/target");
    },
    async check(left, base): Promise<void> {
      mustLeaveSource(left, base);
      const verdict = await verdictOf(left, "/target");
      if (verdict !== undefined && verdict !== "clean") {
        throw new Finding("I1", `a ${verdict} store was left`);
      }
      if (verdict === "clean") left.plant.nothing("/target");
    },
  },
  {
    name: "backup",
    base: baseDisk,
    run: (fileSystem) => backup(SOURCE, { fileSystem, to: "/copy" }),
    result: copied,
    async check(left, base): Promise<void> {
      mustLeaveSource(left, base);
      const verdict = await verdictOf(left, "/copy");
      const isStore = left.peek("/copy/runtimes/local/runtime.json") !== undefined;
      if (isStore && verdict === "damaged") throw new Finding("I1", "a damaged store was left");
    },
  },
  {
    name: "backup-again",
    async base(): Promise<SimulatedDisk> {
      const disk = await baseDisk();
      await backup(SOURCE, { fileSystem: disk, to: "/copy" });
      await within(disk, async (runtime) => {
        await runtime.createWorker({ workerId: "d", intent: { kind: "assistant" } });
        for (const workerId of ["a", "d", "a", "a", "d", "a"]) {
          await runtime.worker(workerId).append([{ role: "user", content: "y".repeat(900) }]);
        }
        await withBlob(runtime.worker("d"), "image of d");
        await withBlob(runtime.worker("a"), "image 4");
        // The copy keeps blobs that were removed since; it never loses one that is referred to.
        await runtime.worker("a").removeUnreferencedBlobs();
      });
      return disk;
    },
    run: (fileSystem) => backup(SOURCE, { fileSystem, to: "/copy" }),
    result: copied,
    async check(left, base): Promise<void> {
      mustLeaveSource(left, base);
      await mustNotBeDamaged(left, "/copy");
    },
  },
  {
    name: "repair",
    async base(): Promise<SimulatedDisk> {
      const disk = await baseDisk();
      change(disk, `${DIRECTORY}/workers/a/transcript.jsonl`, (text) => text.replace("0 2 x", "0 2 y"));
      change(disk, `${DIRECTORY}/runtime.json`, (text) => text.replace("createdAt", "createdOn"));
      disk.plant.nothing(`${DIRECTORY}/overview.json`);
      disk.plant.file(`${DIRECTORY}/overview.json/inside`, new Uint8Array(3));
      return disk;
    },
    run: (fileSystem) => repair(SOURCE, { fileSystem, apply: true, now: () => 0 }),
    ...repaired,
    check: (left, base) => Promise.resolve(mustKeepEvents(left, base)),
  },
  {
    name: "salvage",
    async base(): Promise<SimulatedDisk> {
      const disk = await baseDisk();
      const [, second = ""] = disk.list(`${DIRECTORY}/events`).map(({ name }) => name).sort();
      change(disk, `${DIRECTORY}/events/${second}`, (text) => text.replace(/ x{900}/, ` ${"z".repeat(900)}`));
      return disk;
    },
    run: (fileSystem) => repair(SOURCE, { fileSystem, apply: true, salvage: true, now: () => 0 }),
    async result(disk): Promise<unknown> {
      return [await repaired.result(disk), await salvagedRanges(disk)];
    },
    async check(left, base): Promise<void> {
      mustKeepEvents(left, base);
      const opened = left.fork();
      try {
        await within(opened, () => Promise.resolve());
      } catch (error) {
        if (!isRuntimeError(error)) throw error;
        return;
      }
      const ranges = await salvagedRanges(opened).catch((error) => {
        if (isRuntimeError(error) && error.code === "store_corrupt") return undefined;
        throw error;
      });
      // The damaged events still exist, because nothing was truncated yet.
      if (ranges === undefined) return;
      if (ranges.length !== 1) throw new Finding("I8", `an opening recorded ${ranges.length} salvages`);
    },
  },
  {
    name: "prune",
    base: baseDisk,
    run: (disk) => within(disk, (runtime) => runtime.prune()),
    ...repaired,
    async check(left, base): Promise<void> {
      mustKeepBlobs(left, base);
      await mustNotBeDamaged(left, SOURCE.root);
    },
  },
  {
    name: "put",
    base: baseDisk,
    // The same bytes under a name that exists, and others.
    run: (disk) =>
      within(disk, async (runtime) => {
        for (const name of ["image 1", "image 5"]) await runtime.worker("a").putBlob(blobOf(name));
      }),
    async result(disk): Promise<unknown> {
      return [await repaired.result(disk), [...filesBelow(disk, `${DIRECTORY}/workers/a/blobs/`).keys()]];
    },
    async check(left, base): Promise<void> {
      mustKeepEvents(left, base);
      mustKeepBlobs(left, base);
      await mustNotBeDamaged(left, SOURCE.root);
    },
  },
  {
    name: "remove-blobs",
    base: baseDisk,
    run: (disk) => within(disk, (runtime) => runtime.worker("a").removeUnreferencedBlobs()),
    async result(disk): Promise<unknown> {
      const { sha256 } = refOf(UNREFERENCED);
      const path = `${DIRECTORY}/workers/a/blobs/${sha256}`;
      if (disk.peek(path) !== undefined) throw new Finding("I5", "an unreferenced blob was not removed");
      return await repaired.result(disk);
    },
    async check(left): Promise<void> {
      const kept = [await workersOf(left), await workersOf(await baseDisk())];
      if (JSON.stringify(kept[0]) !== JSON.stringify(kept[1])) {
        throw new Finding("I1", "a blob that is referred to is gone");
      }
      await mustNotBeDamaged(left, SOURCE.root);
    },
  },
  {
    name: "purge",
    base: baseDisk,
    run: (disk) =>
      within(disk, async (runtime) => {
        const there = runtime.workers({ limit: 1_000 }).items.map(({ record }) => record.workerId as string);
        for (const workerId of ENDED.filter((id) => there.includes(id))) {
          await runtime.worker(workerId).purge();
        }
      }),
    ...repaired,
    async check(left, base): Promise<void> {
      mustKeepEvents(left, base);
      await mustNotBeDamaged(left, SOURCE.root);
    },
  },
];

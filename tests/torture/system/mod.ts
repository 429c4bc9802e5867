/**
 * The suite of real failures: system calls that fail, a disk that is full,
 * permissions that are missing.
 *
 * @module
 */
import { Random } from "../../disk/mod.ts";
import { workerCount } from "../kit/parallel.ts";
import type { Budget, Count, Suite, SuiteReport } from "../suite.ts";
import { mountDisk } from "../../kit/small_disk.ts";
import { fillUp, type FullDiskFigures, removeDisk, SIZE_BYTES } from "./full_disk.ts";
import { hasStrace, inject, type InjectionFigures, injections } from "./injection.ts";
import { checkPermissions } from "./permissions.ts";

const INJECTIONS = 300;
const FULL_DISKS = 50;

/** Failures of a real system. */
export const system: Suite = {
  name: "system",
  title: "real system calls that fail, a full disk and missing permissions lose nothing",
  real: true,
  run,
};

async function run(budget: Budget): Promise<SuiteReport> {
  const notes: string[] = [];
  const counts: Count[] = [
    ...await runInjections(budget, notes),
    ...await runFullDisks(budget, notes),
    { what: "operations of the permission matrix", count: await checkPermissions(), target: 300 },
  ];
  return { counts, notes };
}

async function runInjections({ share, seed, only, progress }: Budget, notes: string[]): Promise<Count[]> {
  if (!await hasStrace()) {
    notes.push("system calls: left out, there is no strace here");
    return [];
  }
  const all = injections();
  const named = all.filter(({ inject, when }) => only === `inject:${inject}:${when}`);
  const count = Math.min(all.length, Math.ceil(all.length * share));
  const chosen = only === undefined ? shuffled(all, seed).slice(0, count) : named;
  const figures: InjectionFigures = { runs: 0, refusing: 0, acknowledged: 0, blobs: 0 };
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let one = chosen[next++]; one !== undefined; one = chosen[next++]) {
      await inject(one, figures);
      progress?.(figures.runs, chosen.length);
    }
  };
  await Promise.all(Array.from({ length: workerCount() }, lane));
  notes.push(
    `${figures.refusing} runs with refusals, ${figures.acknowledged} commands and ${figures.blobs} blobs acknowledged, none lost`,
  );
  return [{
    what: "runs with a system call that fails",
    count: figures.runs,
    target: only === undefined ? Math.floor(INJECTIONS * share) : 0,
  }];
}

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = new Random(seed);
  return items.map((item) => ({ item, at: random.next() })).sort((a, b) => a.at - b.at).map(({ item }) =>
    item
  );
}

async function runFullDisks({ share, seed, only }: Budget, notes: string[]): Promise<Count[]> {
  const disk = await mountDisk(SIZE_BYTES);
  if ("why" in disk) {
    notes.push(`full disk: left out (${disk.why})`);
    return [];
  }
  const wanted = only === undefined
    ? Math.max(1, Math.ceil(FULL_DISKS * share))
    : Number(only.startsWith("full-disk-"));
  const first = only?.startsWith("full-disk-") ? Number(only.slice(10)) : seed * 1_000;
  const total: FullDiskFigures = { acknowledged: 0, blobs: 0, refused: 0, refusedBlobs: 0 };
  try {
    for (let index = 0; index < wanted; index++) {
      const figures = await fillUp(disk.path, first + index);
      for (const name of Object.keys(total) as (keyof FullDiskFigures)[]) total[name] += figures[name];
    }
  } finally {
    await removeDisk(disk.path);
  }
  notes.push(
    `full disk: ${total.acknowledged} commands and ${total.blobs} blobs acknowledged, none lost, ` +
      `${total.refused} and ${total.refusedBlobs} refused`,
  );
  return [{
    what: "full disks",
    count: wanted,
    target: only === undefined ? Math.floor(FULL_DISKS * share) : 0,
  }];
}

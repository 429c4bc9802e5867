/**
 * The corruption suite: every kind of file of a small store is damaged in
 * every way, one way at a time, and the store is opened and read to the end.
 *
 * @module
 */
import { baseStore, type Ending } from "../kit/base_store.ts";
import { tailTable } from "../../../src/fs/log/tail_table.ts";
import { inParallel } from "../kit/parallel.ts";
import type { Budget, Count, Suite, SuiteReport } from "../suite.ts";
import { filesOf } from "./damage.ts";
import { changedBytes } from "./mutations.ts";
import type { Portion, Tally } from "./plan.ts";
import { checkRows } from "./rows.ts";

/** Mutations in a full run. */
const TARGET = 80_000;
const PORTIONS_PER_FILE = 4;

/** Damage to files at rest. */
export const corruption: Suite = {
  name: "corruption",
  title: "every damage to every kind of file is reported, or has no effect",
  real: false,
  run,
};

async function run(budget: Budget): Promise<SuiteReport> {
  const portions = await portionsOf(budget);
  const module = new URL("./worker.ts", import.meta.url);
  const tallies = await inParallel<Portion, Tally>(module, portions, { progress: budget.progress });
  const total = summed(tallies);
  const refusing = tailTable.filter(({ verdict }) => verdict === "corrupt").length;
  const rows = {
    what: "rows of the recovery table that refuse",
    count: (await checkRows()).length,
    target: refusing,
  };
  return { counts: [...countsOf(total, budget), rows], notes: notesOf(total) };
}

async function portionsOf({ share, seed, only }: Budget): Promise<Portion[]> {
  const portions: Portion[] = [];
  const perEnding: { readonly ending: Ending; readonly files: ReadonlyMap<string, Uint8Array> }[] = [];
  for (const ending of ["closed", "killed"] as const) {
    perEnding.push({ ending, files: filesOf(await baseStore(ending)) });
  }
  const possible = perEnding.flatMap(({ files }) => [...files.values()])
    .reduce((sum, bytes) => sum + changedBytes(bytes) * 4, 0);
  // A little more than the target, because not every mutation is a change.
  const chance = TARGET * share * 1.04 / possible;
  for (const { ending, files } of perEnding) {
    for (const file of files.keys()) {
      if (only !== undefined && !only.startsWith(`${ending}:${file}:`)) continue;
      for (let part = 0; part < PORTIONS_PER_FILE; part++) {
        portions.push({ ending, file, part, parts: PORTIONS_PER_FILE, chance, seed, ...(only && { only }) });
      }
    }
  }
  return portions;
}

function summed(tallies: readonly Tally[]): Map<string, number> {
  const total = new Map<string, number>();
  for (const tally of tallies) {
    for (const [key, count] of Object.entries(tally)) total.set(key, (total.get(key) ?? 0) + count);
  }
  return total;
}

function countsOf(total: ReadonlyMap<string, number>, { share, only }: Budget): Count[] {
  const outside = sumWhere(
    total,
    (key) =>
      key.endsWith("|shorter") && !(key.startsWith("killed|last segment|") && !key.includes("|before it|")),
  );
  return [
    {
      what: "mutations",
      count: sumWhere(total, () => true),
      target: only === undefined ? Math.floor(TARGET * share) : 0,
    },
    {
      what: "mutations of blobs",
      count: sumWhere(total, (key) => key.split("|")[1]?.endsWith("blob") === true),
      target: only === undefined ? Math.floor(TARGET * share / 200) : 0,
    },
    { what: "undetected outside the last batch of an unclean log (must be 0)", count: outside, target: 0 },
  ];
}

function sumWhere(total: ReadonlyMap<string, number>, matches: (key: string) => boolean): number {
  return [...total].reduce((sum, [key, count]) => sum + (matches(key) ? count : 0), 0);
}

function notesOf(total: ReadonlyMap<string, number>): string[] {
  const notes = ["file: refused + told + harmless (+ lost end), of the closed and of the unclean store"];
  const groups = new Map<string, Record<string, number>>();
  for (const [key, count] of total) {
    const [ending, kind, place, outcome = ""] = key.split("|");
    const name = `${ending} ${kind}${place === "" ? "" : `, ${place}`}`;
    const group = groups.get(name) ?? {};
    group[outcome] = (group[outcome] ?? 0) + count;
    groups.set(name, group);
  }
  for (const [name, { refused = 0, told = 0, harmless = 0, shorter = 0 }] of [...groups].sort()) {
    notes.push(`${name}: ${refused} + ${told} + ${harmless}${shorter > 0 ? ` (+ ${shorter})` : ""}`);
  }
  return notes;
}

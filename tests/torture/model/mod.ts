/**
 * The model suite: random histories of a whole runtime, with many callers, a bad
 * disk, kills, power cuts and a clock that jumps, compared with a simple reference
 * after every group of commands.
 *
 * @module
 */
import { inParallel } from "../kit/parallel.ts";
import type { Budget, Suite, SuiteReport } from "../suite.ts";
import type { SeedPortion } from "./worker.ts";
import type { Figures } from "./world.ts";

const SEEDS = 2_000;
const COMMANDS_PER_SEED = 510;
const SEEDS_PER_PORTION = 10;

/** Random histories against a reference. */
export const model: Suite = {
  name: "model",
  title: "random histories with faults and crashes agree with a simple reference",
  real: false,
  run,
};

async function run({ share, seed, only, progress }: Budget): Promise<SuiteReport> {
  const first = only === undefined ? seed * 1_000_000 : Number(only.replace("seed-", ""));
  const seeds = only === undefined ? Math.ceil(SEEDS * share) : 1;
  const portions: SeedPortion[] = [];
  for (let at = 0; at < seeds; at += SEEDS_PER_PORTION) {
    portions.push({
      from: first + at,
      to: first + Math.min(seeds, at + SEEDS_PER_PORTION),
      commands: COMMANDS_PER_SEED,
    });
  }
  const all = await inParallel<SeedPortion, Figures>(
    new URL("./worker.ts", import.meta.url),
    portions,
    { progress },
  );
  const sum = (key: keyof Figures): number => all.reduce((total, figures) => total + figures[key], 0);
  return {
    counts: [
      { what: "seeds", count: seeds, target: only === undefined ? Math.floor(SEEDS * share) : 0 },
      {
        what: "operations",
        count: sum("commands"),
        target: only === undefined ? Math.floor(SEEDS * share) * 500 : 0,
      },
    ],
    notes: [
      `${sum("crashes")} crashes, ${sum("reopenings")} openings, ${
        sum("refusedByDisk")
      } batches refused by the disk`,
    ],
  };
}

/**
 * Runs seeds of the model suite.
 *
 * @module
 */
import { Random } from "../../disk/mod.ts";
import { begin, serve } from "../kit/serving.ts";
import { BrokenOracle } from "../suite.ts";
import { type Figures, type Scenario, World } from "./world.ts";

/** Seeds to run. */
export interface SeedPortion {
  /** The first seed. */
  readonly from: number;
  /** One past the last. */
  readonly to: number;
  /** Commands of each seed. */
  readonly commands: number;
}

serve<SeedPortion, Figures>(async ({ from, to, commands }) => {
  const total: Figures = { commands: 0, crashes: 0, reopenings: 0, refusedByDisk: 0 };
  for (let seed = from; seed < to; seed++) {
    const name = `seed-${seed}`;
    begin(name);
    const figures = await runSeed(seed, name, commands);
    for (const key of ["commands", "crashes", "reopenings", "refusedByDisk"] as const) {
      total[key] += figures[key];
    }
  }
  return total;
});

async function runSeed(seed: number, name: string, commands: number): Promise<Figures> {
  const random = new Random(seed);
  turnByItself(new Random(random.fork()));
  const world = new World(random, scenarioOf(random), name);
  try {
    await world.begin();
    while (world.figures.commands < commands) await world.round();
    await world.end();
    return world.figures;
  } catch (cause) {
    if (cause instanceof BrokenOracle) throw cause;
    throw new BrokenOracle(
      "I7",
      name,
      `an error that nobody expected: ${cause}; told before: ${world.told()}`,
      { cause },
    );
  }
}

/**
 * Durations determine the order of concurrent work. Measured ones would differ
 * between runs, so they are simulated: mostly zero, sometimes long.
 */
function turnByItself(random: Random): void {
  const slowness = random.pick([0.001, 0.05, 0.3]);
  let ms = 0;
  performance.now = () => ms += random.chance(slowness) ? random.below(8) : 0.01;
}

/** Varies the numbers of workers and callers and the faults of the disk. */
function scenarioOf(random: Random): Scenario {
  const count = random.pick([1, 3, 6, 12, 60]);
  const workerIds = Array.from({ length: count }, (_, index) => random.pick(["w", "W", "ä/"]) + index);
  return {
    workerIds,
    groupMax: random.pick([1, 4, 16, 64]),
    faultChance: random.pick([0, 0.02, 0.1, 0.3]),
    synced: random.chance(0.8),
  };
}

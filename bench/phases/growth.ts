/**
 * Inputs per second on top of histories of different sizes.
 *
 * @module
 */
import type { ContenderId } from "../contenders/contender.ts";
import { MeasuringProcess } from "../harness/process.ts";
import type { Stage } from "../options.ts";
import { type Bench, directoryFor, quiet, rotated } from "./bench.ts";
import { stageDirectory } from "./stages.ts";

/** The fastest ways. */
const growing: readonly ContenderId[] = ["fs", "sqlite-batched", "level", "lmdb"];

/** In each round a fresh process on each history; before it counts, it warms up. */
export async function measureGrowth(bench: Bench): Promise<void> {
  const { growthRounds, stages } = bench.amounts;
  for (let round = 0; round < growthRounds; round++) {
    bench.progress(`inputs by history: round ${round + 1} of ${growthRounds}`);
    for (const stage of stages.filter(({ id }) => id !== "few workers")) {
      const all = bench.contenders.filter((who) =>
        stage.id === "1000x" ? who === "fs" : growing.includes(who)
      );
      for (const who of rotated(all, round)) await tryOnTop(bench, stage, who);
    }
  }
}

/** A peer that fails on a history has no figure there, and the others go on. */
async function tryOnTop(bench: Bench, stage: Stage, who: ContenderId): Promise<void> {
  try {
    await measureOnTop(bench, stage, who);
  } catch (error) {
    if (who === "fs") throw error;
    bench.progress(`${who} failed on ${stage.id}: ${error instanceof Error ? error.message : error}`);
  }
}

async function measureOnTop(bench: Bench, stage: Stage, who: ContenderId): Promise<void> {
  const original = stageDirectory(bench, stage, who === "sqlite-batched" ? "sqlite" : who);
  const isSmall = stage.events < 200_000;
  const directory = isSmall ? directoryFor(bench, `copy-${who}`) : original;
  if (isSmall) copy(original, directory);
  const process = await MeasuringProcess.open(who, directory);
  const rate = await rateOnTop(bench, stage, process);
  const info = {
    id: `growth.${stage.id}`,
    table: "Inputs per second by history, 64 callers",
    column: stage.id,
  };
  bench.book.add({ ...info, unit: "/s", better: "more" }, who, rate);
  if (isSmall) await process.kill();
  else await process.close();
  if (isSmall) Deno.removeSync(directory, { recursive: true });
}

async function rateOnTop(bench: Bench, stage: Stage, process: MeasuringProcess): Promise<number> {
  const { windowMs, workers: usual } = bench.amounts;
  const workers = stage.workers || usual;
  await process.do("createWorkers", { count: workers });
  await process.do("flush", null);
  await quiet();
  const load = { callers: 64, workers, mix: "200 B" as const };
  await process.do("inputs", { ...load, ms: windowMs / 2 });
  const { inputs, ms } = await process.do("inputs", { ...load, ms: windowMs });
  return inputs / (ms / 1_000);
}

/** Copies a directory, so that what is written on top of it does not last. */
export function copy(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copy(`${from}/${name}`, `${to}/${name}`);
    else Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}

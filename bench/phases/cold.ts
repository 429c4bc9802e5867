/**
 * Reading when the operating system has forgotten all files. It comes after
 * what is measured warm: it leaves everybody's files cold.
 *
 * @module
 */
import type { ContenderId } from "../contenders/contender.ts";
import { canDropPageCache } from "../harness/machine.ts";
import { MeasuringProcess } from "../harness/process.ts";
import { pageKinds } from "../harness/reads.ts";
import { percentile } from "../harness/stats.ts";
import type { Stage } from "../options.ts";
import { type Bench, rotated } from "./bench.ts";
import { eventsOf, inStage, readInfo, stageDirectory } from "./stages.ts";

/** Reads pages of the largest history that all have; a fresh process for each contender and round. */
export async function measureCold(bench: Bench): Promise<void> {
  const stage = bench.amounts.stages.find(({ id }) => id === "100x");
  if (stage === undefined || !canDropPageCache()) return;
  const { stageRounds } = bench.amounts;
  for (let round = 0; round < stageRounds; round++) {
    bench.progress(`reading cold: round ${round + 1} of ${stageRounds}`);
    for (const who of rotated(inStage(bench, stage), round)) await readCold(bench, stage, who);
  }
}

async function readCold(bench: Bench, stage: Stage, who: ContenderId): Promise<void> {
  const process = await MeasuringProcess.open(who, stageDirectory(bench, stage, who));
  const load = { workers: stage.workers, lastEventId: eventsOf(bench, stage, who), cold: true };
  for (const kind of pageKinds.slice(1)) {
    const times = await process.do("read", { ...load, kind, count: bench.amounts.coldReads });
    bench.book.add(readInfo(kind, "cold"), who, percentile(times, 0.5));
  }
  await process.close();
}

/**
 * Opening after a kill. The file system store is killed at the worst moment:
 * just before it would have saved a checkpoint.
 *
 * @module
 */
import type { ContenderId } from "../contenders/contender.ts";
import { MeasuringProcess } from "../harness/process.ts";
import type { MeasureInfo } from "../report/book.ts";
import { type Bench, directoryFor, durable, quiet } from "./bench.ts";
import { copy } from "./growth.ts";

const INFO: Omit<MeasureInfo, "id" | "column" | "unit"> = { table: "Opening after a kill", better: "less" };
const OPEN: MeasureInfo = { ...INFO, id: "killed.open", column: "opening", unit: "ms" };
const TAIL: MeasureInfo = { ...INFO, id: "killed.tail", column: "events behind", unit: "events" };

/** Inputs between two looks at whether a checkpoint is due. */
const STEP = 5_000;
const CALLERS = 1_024;

/** Kills every contender in the middle of its work, and opens what is left. */
export async function measureKills(bench: Bench): Promise<void> {
  for (const who of durable(bench)) {
    bench.progress(`killing: ${who}`);
    const directory = directoryFor(bench, `killed-${who}`);
    const tail = await fillAndKill(bench, who, directory);
    bench.book.add(TAIL, who, tail);
    for (let round = 0; round < bench.amounts.killRounds; round++) await openCopy(bench, who, directory);
    Deno.removeSync(directory, { recursive: true });
  }
}

/** Gives the number of inputs that no checkpoint covers, about. */
async function fillAndKill(bench: Bench, who: ContenderId, directory: string): Promise<number> {
  const { workers, killEvents } = bench.amounts;
  const process = await MeasuringProcess.open(who, directory);
  await process.do("createWorkers", { count: workers });
  const step = { workers, inputs: STEP, callers: CALLERS };
  let tail = who === "kv" || who === "sqlite" ? killEvents / 10 : killEvents;
  if (who === "fs") {
    let inputs = 0;
    for (; await process.do("checkpointsDue", null) === 0; inputs += STEP) await process.do("fill", step);
    tail = Math.floor(0.95 * inputs) - STEP;
  }
  await process.do("fill", { ...step, inputs: tail });
  await process.do("inputsUntilKilled", { callers: 64, workers, mix: "200 B", ms: 0 });
  await new Promise((resolve) => setTimeout(resolve, 30));
  await process.kill();
  return tail;
}

async function openCopy(bench: Bench, who: ContenderId, directory: string): Promise<void> {
  const copied = directoryFor(bench, `killed-copy-${who}`);
  copy(directory, copied);
  // Else the first sync of the opening would pay for the copy.
  await quiet();
  const process = await MeasuringProcess.start(who);
  bench.book.add(OPEN, who, await process.do("open", { place: copied }));
  await process.close();
  Deno.removeSync(copied, { recursive: true });
}

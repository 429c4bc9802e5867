/**
 * How long the event loop stands still, and how soon a watcher hears.
 *
 * @module
 */
import type { ContenderId } from "../contenders/contender.ts";
import type { MeasuringProcess } from "../harness/process.ts";
import { percentile } from "../harness/stats.ts";
import type { MeasureInfo } from "../report/book.ts";
import { type Bench, library, quiet, rotated } from "./bench.ts";
import type { Processes } from "./inputs.ts";

const MIX = "200 B" as const;

/** Measures the longest stall of each round. */
export async function measureStalls(bench: Bench, processes: Processes): Promise<void> {
  for (let round = 0; round < bench.amounts.rounds; round++) {
    bench.progress(`stalls: round ${round + 1} of ${bench.amounts.rounds}`);
    for (const [who, process] of rotated([...processes], round)) {
      await measureStall(bench, who, process);
      await quiet();
    }
  }
}

async function measureStall(bench: Bench, who: ContenderId, process: MeasuringProcess): Promise<void> {
  const { windowMs, workers } = bench.amounts;
  const ms = windowMs / 2;
  const load = { callers: 64, workers, mix: MIX, ms };
  bench.book.add(stall("idle", "nothing runs"), who, await process.do("stallIdle", { ms: ms / 2 }));
  bench.book.add(stall("64", "64 callers"), who, await process.do("stall", load));
  if (who !== "fs") return;
  const info = stall("checkpoint", "64, checkpoint, flush");
  bench.book.add(info, who, await process.do("stallCheckpoint", load));
}

function stall(id: string, column: string): MeasureInfo {
  return { id: `stall.${id}`, table: "Longest stall of the event loop", column, unit: "ms", better: "less" };
}

/** Measures how soon a watcher has an event. */
export async function measureWatch(bench: Bench, processes: Processes): Promise<void> {
  for (let round = 0; round < bench.amounts.rounds; round++) {
    bench.progress(`watching: round ${round + 1} of ${bench.amounts.rounds}`);
    for (const who of library(bench)) {
      for (const callers of [1, 64]) await measureWatcher(bench, who, processes.get(who), callers);
    }
  }
}

async function measureWatcher(
  bench: Bench,
  who: ContenderId,
  process: MeasuringProcess | undefined,
  callers: number,
): Promise<void> {
  const { reads, workers } = bench.amounts;
  const times = await process?.do("watch", { callers, workers, inputs: reads * Math.sqrt(callers) });
  if (times === undefined) return;
  for (const [share, name] of [[0.5, "p50"], [0.99, "p99"]] as const) {
    const info = { table: "From an input to its watcher", unit: "ms", better: "less" } as const;
    const column = `${callers === 1 ? "1 caller" : `${callers} callers`} ${name}`;
    const id = `watch.${callers}.${name}`;
    bench.book.add({ ...info, id, column }, who, percentile(times, share));
  }
}

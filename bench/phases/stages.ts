/**
 * Histories of different sizes: opening them, the memory that takes, reading
 * pages and taking inputs on top. Each opening is a process of its own.
 *
 * @module
 */
import type { ContenderId } from "../contenders/contender.ts";
import { directoryBytes } from "../harness/machine.ts";
import { MeasuringProcess } from "../harness/process.ts";
import { type PageKind, pageKinds, type ReadLoad } from "../harness/reads.ts";
import { percentile } from "../harness/stats.ts";
import type { Stage } from "../options.ts";
import type { MeasureInfo } from "../report/book.ts";
import { type Bench, directoryFor, durable, quiet, rotated } from "./bench.ts";

/** Callers that fill a history; so many, so that every contender can batch. */
const FILLERS = 8_192;

/** How long the history of a contender is. */
export function eventsOf(bench: Bench, stage: Stage, who: ContenderId): number {
  return who === "kv" ? Math.min(stage.events, bench.amounts.kvEventsMax) : stage.events;
}

/** Who takes part in a stage. The largest is for the file system store alone. */
export function inStage(bench: Bench, stage: Stage): ContenderId[] {
  // Both ways to use SQLite have the same file and the same reads.
  const { kvEventsMax } = bench.amounts;
  const all = durable(bench).filter((who) => who !== "sqlite-batched" && (who !== "kv" || kvEventsMax > 0));
  return stage.id === "1000x" ? all.filter((who) => who === "fs") : all;
}

/** Where a history lies. */
export function stageDirectory(bench: Bench, stage: Stage, who: ContenderId): string {
  return directoryFor(bench, `history-${stage.id}-${who}`);
}

/** Makes all histories, and closes them. */
export async function fillStages(bench: Bench): Promise<void> {
  for (const stage of bench.amounts.stages) {
    for (const who of inStage(bench, stage)) {
      bench.progress(`filling: ${stage.id}, ${who}`);
      await fillStage(bench, stage, who);
    }
  }
}

async function fillStage(bench: Bench, stage: Stage, who: ContenderId): Promise<void> {
  const { workers } = stage;
  const directory = stageDirectory(bench, stage, who);
  const inputs = eventsOf(bench, stage, who);
  const process = await MeasuringProcess.open(who === "sqlite" ? "sqlite-batched" : who, directory);
  await process.do("createWorkers", { count: workers });
  await process.do("fill", { workers, inputs, callers: FILLERS });
  await process.close();
  if (stage.id === "100x") bench.book.add(STORED, who, directoryBytes(directory) / inputs);
}

const STORED: MeasureInfo = {
  id: "stored",
  table: "Bytes written to disk per input",
  column: "stored, closed",
  unit: "B",
  better: "less",
};

/** Opens and reads all histories, in rounds. */
export async function measureStages(bench: Bench): Promise<void> {
  const { stageRounds, stages } = bench.amounts;
  for (let round = 0; round < stageRounds; round++) {
    bench.progress(`opening and reading: round ${round + 1} of ${stageRounds}`);
    for (const stage of stages) {
      for (const who of rotated(inStage(bench, stage), round)) {
        await measureStage(bench, stage, who);
        await quiet();
      }
    }
  }
}

async function measureStage(bench: Bench, stage: Stage, who: ContenderId): Promise<void> {
  const { id, workers } = stage;
  const process = await MeasuringProcess.start(who);
  const opened = await process.do("open", { place: stageDirectory(bench, stage, who) });
  bench.book.add(openInfo(id), who, opened);
  bench.book.add(memoryInfo(id), who, await process.do("memory", null) / 1e6);
  if (workers > 0) await readStage(bench, stage, who, process);
  if (workers > 0 && who === "fs") {
    const times = await process.do("listWorkers", { lastCursor: workers, count: bench.amounts.reads });
    bench.book.add(listInfo(id), who, percentile(times, 0.5));
  }
  await process.close();
}

async function readStage(
  bench: Bench,
  stage: Stage,
  who: ContenderId,
  process: MeasuringProcess,
): Promise<void> {
  const { workers, id } = stage;
  const load = { workers, lastEventId: eventsOf(bench, stage, who) };
  if (id !== "100x") {
    if (who === "kv") return;
    for (const kind of ["long transcript 50", "events 256"] as const) {
      const times = await readWarm(bench, process, { ...load, kind });
      bench.book.add(stageReadInfo(kind, id), who, percentile(times, 0.5));
    }
    return;
  }
  const first = await process.do("read", { ...load, kind: "first 50", count: workers, cold: false });
  bench.book.add(readInfo("first 50", "warm"), who, percentile(first, 0.5));
  for (const kind of pageKinds.slice(1)) {
    const times = await readWarm(bench, process, { ...load, kind });
    bench.book.add(readInfo(kind, "warm"), who, percentile(times, 0.5));
    bench.book.add(readInfo(kind, "p99"), who, percentile(times, 0.99));
  }
}

type StageLoad = Pick<ReadLoad, "workers" | "lastEventId">;

/** Reads twice as often as it counts. */
async function readWarm(
  bench: Bench,
  process: MeasuringProcess,
  load: StageLoad & Pick<ReadLoad, "kind">,
): Promise<number[]> {
  const count = bench.amounts.reads;
  await process.do("read", { ...load, count, cold: false });
  return await process.do("read", { ...load, count, cold: false });
}

function openInfo(stage: string): MeasureInfo {
  return {
    id: `open.${stage}`,
    table: "Opening after a clean close",
    column: stage,
    unit: "ms",
    better: "less",
  };
}

function memoryInfo(stage: string): MeasureInfo {
  return {
    id: `memory.${stage}`,
    table: "Resident memory after opening",
    column: stage,
    unit: "MB",
    better: "less",
  };
}

function listInfo(stage: string): MeasureInfo {
  return {
    id: `list.${stage}`,
    table: "A page of 50 workers, p50",
    column: stage,
    unit: "us",
    better: "less",
  };
}

/** A page of the largest history that all have. */
export function readInfo(kind: PageKind, how: "warm" | "cold" | "p99"): MeasureInfo {
  const table = `Reading a page at 100x, ${how === "p99" ? "warm p99" : `${how} p50`}`;
  return { id: `read.${how}.${kind}`, table, column: kind, unit: "us", better: "less" };
}

function stageReadInfo(kind: PageKind, stage: string): MeasureInfo {
  const table = `A page by history: ${kind}, p50`;
  return { id: `read.${stage}.${kind}`, table, column: stage, unit: "us", better: "less" };
}

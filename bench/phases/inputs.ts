/**
 * Inputs per second, their latency, and the bytes that they cost.
 *
 * @module
 */
import type { ContenderId } from "../contenders/contender.ts";
import { deviceBytesWritten } from "../harness/machine.ts";
import type { InputsResult } from "../harness/jobs.ts";
import type { MeasuringProcess } from "../harness/process.ts";
import { type LoadOption, loads } from "../options.ts";
import type { Contestant, MeasureInfo } from "../report/book.ts";
import { type Bench, quiet, rotated } from "./bench.ts";

/** Processes with a store open, by contender. */
export type Processes = ReadonlyMap<ContenderId, MeasuringProcess>;

/** Measures inputs in rounds; the first one warms up and does not count. */
export async function measureInputs(
  bench: Bench,
  processes: Processes,
  raw: MeasuringProcess,
): Promise<void> {
  for (let round = 0; round <= bench.amounts.rounds; round++) {
    bench.progress(round === 0 ? "inputs: warm-up" : `inputs: round ${round} of ${bench.amounts.rounds}`);
    for (const load of loads) await measureLoad(bench, processes, raw, load, round);
  }
}

async function measureLoad(
  bench: Bench,
  processes: Processes,
  raw: MeasuringProcess,
  load: LoadOption,
  round: number,
): Promise<void> {
  const window = bench.amounts.windowMs * (load.callers === 1 ? 0.5 : 1);
  const ms = round === 0 ? window / 2 : window;
  for (const who of rotated<Contestant>([...processes.keys(), "raw"], round)) {
    await quiet();
    if (who === "raw") {
      const result = await measureRaw(bench, raw, load, ms);
      if (round > 0 && result !== undefined) bench.book.add(rate(load), who, result);
    } else {
      const process = processes.get(who);
      if (process !== undefined) await measureWindow(bench, process, load, who, ms, round > 0);
    }
  }
}

/** One window of one contender, and then what it had put off. */
async function measureWindow(
  bench: Bench,
  process: MeasuringProcess,
  load: LoadOption,
  who: ContenderId,
  ms: number,
  counts: boolean,
): Promise<void> {
  const { workers } = bench.amounts;
  if (who === "memory") await renew(process, workers);
  const deviceBefore = deviceBytesWritten(bench.root);
  const result = await process.do("inputs", { callers: load.callers, workers, mix: load.mix, ms });
  await quiet();
  const deviceAfter = deviceBytesWritten(bench.root);
  const flushed = await process.do("flush", null);
  if (!counts) return;
  note(bench, load, who, result, flushed);
  if (deviceBefore === null || deviceAfter === null || who === "memory") return;
  bench.book.add(bytes(load, "device"), who, (deviceAfter - deviceBefore) / result.inputs);
}

/** The memory store would fill the memory with the inputs of all rounds: it begins anew. */
async function renew(process: MeasuringProcess, workers: number): Promise<void> {
  await process.do("close", null);
  await process.do("open", { directory: "" });
  await process.do("createWorkers", { count: workers });
}

/** The limit for a load: inputs of one write and one sync; none where no batch of that size is written. */
async function measureRaw(
  bench: Bench,
  raw: MeasuringProcess,
  load: LoadOption,
  ms: number,
): Promise<number | undefined> {
  if (load.callers > 64) return undefined;
  const path = `${bench.root}/raw.jsonl`;
  const result = await raw.do("raw", { path, batch: load.callers, mix: load.mix, ms });
  return result.inputs / (result.ms / 1_000);
}

function note(
  bench: Bench,
  load: LoadOption,
  who: ContenderId,
  result: InputsResult,
  flushed: { readonly ms: number; readonly bytesWritten: number | null },
): void {
  const { inputs, ms, p50Ms, p99Ms, bytesWritten } = result;
  bench.book.add(rate(load), who, inputs / (ms / 1_000));
  bench.book.add(latency(load, "p50"), who, p50Ms);
  bench.book.add(latency(load, "p99"), who, p99Ms);
  if (who === "fs") bench.book.add(flush(load), who, flushed.ms);
  if (bytesWritten === null || flushed.bytesWritten === null || who === "memory") return;
  bench.book.add(bytes(load, "answers"), who, bytesWritten / inputs);
  bench.book.add(bytes(load, "flushed"), who, (bytesWritten + flushed.bytesWritten) / inputs);
}

function rate({ id, title }: LoadOption): MeasureInfo {
  return { id: `inputs.${id}`, table: "Inputs per second", column: title, unit: "/s", better: "more" };
}

function latency({ id, title }: LoadOption, share: "p50" | "p99"): MeasureInfo {
  const table = `Latency of an input, ${share}`;
  return { id: `${share}.${id}`, table, column: title, unit: "ms", better: "less" };
}

const BYTES_TABLES = {
  answers: "Bytes written to disk per input",
  flushed: "Bytes written to disk per input, and with the flush after it",
  device: "Bytes the device wrote per input, for the whole machine",
} as const;

function bytes({ id, title }: LoadOption, which: keyof typeof BYTES_TABLES): MeasureInfo {
  return { id: `bytes.${which}.${id}`, table: BYTES_TABLES[which], column: title, unit: "B", better: "less" };
}

function flush({ id, title }: LoadOption): MeasureInfo {
  return { id: `flush.${id}`, table: "Flushing after a window", column: title, unit: "ms", better: "less" };
}

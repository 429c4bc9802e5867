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

/**
 * Bytes per input over all rounds. Who compacts writes in some windows what
 * the inputs of others have cost: the median of the windows would leave it out.
 */
export class BytesPerInput {
  readonly #sums = new Map<string, { info: MeasureInfo; who: ContenderId; bytes: number; inputs: number }>();

  /** Adds a window. */
  add(info: MeasureInfo, who: ContenderId, bytes: number, inputs: number): void {
    const sum = this.#sums.get(`${info.id} ${who}`) ?? { info, who, bytes: 0, inputs: 0 };
    this.#sums.set(`${info.id} ${who}`, { ...sum, bytes: sum.bytes + bytes, inputs: sum.inputs + inputs });
  }

  /** Puts what came of it into the book. */
  note(bench: Bench): void {
    for (const { info, who, bytes, inputs } of this.#sums.values()) bench.book.add(info, who, bytes / inputs);
  }
}

/** What the windows of all rounds share. */
interface Run {
  readonly bench: Bench;
  readonly processes: Processes;
  readonly raw: MeasuringProcess;
  readonly written: BytesPerInput;
}

/** Measures inputs in rounds; the first one warms up and does not count. */
export async function measureInputs(
  bench: Bench,
  processes: Processes,
  raw: MeasuringProcess,
): Promise<void> {
  const run = { bench, processes, raw, written: new BytesPerInput() };
  for (let round = 0; round <= bench.amounts.rounds; round++) {
    bench.progress(round === 0 ? "inputs: warm-up" : `inputs: round ${round} of ${bench.amounts.rounds}`);
    for (const load of loads) await measureLoad(run, load, round);
  }
  run.written.note(bench);
}

async function measureLoad(run: Run, load: LoadOption, round: number): Promise<void> {
  const { bench, processes, raw } = run;
  const window = bench.amounts.windowMs * (load.callers === 1 ? 0.5 : 1);
  const ms = round === 0 ? window / 2 : window;
  for (const who of rotated<Contestant>([...processes.keys(), "raw"], round)) {
    await quiet();
    if (who === "raw") {
      const result = await measureRaw(bench, raw, load, ms);
      if (round > 0 && result !== undefined) bench.book.add(rate(load), who, result);
    } else {
      await measureWindow(run, load, who, ms, round > 0);
    }
  }
}

/** One window of one contender, and then what it had put off. */
async function measureWindow(
  { bench, processes, written }: Run,
  load: LoadOption,
  who: ContenderId,
  ms: number,
  counts: boolean,
): Promise<void> {
  const process = processes.get(who);
  if (process === undefined) return;
  const { workers } = bench.amounts;
  if (who === "memory") await renew(process, workers);
  const deviceBefore = deviceBytesWritten(bench.root);
  const result = await process.do("inputs", { callers: load.callers, workers, mix: load.mix, ms });
  await quiet();
  const deviceAfter = deviceBytesWritten(bench.root);
  const flushed = await process.do("flush", null);
  if (!counts) return;
  note(bench, load, who, result, flushed);
  if (who === "memory") return;
  const { inputs, bytesWritten } = result;
  if (bytesWritten !== null && flushed.bytesWritten !== null) {
    written.add(bytes(load, "answers"), who, bytesWritten, inputs);
    written.add(bytes(load, "flushed"), who, bytesWritten + flushed.bytesWritten, inputs);
  }
  if (deviceBefore === null || deviceAfter === null) return;
  written.add(bytes(load, "device"), who, deviceAfter - deviceBefore, inputs);
}

/** The memory store would fill the memory with the inputs of all rounds: it begins anew. */
async function renew(process: MeasuringProcess, workers: number): Promise<void> {
  await process.do("close", null);
  await process.do("open", { place: "" });
  await process.do("createWorkers", { count: workers });
}

/** The limit for a load: inputs of one write and one sync; none where no batch of that size is written. */
export async function measureRaw(
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
  flushed: { readonly ms: number },
): void {
  const { inputs, ms, p50Ms, p99Ms } = result;
  bench.book.add(rate(load), who, inputs / (ms / 1_000));
  bench.book.add(latency(load, "p50"), who, p50Ms);
  bench.book.add(latency(load, "p99"), who, p99Ms);
  if (who === "fs") bench.book.add(flush(load), who, flushed.ms);
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

/**
 * The benchmark: this library beside other ways to keep the same data, on the
 * same machine, in the same run, in interleaved rounds. README.md beside this
 * file explains the method.
 *
 *     deno task bench [--quick | --full] [--json FILE|-] [--dir DIRECTORY] [--only NAME,NAME...]
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { type ContenderId, contenderInfo } from "./contenders/contender.ts";
import { canDropPageCache, type Machine, machine } from "./harness/machine.ts";
import { MeasuringProcess } from "./harness/process.ts";
import { type Amounts, type Options, parseOptions, usage } from "./options.ts";
import { available, type Bench, directoryFor } from "./phases/bench.ts";
import { measureCold } from "./phases/cold.ts";
import { measureGrowth } from "./phases/growth.ts";
import { measureInputs, type Processes } from "./phases/inputs.ts";
import { measureKills } from "./phases/kill.ts";
import { measurePostgres, reasonWithoutPostgres, stopServer } from "./phases/postgres.ts";
import { fillStages, measureStages } from "./phases/stages.ts";
import { measureStalls, measureWatch } from "./phases/stalls.ts";
import { Book } from "./report/book.ts";
import { goals } from "./report/goals.ts";
import { type Results, results } from "./report/results.ts";
import { goalTable, measureTables } from "./report/tables.ts";

async function measure(bench: Bench): Promise<void> {
  if (bench.contenders.length === 0) return;
  await measureRunning(bench);
  await fillStages(bench);
  await measureStages(bench);
  await measureGrowth(bench);
  await measureCold(bench);
  await measureKills(bench);
}

/** All that is measured in processes that stay open. */
async function measureRunning(bench: Bench): Promise<void> {
  const processes = new Map<ContenderId, MeasuringProcess>();
  for (const who of bench.contenders) {
    const process = await MeasuringProcess.open(who, directoryFor(bench, `running-${who}`));
    await process.do("createWorkers", { count: bench.amounts.workers });
    processes.set(who, process);
  }
  await using raw = await MeasuringProcess.start();
  const open: Processes = processes;
  await measureInputs(bench, open, raw);
  await measureStalls(bench, open);
  await measureWatch(bench, open);
  for (const process of processes.values()) await process.close();
}

async function run(options: Options, root: string): Promise<[Book, Results]> {
  const startedAt = performance.now();
  const { runs, missing } = await available(options.contenders, root);
  const book = new Book();
  const { amounts, mode } = options;
  const progress = (text: string): void => console.error(`${seconds(startedAt).padStart(5)} s  ${text}`);
  const bench = { amounts, book, contenders: runs, root, progress };
  await measure(bench);
  const reason = options.postgres ? await reasonWithoutPostgres() : undefined;
  if (reason !== undefined) missing.set("postgres", reason);
  else if (options.postgres) await measurePostgres(bench, options.directory);
  const given = results(book, {
    at: new Date().toISOString(),
    mode,
    seconds: Number(seconds(startedAt)),
    machine: machine(root),
    amounts,
    missing: Object.fromEntries(missing),
    coldReads: canDropPageCache(),
  });
  return [book, given];
}

function seconds(startedAt: number): string {
  return ((performance.now() - startedAt) / 1_000).toFixed(0);
}

function text(book: Book, given: Results): string {
  const { machine: on, mode, amounts, missing } = given;
  const { windowMs, rounds } = amounts;
  return [
    `${mode} run of ${given.seconds} s; windows of ${windowMs} ms, ${rounds} rounds, medians; (1.23x): times the fs store, or the postgres store`,
    machineLine(on),
    unrest(book),
    "",
    ...Object.values(contenderInfo).map(({ title, how }) => `  ${title}: ${how}`),
    ...Object.entries(missing).map(([who, why]) => `  ${who} CANNOT BE RUN HERE: ${why}`),
    ...given.coldReads ? [] : ["  cold reads: unavailable, the page cache cannot be dropped here"],
    "",
    historyLines(mode, amounts),
    "",
    measureTables(book),
    "",
    goalTable(goals(book)),
  ].join("\n");
}

/** How even the disk was: what the same writes and syncs reached in the worst round and in the best. */
function unrest(book: Book): string {
  const samples = [...book.samples("inputs.1", "raw"), ...book.samples("postgres.inputs.1", "raw")].map(
    Math.round,
  );
  const [worst, best] = [Math.min(...samples), Math.max(...samples)];
  const busy = best > 1.5 * worst ? ": the machine was BUSY, do not trust the figures" : "";
  return `write + fdatasync: ${worst.toLocaleString("en")} to ${
    best.toLocaleString("en")
  } per second by round${busy}`;
}

function historyLines(mode: Options["mode"], { stages, kvEventsMax }: Amounts): string {
  const histories = stages.map(({ id, workers, events }) =>
    `  ${id}: ${events.toLocaleString("en")} events of ${workers.toLocaleString("en")} workers`
  );
  const scale = mode === "quick" ? ", a tenth of those of a whole run" : "";
  const kv = kvEventsMax === 0 ? "none" : `at most ${kvEventsMax.toLocaleString("en")} events`;
  return [`Histories${scale} (Deno KV: ${kv})`, ...histories].join("\n");
}

function machineLine({ deno, os, cpu, cores, memoryGiB, fileSystem }: Machine): string {
  return `Deno ${deno}, ${os}, ${cores} x ${cpu}, ${memoryGiB} GiB, ${fileSystem}`;
}

function write(options: Options, book: Book, given: Results): void {
  const json = JSON.stringify(given, undefined, 2);
  if (options.json === "-") console.log(json);
  else if (options.json !== undefined) Deno.writeTextFileSync(options.json, `${json}\n`);
  (options.json === "-" ? console.error : console.log)(text(book, given));
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(Deno.args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  const place = options.directory === undefined ? {} : { dir: options.directory };
  const root = Deno.makeTempDirSync({ prefix: "worker-runtime-bench-", ...place });
  const clean = async (): Promise<void> => {
    await MeasuringProcess.killAll();
    await stopServer();
    Deno.removeSync(root, { recursive: true });
  };
  Deno.addSignalListener("SIGINT", () => clean().finally(() => Deno.exit(130)));
  try {
    write(options, ...await run(options, root));
    return 0;
  } finally {
    await clean();
  }
}

if (import.meta.main) Deno.exit(await main());

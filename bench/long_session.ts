/**
 * A conversation of 100,000 entries, 200 compactions, 50 rewinds and 20 forks, and one
 * of a tenth: what a fresh process takes to open it and to read its context, as the
 * owner of the store and as a reader, beside the same entries in a file of their own.
 *
 * ```sh
 * deno task bench:long [--quick]
 * ```
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { FsRuntimeSource, FsRuntimeStore } from "../fs_store.ts";
import { type EntryInput, Runtime, RuntimeReader, type Worker, type WorkerContext } from "../mod.ts";
import { random, texts } from "./harness/random.ts";
import process from "node:process";

/** Entries between two compactions, and those that stay after one. */
const [BETWEEN, KEPT] = [500, 100];
/** Every so many compactions a rewind cuts off so many entries. */
const [REWIND_EVERY, REWOUND] = [4, 20];
const APPENDED = 20;
/** Forks, one after each of the first compactions. */
const FORKS = 20;
const READS = 31;
const [MS, MB] = ["ms", "MB"] as const;

/** Figures of a process: label, and unit. */
const measured = [
  ["open after a clean close", MS],
  ["context(), the first", MS],
  ["context(), the fastest of 31", MS],
  ["context(), mean processor time", MS],
  ["the same entries in a file, read and parsed, the fastest of 31", MS],
  ["the same, mean processor time", MS],
  ["context() of the last fork, mean processor time", MS],
  ["memory after opening, beyond that of the process", MB],
  ["memory after all reads, beyond that of the process", MB],
] as const;

const stored = [
  ["entries", ""],
  ["compactions", ""],
  ["rewinds", ""],
  ["ranges of the context", ""],
  ["entries of the context", ""],
  ["content of the context", "KiB"],
  ["store on disk", MB],
  ["storing all of it", MS],
  ["forks", ""],
  ["entries that the forks copied", ""],
  ["entries of the context of the last fork", ""],
  ["forking, of the time of storing", MS],
] as const;

const rows = [
  ...stored,
  ...(["owner", "reader"] as const).flatMap((kind) =>
    measured.map(([label, unit]) => [`${kind}: ${label}`, unit] as const)
  ),
];

const runtimeId = "long";
const workerId = "agent";
const forkId = (number: number): string => `fork-${number}`;

/** Stores the conversation, and its last context as lines of a file. */
async function store(root: string, entries: number): Promise<number[]> {
  const next = random(19);
  const contents = texts("50 B - 8 KiB");
  const entry = (seq: number): EntryInput => ({
    role: seq % 2 === 0 ? "assistant" : "user",
    content: contents[next(contents.length)] ?? "",
  });
  const store = new FsRuntimeStore({ root, runtimeId });
  await using runtime = await Runtime.open({ store });
  const worker = await runtime.ensureWorker({ workerId, intent: { kind: "assistant" } });
  const start = performance.now();
  let [compactions, rewinds, forks, copied, forkMs] = [0, 0, 0, 0, 0];
  while (true) {
    await append(worker, entry);
    if (compactions % REWIND_EVERY === REWIND_EVERY / 2) {
      await worker.rewind({ toSeq: worker.state().transcriptLength - REWOUND });
      rewinds++;
      await worker.append([entry(0)]);
    }
    const length = worker.state().transcriptLength;
    if (compactions >= entries / BETWEEN) break;
    await worker.compact({ through: length - KEPT, summary: { role: "system", content: contents[0] ?? "" } });
    compactions++;
    if (forks === FORKS) continue;
    const [ms, fork] = await timed(() => runtime.forkWorker(workerId, { workerId: forkId(++forks) }));
    copied += fork.state().transcriptLength;
    forkMs += ms;
  }
  const storedMs = performance.now() - start;
  const context = await worker.context();
  Deno.writeTextFileSync(
    `${root}/context.jsonl`,
    context.entries.map((one) => JSON.stringify(one)).join("\n"),
  );
  const { transcriptLength, context: { ranges = [] } = {} } = worker.state();
  return [
    transcriptLength,
    compactions,
    rewinds,
    ranges.length + 1,
    context.entries.length,
    context.bytes / 1_024,
    mb(sizeOf(store.directory)),
    storedMs,
    forks,
    copied,
    (await runtime.worker(forkId(forks)).context()).entries.length,
    forkMs,
  ];
}

/** Adds entries as an agent does: a few at a time. */
async function append(worker: Worker, entry: (seq: number) => EntryInput): Promise<void> {
  for (let added = 0; added < BETWEEN; added += APPENDED) {
    await worker.append(Array.from({ length: APPENDED }, (_, index) => entry(index)));
  }
}

function sizeOf(directory: string): number {
  let bytes = 0;
  for (const { name, isDirectory } of Deno.readDirSync(directory)) {
    const path = `${directory}/${name}`;
    bytes += isDirectory ? sizeOf(path) : Deno.statSync(path).size;
  }
  return bytes;
}

const mb = (bytes: number): number => bytes / 1_000_000;

async function timed<T>(work: () => T | Promise<T>): Promise<[ms: number, result: T]> {
  const start = performance.now();
  const result = await work();
  return [performance.now() - start, result];
}

interface Timed {
  readonly ms: number;
  /** Processor time of all threads. */
  readonly processorMs: number;
}

async function withProcessor(work: () => unknown): Promise<Timed> {
  const before = process.cpuUsage();
  const [ms] = await timed(work);
  const { user, system } = process.cpuUsage(before);
  return { ms, processorMs: (user + system) / 1_000 };
}

/** The fastest, and the mean of the processor times. */
function summary(times: readonly Timed[]): [ms: number, processorMs: number] {
  const sum = times.reduce((total, { processorMs }) => total + processorMs, 0);
  return [Math.min(...times.map(({ ms }) => ms)), sum / times.length];
}

/** Opens and reads, in a process that does nothing else. */
async function measure(kind: keyof typeof opened, root: string): Promise<number[]> {
  const read = (): unknown[] =>
    Deno.readTextFileSync(`${root}/context.jsonl`).split("\n").map((line) => JSON.parse(line));
  const before = Deno.memoryUsage().rss;
  const [openMs, { workers, context, close }] = await timed(() => opened[kind](root));
  const openRss = Deno.memoryUsage().rss;
  const [contexts, raw, ofFork]: [Timed[], Timed[], Timed[]] = [[], [], []];
  for (let count = 0; count < READS; count++) {
    contexts.push(await withProcessor(() => context(workerId)));
    raw.push(await withProcessor(read));
  }
  const rss = Deno.memoryUsage().rss;
  // The measured context is the stored one.
  if (JSON.stringify((await context(workerId)).entries) !== JSON.stringify(read())) {
    throw new Error("Other entries");
  }
  const last = forkId(workers() - 1);
  for (let count = 0; count < READS; count++) ofFork.push(await withProcessor(() => context(last)));
  await close();
  const memory = [openRss - before, rss - before].map(mb);
  return [openMs, contexts[0]?.ms ?? 0, ...summary(contexts), ...summary(raw), summary(ofFork)[1], ...memory];
}

interface Opened {
  /** Number of workers. */
  workers(): number;
  context(workerId: string): Promise<WorkerContext>;
  close(): Promise<void>;
}

const opened = {
  async owner(root: string): Promise<Opened> {
    const runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId }) });
    return {
      workers: () => runtime.overview().workers.running,
      context: (id) => runtime.worker(id).context(),
      close: () => runtime.close(),
    };
  },
  async reader(root: string): Promise<Opened> {
    const reader = await RuntimeReader.open({ source: new FsRuntimeSource({ root, runtimeId }) });
    return {
      workers: () => reader.overview().workers.running,
      context: (id) => reader.context(id),
      close: () => reader.close(),
    };
  },
};

/** Measures in a process of its own. */
async function inProcess(kind: keyof typeof opened, root: string): Promise<number[]> {
  const args = ["run", "-A", "--no-check", "--quiet", import.meta.filename ?? "", kind, root];
  const { success, stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
  if (!success) throw new Error(`Cannot measure ${kind}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function figuresOf(entries: number): Promise<number[]> {
  const root = await Deno.makeTempDir({ prefix: "long-session-" });
  try {
    return [
      ...await store(root, entries),
      ...await inProcess("owner", root),
      ...await inProcess("reader", root),
    ];
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

function shown(value: number, unit: string): string {
  const digits = unit === "" || value >= 100 ? 0 : unit === MS && value < 10 ? 2 : 1;
  const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return unit === "" ? text : `${text} ${unit}`;
}

if (import.meta.main) {
  const [kind = "", root = ""] = Deno.args;
  if (kind === "owner" || kind === "reader") {
    console.log(JSON.stringify(await measure(kind, root)));
  } else {
    const entries = kind === "--quick" ? 2_000 : 100_000;
    const columns = [await figuresOf(entries / 10), await figuresOf(entries)];
    console.log("| figure | a tenth | in full |\n| --- | --- | --- |");
    for (const [index, [label, unit]] of rows.entries()) {
      console.log(
        `| ${[label, ...columns.map((figures) => shown(figures[index] ?? NaN, unit))].join(" | ")} |`,
      );
    }
    console.log(`\nLoad of the machine: ${Deno.loadavg().map((load) => load.toFixed(1)).join(", ")}`);
  }
}

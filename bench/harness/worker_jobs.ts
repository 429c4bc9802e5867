/**
 * The jobs, done.
 *
 * @module
 */
import type { Contender, LibraryExtras, Store } from "../contenders/contender.ts";
import { loadContender } from "../contenders/mod.ts";
import type { Follower } from "./following.ts";
import { fill, type Load, runCallers } from "./callers.ts";
import type { InputsResult, Jobs } from "./jobs.ts";
import { bytesWritten } from "./machine.ts";
import { longestStall } from "./probe.ts";
import { random } from "./random.ts";
import { writeRaw } from "./raw.ts";
import { readPages } from "./reads.ts";
import { percentile } from "./stats.ts";
import { watchLatency } from "./watching.ts";

/** A function for each job. */
export type JobRunners = {
  readonly [Name in keyof Jobs]: (
    given: Jobs[Name]["arguments"],
  ) => Jobs[Name]["result"] | Promise<Jobs[Name]["result"]>;
};

let contender: Contender | undefined;
let opened: Store | undefined;
let follower: Follower | undefined;

/** The jobs of this process. */
export const jobRunners: JobRunners = {
  load: async ({ contender: id }) => {
    contender = await loadContender(id);
    return null;
  },
  open: async ({ place }) => {
    const startedAt = performance.now();
    opened = await must(contender, "contender").open(place);
    return performance.now() - startedAt;
  },
  close: async () => {
    await store().close();
    return null;
  },
  createWorkers: async ({ count }) => {
    await store().createWorkers(count);
    return null;
  },
  fill: async ({ workers, inputs, callers }) => {
    await fill(store(), workers, inputs, callers);
    return null;
  },
  inputs: (load) => measureInputs(store(), load),
  flush: () => measureFlush(store()),
  inputsUntilKilled: (load) => {
    runCallers(store(), { ...load, ms: 3_600_000 });
    return null;
  },
  checkpointsDue: () => store().extras?.checkpointsDue ?? 0,
  raw: writeRaw,
  stall: (load) => longestStall(() => runCallers(store(), load)),
  stallIdle: ({ ms }) => longestStall(() => new Promise((resolve) => setTimeout(resolve, ms))),
  stallCheckpoint: (load) => stallWhileCheckpoint(store(), load),
  read: (load) => readPages(store(), load),
  listWorkers: ({ lastCursor, count }) => listWorkers(extras(), lastCursor, count),
  watch: (load) => watchLatency(store(), extras(), load),
  sendSlowly: async ({ workers, inputs }) => {
    const { sendSlowly } = await import("./following.ts");
    return await sendSlowly(store(), workers, inputs);
  },
  follow: async ({ url, pollMs }) => {
    const { Follower } = await import("./following.ts");
    follower = await Follower.open(url, pollMs);
    return null;
  },
  followThrough: ({ id }) => must(follower, "follower").through(id),
  memory: () => {
    const collect: unknown = Reflect.get(globalThis, "gc");
    if (typeof collect === "function") collect();
    return Deno.memoryUsage().rss;
  },
};

function must<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new Error(`Cannot do this job: there is no ${name}`);
  return value;
}

function store(): Store {
  return must(opened, "open store");
}

function extras(): LibraryExtras {
  return must(store().extras, "such function of this contender");
}

async function measureInputs(store: Store, load: Load): Promise<InputsResult> {
  const bytesBefore = bytesWritten();
  const { inputs, ms, latencies } = await runCallers(store, load);
  return {
    inputs,
    ms,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    bytesWritten: since(bytesBefore),
  };
}

async function measureFlush(store: Store): Promise<Jobs["flush"]["result"]> {
  const bytesBefore = bytesWritten();
  const startedAt = performance.now();
  await store.flush();
  return { ms: performance.now() - startedAt, bytesWritten: since(bytesBefore) };
}

function since(bytesBefore: number | null): number | null {
  const bytes = bytesWritten();
  return bytes === null || bytesBefore === null ? null : bytes - bytesBefore;
}

async function stallWhileCheckpoint(store: Store, load: Load): Promise<number> {
  await fill(store, load.workers, 2 * load.workers, load.callers);
  return await longestStall(async () => {
    const saved = extras().checkpoint();
    await Promise.all([runCallers(store, load), saved, store.flush()]);
  });
}

/** Whole pages from random places, once every worker was listed: the first look at one costs more than the next. */
function listWorkers(extras: LibraryExtras, lastCursor: number, count: number): number[] {
  for (let cursor: number | null = 0; cursor !== null;) cursor = extras.listWorkers(cursor, 50);
  const next = random(7);
  return Array.from({ length: count }, () => {
    const after = next(lastCursor - 50);
    const startedAt = performance.now();
    extras.listWorkers(after, 50);
    return (performance.now() - startedAt) * 1_000;
  });
}

/**
 * The PostgreSQL store beside INSERTs written by hand, on a server of its own whose
 * commits are synced: inputs, pages, opening after a kill, and how far readers are behind.
 *
 * @module
 */
import { binaries, type Server, startServer } from "../../tests/postgres/server.ts";
import { type DatabaseId, databaseIds } from "../contenders/contender.ts";
import { connect, numberOf } from "../contenders/postgres_client.ts";
import { MeasuringProcess } from "../harness/process.ts";
import type { PageKind } from "../harness/reads.ts";
import { median, percentile } from "../harness/stats.ts";
import { type LoadOption, loads } from "../options.ts";
import type { Contestant, MeasureInfo } from "../report/book.ts";
import { type Bench, quiet, rotated } from "./bench.ts";
import { BytesPerInput, measureRaw } from "./inputs.ts";

/** Runtimes in one process, and the callers of each. */
const RUNTIMES = 200;
const CALLERS_OF_RUNTIME = 4;
/** Workers with long transcripts. */
const READERS = 2;
/** Time after which the runtime of a killed process can be opened: a lease, and a bit. */
const LEASE_MS = 15_500;
const FILLERS = 1_024;

/** Returns why the PostgreSQL store cannot be measured here; `undefined` if it can. */
export async function reasonWithoutPostgres(): Promise<string | undefined> {
  if (binaries === undefined) return "PostgreSQL is not installed";
  await using process = await MeasuringProcess.start();
  try {
    await process.do("load", { contender: "postgres" });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A contender's process, and its database. */
interface Open {
  readonly process: MeasuringProcess;
  readonly url: string;
}

let running: Server | undefined;

/** Stops the server: the benchmark itself has ended early. */
export async function stopServer(): Promise<void> {
  const server = running;
  running = undefined;
  await server?.[Symbol.asyncDispose]();
}

/** Starts a server, and measures everything on it. */
export async function measurePostgres(bench: Bench, directory: string | undefined): Promise<void> {
  bench.progress("PostgreSQL: starting a server");
  const server = running = await startServer([], directory === undefined ? {} : { within: directory });
  try {
    await measureDatabaseInputs(bench, server);
    await measurePages(bench, server);
    await measureKilled(bench, server);
    await measureFollowers(bench, server);
  } finally {
    await stopServer();
  }
}

/** Creates a database, and opens it in a process. */
async function open(server: Server, who: DatabaseId, name: string, runtimes = 1): Promise<Open> {
  const database = `${name}_${who.replaceAll("-", "_")}`;
  await server.run("createdb", "-h", "127.0.0.1", "-p", `${server.port}`, "-U", "postgres", database);
  const url = `postgres://postgres@127.0.0.1:${server.port}/${database}?runtimes=${runtimes}`;
  return { process: await MeasuringProcess.open(who, url), url };
}

/** A load, and the processes that can bear it. */
interface Group {
  readonly load: LoadOption;
  readonly processes: ReadonlyMap<DatabaseId, Open>;
}

async function measureDatabaseInputs(bench: Bench, server: Server): Promise<void> {
  const { workers } = bench.amounts;
  const one = new Map<DatabaseId, Open>();
  const many = new Map<DatabaseId, Open>();
  for (const who of databaseIds) one.set(who, await open(server, who, "inputs"));
  for (const who of ["postgres", "insert-batched"] as const) {
    many.set(who, await open(server, who, "runtimes", RUNTIMES));
  }
  const processes = [...one.values(), ...many.values()];
  for (const { process } of processes) await process.do("createWorkers", { count: workers });
  const callers = RUNTIMES * CALLERS_OF_RUNTIME;
  const hosted: LoadOption = { id: "runtimes", title: `${RUNTIMES} runtimes`, callers, mix: "200 B" };
  const groups: Group[] = loads.filter(({ mix }) => mix === "200 B").map((load) => ({
    load,
    processes: one,
  }));
  await measureRounds(bench, [...groups, { load: hosted, processes: many }]);
  for (const { process } of processes) await process.close();
}

async function measureRounds(bench: Bench, groups: readonly Group[]): Promise<void> {
  const { windowMs, workers, databaseRounds } = bench.amounts;
  const [wal, stored] = [new BytesPerInput(), new BytesPerInput()];
  await using raw = await MeasuringProcess.start();
  for (let round = 0; round <= databaseRounds; round++) {
    bench.progress(`PostgreSQL: inputs, ${round === 0 ? "warm-up" : `round ${round} of ${databaseRounds}`}`);
    for (const { load, processes } of groups) {
      // Many callers wait long for each answer.
      const ms = windowMs * (load.callers > 64 ? 2 : 1);
      for (const who of rotated<Contestant>([...processes.keys(), "raw"], round)) {
        await quiet();
        const opened = who === "raw" ? undefined : processes.get(who as DatabaseId);
        if (opened === undefined) {
          const limit = await measureRaw(bench, raw, load, ms);
          if (round > 0 && limit !== undefined) bench.book.add(rate(load), who, limit);
          continue;
        }
        await using connection = await observer(opened.url);
        const before = await connection.bytes();
        const given = { callers: load.callers, workers, mix: load.mix, ms };
        const { inputs, p50Ms, ms: took } = await opened.process.do("inputs", given);
        const after = await connection.bytes();
        if (round === 0 || who === "raw") continue;
        bench.book.add(rate(load), who, inputs / (took / 1_000));
        bench.book.add(latency(load), who, p50Ms);
        wal.add(walInfo(load), who, after.wal - before.wal, inputs);
        if (load.id === "64") stored.add(STORED, who, after.stored - before.stored, inputs);
      }
    }
  }
  wal.note(bench);
  stored.note(bench);
}

/** Bytes of a server's log, and of a database with its indices. */
async function observer(
  url: string,
): Promise<AsyncDisposable & { bytes(): Promise<{ wal: number; stored: number }> }> {
  const connection = await connect(url);
  return {
    bytes: async () => ({
      wal: await numberOf(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS n"),
      stored: await numberOf(connection, "SELECT pg_database_size(current_database()) AS n"),
    }),
    [Symbol.asyncDispose]: () => connection.end(),
  };
}

/** Reads pages of transcripts of a length. */
async function measurePages(bench: Bench, server: Server): Promise<void> {
  const { reads, databaseRounds, entries } = bench.amounts;
  bench.progress(`PostgreSQL: pages of transcripts of ${entries} entries`);
  const processes = new Map<DatabaseId, MeasuringProcess>();
  for (const who of ["postgres", "insert-batched"] as const) {
    const { process } = await open(server, who, "pages");
    await process.do("createWorkers", { count: READERS });
    await process.do("fill", { workers: READERS, inputs: READERS * entries, callers: FILLERS });
    processes.set(who, process);
  }
  const load = { workers: READERS, lastEventId: READERS * entries, count: reads, cold: false };
  for (let round = 0; round <= databaseRounds; round++) {
    for (const kind of ["newest 50", "random 50"] as const) {
      for (const [who, process] of rotated([...processes], round)) {
        const times = await process.do("read", { ...load, kind });
        if (round > 0) bench.book.add(pageInfo(kind), who, percentile(times, 0.5));
      }
    }
  }
  for (const process of processes.values()) await process.close();
}

/** Kills a process under load, and opens what is left; each opener is killed as well. */
async function measureKilled(bench: Bench, server: Server): Promise<void> {
  const { workers, killEvents, killRounds } = bench.amounts;
  bench.progress("PostgreSQL: killing");
  const { process, url } = await open(server, "postgres", "killed");
  await process.do("createWorkers", { count: workers });
  await process.do("fill", { workers, inputs: killEvents, callers: FILLERS });
  await process.do("inputsUntilKilled", { callers: 64, workers, mix: "200 B", ms: 0 });
  await new Promise((resolve) => setTimeout(resolve, 30));
  await process.kill();
  for (let round = 0; round < killRounds; round++) {
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS));
    const next = await MeasuringProcess.start("postgres");
    bench.book.add(KILLED, "postgres", await next.do("open", { place: url }));
    await next.kill();
  }
}

/** Measures how long after its acknowledgement a reader in another process has an event. */
async function measureFollowers(bench: Bench, server: Server): Promise<void> {
  const { workers, databaseRounds } = bench.amounts;
  const { process, url } = await open(server, "postgres", "followed");
  await process.do("createWorkers", { count: workers });
  for (let round = 0; round < databaseRounds; round++) {
    bench.progress(`PostgreSQL: readers, round ${round + 1} of ${databaseRounds}`);
    for (const pollMs of rotated([20, 100], round)) {
      await using reader = await MeasuringProcess.start();
      await reader.do("follow", { url, pollMs });
      const acknowledged = await process.do("sendSlowly", { workers, inputs: 50 });
      const id = acknowledged.at(-1)?.[0] ?? 0;
      const delivered = new Map(await reader.do("followThrough", { id }));
      const lags = acknowledged.map(([id, at]) => (delivered.get(id) ?? NaN) - at);
      bench.book.add(lagInfo(pollMs), "postgres", median(lags));
    }
  }
  await process.close();
}

function rate({ id, title }: LoadOption): MeasureInfo {
  const table = "PostgreSQL: inputs per second";
  return { id: `postgres.inputs.${id}`, table, column: title, unit: "/s", better: "more" };
}

function latency({ id, title }: LoadOption): MeasureInfo {
  const table = "PostgreSQL: latency of an input, p50";
  return { id: `postgres.p50.${id}`, table, column: title, unit: "ms", better: "less" };
}

const BYTES = { table: "PostgreSQL: bytes per input", unit: "B", better: "less" } as const;

function walInfo({ id, title }: LoadOption): MeasureInfo {
  return { ...BYTES, id: `postgres.wal.${id}`, column: `WAL, ${title}` };
}

const STORED: MeasureInfo = { ...BYTES, id: "postgres.stored", column: "tables and indices" };

function pageInfo(kind: PageKind): MeasureInfo {
  const table = "PostgreSQL: reading a page of a long transcript, p50";
  return { id: `postgres.read.${kind}`, table, column: kind, unit: "us", better: "less" };
}

const KILLED: MeasureInfo = {
  id: "postgres.killed",
  table: "PostgreSQL: opening after a kill",
  column: "opening",
  unit: "ms",
  better: "less",
};

function lagInfo(pollMs: number): MeasureInfo {
  const table = "PostgreSQL: from an acknowledgement to a reader in another process, p50";
  return { id: `postgres.lag.${pollMs}`, table, column: `poll ${pollMs} ms`, unit: "ms", better: "less" };
}

/**
 * The suite of real PostgreSQL servers: owners that are suspended, networks that
 * fail, servers that are killed, restarted, full or blocked.
 *
 * @module
 */
import { binaries } from "../../postgres/server.ts";
import { workerCount } from "../kit/parallel.ts";
import type { Budget, Suite, SuiteReport } from "../suite.ts";
import { Case } from "./case.ts";
import { diskObstacle, fullDisks, fullTables } from "./disks.ts";
import { asynchronousFailovers, synchronousFailovers } from "./failover.ts";
import { killedHosts } from "./many.ts";
import { stalledNetworks } from "./network.ts";
import { heldLocks, restarts } from "./servers.ts";
import { competition, suspendedOwners } from "./stalls.ts";
import { type Figures, noFigures } from "./verdict.ts";

/** A kind of cases. */
interface Scenario {
  /** Description of its faults. */
  readonly what: string;
  /** Faults in a full run. */
  readonly faults: number;
  /** Faults of a case, at most. */
  readonly perCase: number;
  /** Runs a case with so many faults. */
  readonly run: (one: Case, faults: number) => Promise<Figures>;
  /** It needs the right to mount a disk. */
  readonly needsDisk?: boolean;
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  "suspended": {
    what: "owners suspended, replaced and resumed",
    faults: 60,
    perCase: 10,
    run: suspendedOwners,
  },
  "competition": {
    what: "stalls and cut connections of three competing processes",
    faults: 200,
    perCase: 40,
    run: competition,
  },
  "network": { what: "networks stalled", faults: 60, perCase: 10, run: stalledNetworks },
  "failover": {
    what: "primaries killed, their synchronous standby promoted",
    faults: 20,
    perCase: 4,
    run: synchronousFailovers,
  },
  "rollback": {
    what: "primaries killed, a standby that was behind promoted",
    faults: 12,
    perCase: 4,
    run: asynchronousFailovers,
  },
  "hosts": { what: "hosts of 20 runtimes killed or suspended", faults: 12, perCase: 4, run: killedHosts },
  "restarts": { what: "restarts and crashes of servers", faults: 60, perCase: 10, run: restarts },
  "full-table": { what: "tables without space", faults: 20, perCase: 5, run: fullTables, needsDisk: true },
  "full-disk": { what: "servers without space", faults: 12, perCase: 3, run: fullDisks, needsDisk: true },
  "locks": { what: "rows locked by another session", faults: 30, perCase: 5, run: heldLocks },
};
/** Concurrent cases for each core: a case mostly waits. */
const LANES_PER_CORE = 2;

/** Failures around real servers. */
export const postgres: Suite = {
  name: "postgres",
  title:
    "real PostgreSQL servers, networks and owners that fail lose nothing, and one at a time owns a runtime",
  real: true,
  obstacle: binaries === undefined ? "PostgreSQL is not installed" : undefined,
  run,
};

/** A case to run. */
interface Job {
  readonly name: string;
  readonly scenario: string;
  readonly faults: number;
  readonly seed: number;
}

async function run({ share, seed, only, progress }: Budget): Promise<SuiteReport> {
  if (postgres.obstacle !== undefined) return { counts: [], notes: [`left out (${postgres.obstacle})`] };
  const notes: string[] = [];
  const obstacle = await diskObstacle();
  if (obstacle !== undefined) notes.push(`full disks: left out (${obstacle})`);
  const names = Object.keys(SCENARIOS).filter((name) =>
    obstacle === undefined || SCENARIOS[name]?.needsDisk !== true
  );
  const jobs = jobsOf(names, share, seed).filter(({ name }) => only === undefined || name === only);
  const totals = new Map(jobs.map(({ scenario }) => [scenario, noFigures()]));
  let next = 0;
  const lane = async (): Promise<void> => {
    try {
      for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) {
        add(totals.get(job.scenario), await runCase(job));
        progress?.(next, jobs.length);
      }
    } finally {
      next = jobs.length;
    }
  };
  const lanes = Array.from({ length: Math.min(LANES_PER_CORE * workerCount(), jobs.length) }, lane);
  const settled = await Promise.allSettled(lanes);
  const failed = settled.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
  return reportOf(totals, only === undefined ? share : 0, notes);
}

async function runCase({ name, scenario, faults, seed }: Job): Promise<Figures> {
  await using one = new Case(name, seed);
  try {
    return await (SCENARIOS[scenario] as Scenario).run(one, faults);
  } catch (error) {
    const journal = await Deno.makeTempFile({ prefix: `worker-runtime-postgres-${name}-` });
    await Deno.copyFile(one.journal.path, journal);
    if (error instanceof Error) error.message += `\nThe journal is in ${journal}`;
    throw error;
  }
}

/** Cases of a share: at least one fault of each scenario. */
function jobsOf(names: readonly string[], share: number, seed: number): Job[] {
  return names.flatMap((scenario) => {
    const { faults, perCase } = SCENARIOS[scenario] as Scenario;
    const all = Math.max(1, Math.ceil(faults * share));
    const cases = Math.ceil(all / perCase);
    return Array.from({ length: cases }, (_, index) => ({
      name: `${scenario}-${index}`,
      scenario,
      faults: Math.ceil(all / cases),
      seed: seed * 1_000 + index,
    }));
  });
}

function add(total: Figures | undefined, figures: Figures): void {
  if (total === undefined) return;
  for (const name of Object.keys(figures) as (keyof Figures)[]) total[name] += figures[name];
}

function reportOf(
  totals: ReadonlyMap<string, Figures>,
  share: number,
  remarks: readonly string[],
): SuiteReport {
  const counts = [...totals].map(([name, { faults }]) => {
    const { what, faults: full } = SCENARIOS[name] as Scenario;
    return { what, count: faults, target: Math.floor(full * share) };
  });
  const notes = [...totals].map(([name, figures]) => `${name}: ${remarkOf(figures)}`);
  return { counts, notes: [...remarks, ...notes] };
}

function remarkOf({ acknowledged, undone, rejected, unknown, takeovers, ordered }: Figures): string {
  const parts = [
    `${acknowledged} inputs acknowledged, 0 of them lost, 0 doubled`,
    `${takeovers} takeovers`,
    ...ordered === 0 ? [] : [`${ordered} of them compared with the abort of a running owner`],
    `${rejected} inputs rejected, ${unknown} without an outcome`,
    ...undone === 0 ? [] : [`${undone} undone by asynchronous failovers and reported as that`],
  ];
  return parts.join(", ");
}

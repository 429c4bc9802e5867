/**
 * The suite of leases: the PostgreSQL store's lease and fence against a simulated
 * database, simulated clocks and every fault of a statement. One and two faults
 * among the first statements of two hosts are explored exhaustively, others by seed;
 * some of these run the real SQL, too.
 *
 * @module
 */
import { inParallel } from "../kit/parallel.ts";
import type { Budget, Suite, SuiteReport } from "../suite.ts";
import type { LeasePortion, LeaseSums } from "./worker.ts";
import { FAULTS } from "./world.ts";

/** Statements among which one fault, and two faults, are explored. */
const ONE_AMONG = 100;
const TWO_AMONG = 28;
const RATES = ["equal", "slow", "fast"];
const SEEDS = 30_000;
const SQL_SEEDS = 300;
const PORTION = 200;

/** Owners, one at a time. */
export const leases: Suite = {
  name: "leases",
  title: "hosts that compete for a runtime in a database write one at a time, and lose nothing",
  real: false,
  run,
};

async function run({ share, seed, only, progress }: Budget): Promise<SuiteReport> {
  const one = sample(oneFault(), share);
  const two = sample(twoFaults(), share);
  const seeds = numbered("seed", SEEDS * share, seed);
  const sql = numbered("sql", SQL_SEEDS * share, seed);
  const cases = only === undefined ? [...one, ...two, ...seeds, ...sql] : [only];
  const portions: LeasePortion[] = [];
  for (let from = 0; from < cases.length; from += PORTION) {
    portions.push({ cases: cases.slice(from, from + PORTION) });
  }
  const module = new URL("./worker.ts", import.meta.url);
  const sums = await inParallel<LeasePortion, LeaseSums>(module, portions, { progress });
  const total = (what: keyof LeaseSums): string =>
    sums.reduce((sum, each) => sum + each[what], 0).toLocaleString("en");
  const counts = only === undefined
    ? [
      { what: `one fault among ${ONE_AMONG} statements`, count: one.length, target: one.length },
      { what: `two faults among ${TWO_AMONG} statements`, count: two.length, target: two.length },
      { what: "random faults", count: seeds.length, target: Math.floor(SEEDS * share) },
      { what: "random faults on SQL", count: sql.length, target: Math.floor(SQL_SEEDS * share) },
    ]
    : [];
  return {
    counts,
    notes: [`${total("acknowledged")} events acknowledged, 0 lost, 0 twice; ${total("takeovers")} takeovers`],
  };
}

function oneFault(): string[] {
  return RATES.flatMap((rates) => faultsFrom(0, ONE_AMONG).map((fault) => `${rates}/${fault}`));
}

function twoFaults(): string[] {
  return Array.from(
    { length: TWO_AMONG },
    (_, statement) =>
      faultsFrom(statement, statement + 1).flatMap((first) =>
        faultsFrom(statement + 1, TWO_AMONG).map((second) => `equal/${first},${second}`)
      ),
  ).flat();
}

/** Every fault of the statements of a range. */
function faultsFrom(first: number, end: number): string[] {
  return Array.from(
    { length: end - first },
    (_, index) => FAULTS.slice(1).map((_fault, kind) => `${first + index}:${kind + 1}`),
  ).flat();
}

/** A share of the cases, spread evenly. */
function sample(cases: readonly string[], share: number): string[] {
  return cases.filter((_, index) => Math.floor((index + 1) * share) > Math.floor(index * share));
}

function numbered(kind: string, count: number, seed: number): string[] {
  return Array.from({ length: Math.ceil(count) }, (_, index) => `${kind}-${seed * 1_000_000 + index}`);
}

/**
 * Runs portions of the suite of leases.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Random } from "../../kit/random.ts";
import { begin, serve } from "../kit/serving.ts";
import { type Backend, type LeaseCase, type LeaseResult, runCase } from "./case.ts";
import { sqlBackend } from "./sql.ts";
import { Tables } from "./tables.ts";
import { FAULTS } from "./world.ts";

/** Cases by name: `RATES/1:2,5:3` has faults by statement; `seed-N` and `sql-N` are random. */
export interface LeasePortion {
  readonly cases: readonly string[];
}

/** Sums over a portion. */
export interface LeaseSums {
  readonly acknowledged: number;
  readonly takeovers: number;
}

/** Rates of the clocks of two hosts. */
export const RATES: Readonly<Record<string, readonly number[]>> = {
  equal: [1, 1],
  slow: [0.99, 1.01],
  fast: [1.01, 0.99],
};

function tables(): Backend {
  const database = new Tables();
  return {
    execute: (text, params, now) => database.execute(text, params, now),
    events: () => database.events,
    blobs: () => database.blobs(),
  };
}

/** The case of a name. */
export function caseOf(name: string): LeaseCase {
  const seed = /^(?:seed|sql)-(\d+)$/.exec(name)?.[1];
  return seed === undefined ? listed(name) : random(name, Number(seed));
}

function listed(name: string): LeaseCase {
  const [rates = "", list = ""] = name.split("/");
  const faults = new Map(list.split(",").map((pair) => pair.split(":").map(Number) as [number, number]));
  return { name, rates: RATES[rates] ?? [1, 1], faultOf: (statement) => faults.get(statement) ?? 0 };
}

/** Two or three hosts, clocks at random rates, and faults of random density. */
function random(name: string, seed: number): LeaseCase {
  const source = new Random(seed);
  const rates = Array.from({ length: 2 + source.below(2) }, () => 0.99 + source.below(201) / 10_000);
  const density = source.pick([0.03, 0.1, 0.25]);
  return { name, rates, faultOf: () => source.chance(density) ? 1 + source.below(FAULTS.length - 1) : 0 };
}

/** Runs a case; on SQL, the tables in memory must lead to the same result. */
async function run(name: string): Promise<LeaseResult> {
  const result = await runCase(tables(), caseOf(name));
  if (name.startsWith("sql-")) assertEquals(await runCase(await sqlBackend(), caseOf(name)), result, name);
  return result;
}

serve<LeasePortion, LeaseSums>(async ({ cases }) => {
  let [acknowledged, takeovers] = [0, 0];
  for (const name of cases) {
    begin(name);
    const result = await run(name);
    acknowledged += result.acknowledged;
    takeovers += result.takeovers;
  }
  return { acknowledged, takeovers };
});

/**
 * Runs suites with small budgets until one of them detects a bug, and prints the
 * suite as one line of JSON. Started in a copy of the source with a planted bug.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { BrokenOracle, type Suite } from "../suite.ts";
import { suites } from "../suites.ts";

/** Message of the first suite that detected the mutant. */
export interface Verdict {
  /** The suite; absent if none detected anything. */
  readonly suite?: string;
  /** The violated oracle, or `count` for a count below its target. */
  readonly oracle?: string;
  /** The case and the reason. */
  readonly why?: string;
}

/** Shares that take a few seconds each. */
const SHARES: Readonly<Record<string, number>> = {
  "faults": 0.06,
  "crash-states": 0.02,
  "programs": 0.05,
  "recovery-crashes": 0.31,
  "corruption": 0.02,
  "model": 0.02,
  "paths": 0.03,
};
const OTHER_SHARE = 0.01;

async function verdictOf(suite: Suite, share: number): Promise<Verdict | undefined> {
  const { name } = suite;
  try {
    const { counts } = await suite.run({ share, seed: 1 });
    const low = counts.find(({ count, target }) => count < target);
    return low && { suite: name, oracle: "count", why: `${low.what}: ${low.count} of ${low.target}` };
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] ?? "" : String(error);
    return { suite: name, oracle: error instanceof BrokenOracle ? error.oracle : "error", why };
  }
}

if (import.meta.main) {
  const [names = "", given = ""] = Deno.args;
  const first = names.split(",");
  const simulated = suites.filter(({ real }) => !real);
  const order = [
    ...simulated.filter(({ name }) => first.includes(name)),
    ...simulated.filter(({ name }) => !first.includes(name)),
  ];
  let verdict: Verdict = {};
  for (const suite of order) {
    const { name } = suite;
    const usual = SHARES[name] ?? OTHER_SHARE;
    const found = await verdictOf(suite, given !== "" && first.includes(name) ? Number(given) : usual);
    if (found === undefined) continue;
    verdict = found;
    break;
  }
  console.log(JSON.stringify(verdict));
  Deno.exit(0);
}

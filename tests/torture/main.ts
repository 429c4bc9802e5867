/**
 * Runs the reliability suites:
 *
 *     deno task torture [--suite NAME,NAME] [--share X] [--seed N] [--only CASE] [--json FILE] [--junit FILE]
 *
 * `--share` says how much of the full targets to run (1 is all), `--only`
 * replays one case. Exits with 1 when an oracle breaks or a count stays below
 * its target.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { isGood, junitOf, remarksOf, type SuiteResult, tableOf } from "./report.ts";
import { BrokenOracle, type Budget, type Suite } from "./suite.ts";
import { suites } from "./suites.ts";

const options = optionsOf(Deno.args);
const seed = Number(options.get("seed") ?? 1);
const only = options.get("only");
const share = only === undefined ? Number(options.get("share") ?? 1) : 1;
const chosen = suitesNamed(options.get("suite"));

const results: SuiteResult[] = [];
const startedAt = Date.now();
for (const suite of chosen) {
  const result = await resultOf(suite);
  results.push(result);
  console.log(`${suite.name}: ${isGood(result) ? "good" : "NOT GOOD"} after ${result.seconds.toFixed(0)} s`);
  if (!isGood(result)) console.log(`${tableOf([result])}\n${remarksOf([result]).join("\n")}`);
}
console.log(`\n${tableOf(results)}\n`);
for (const remark of remarksOf(results)) console.log(remark);
console.log(`${((Date.now() - startedAt) / 1_000).toFixed(0)} s in all, share ${share}, seed ${seed}`);
const { json, junit } = Object.fromEntries(options);
if (json !== undefined) {
  Deno.writeTextFileSync(json, `${JSON.stringify({ share, seed, results }, null, 2)}\n`);
}
if (junit !== undefined) Deno.writeTextFileSync(junit, junitOf(results));
Deno.exit(results.every(isGood) ? 0 : 1);

async function resultOf(suite: Suite): Promise<SuiteResult> {
  const began = Date.now();
  const { name, title } = suite;
  const seconds = (): number => (Date.now() - began) / 1_000;
  try {
    const report = await suite.run(budgetFor(suite));
    return { suite: name, title, seconds: seconds(), report };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    const replay = error instanceof BrokenOracle
      ? `deno task torture --suite ${name} --seed ${seed} --only ${JSON.stringify(error.caseName)}`
      : `deno task torture --suite ${name} --seed ${seed} --share ${share}`;
    if (!(error instanceof BrokenOracle)) console.error(error);
    return { suite: name, title, seconds: seconds(), failure, replay };
  }
}

function budgetFor({ name }: Suite): Budget {
  let shownAt = Date.now();
  const progress = (done: number, of: number) => {
    const isTerminal = Deno.stderr.isTerminal();
    if (Date.now() - shownAt < (isTerminal ? 200 : 60_000)) return;
    shownAt = Date.now();
    const text = `${name} ${done} of ${of}`;
    Deno.stderr.writeSync(new TextEncoder().encode(isTerminal ? `\r${text}   ` : `${text}\n`));
  };
  return only === undefined ? { share, seed, progress } : { share, seed, only, progress };
}

function suitesNamed(names: string | undefined): readonly Suite[] {
  if (names === undefined) return suites.filter(({ shareMin = 0 }) => share >= shareMin);
  return names.split(",").map((wanted) => {
    const suite = suites.find(({ name }) => name === wanted);
    if (suite !== undefined) return suite;
    console.error(`There is no suite ${wanted}; there are ${suites.map(({ name }) => name).join(", ")}`);
    Deno.exit(2);
  });
}

function optionsOf(args: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (let index = 0; index < args.length; index += 2) {
    const name = /^--(suite|share|seed|only|json|junit)$/.exec(args[index] ?? "")?.[1];
    const value = args[index + 1];
    if (name === undefined || value === undefined) {
      console.error(
        "Usage: deno task torture [--suite NAMES] [--share X] [--seed N] [--only CASE] [--json FILE] [--junit FILE]",
      );
      Deno.exit(2);
    }
    found.set(name, value);
  }
  return found;
}

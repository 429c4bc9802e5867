/**
 * Plants bugs into copies of the source, one at a time, and has the suites find
 * them:
 *
 *     deno task torture:planted [PART OF A NAME]
 *
 * Exits with 1 if a bug is not found, if its text is no longer in the source, or if
 * the suites fail on the unchanged source.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { occurrences, SourceCopy } from "./copy.ts";
import { type Mutant, mutants } from "./mutants.ts";
import type { Verdict } from "./probe.ts";

const wanted = Deno.args[0] ?? "";
const chosen = mutants.filter(({ name }) => name.includes(wanted));
const stale = chosen.filter((mutant) => occurrences(mutant) !== 1);
for (const { name, file } of stale) {
  console.log(`STALE     ${name}: its text is not in src/${file} exactly once`);
}
const queue = chosen.filter((mutant) => !stale.includes(mutant)).values();
const verdicts = new Map<Mutant, Verdict>();
const startedAt = Date.now();
const sound = await soundVerdict();
if (sound.suite === undefined) {
  await Promise.all(Array.from({ length: Math.max(1, navigator.hardwareConcurrency) }, work));
} else console.log(`Without a bug, suite ${sound.suite} finds one all the same: ${sound.why}`);
const caught = [...verdicts.values()].filter(({ suite }) => suite !== undefined).length;
const seconds = ((Date.now() - startedAt) / 1_000).toFixed(0);
console.log(`\n${caught} of ${chosen.length} planted bugs found, in ${seconds} s`);
Deno.exit(caught === chosen.length ? 0 : 1);

async function soundVerdict(): Promise<Verdict> {
  using copy = new SourceCopy();
  return await copy.judge(undefined);
}

async function work(): Promise<void> {
  using copy = new SourceCopy();
  for (const mutant of queue) {
    const verdict = await copy.judge(mutant).catch((error): Verdict => ({ why: String(error) }));
    verdicts.set(mutant, verdict);
    const { suite = "NOT FOUND", oracle = "", why = "" } = verdict;
    console.log(`${suite.padEnd(16)}  ${oracle.padEnd(5)}  ${mutant.name.padEnd(58)}  ${why.slice(0, 160)}`);
  }
}

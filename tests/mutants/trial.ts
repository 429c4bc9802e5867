/**
 * One mutant: the tests that run its line are run on it, the likeliest first.
 *
 * @module
 */
import type { Covered } from "./coverage.ts";
import type { Mutation } from "./mutations.ts";
import { ROOT, type Unit, type Workspace } from "./workspace.ts";

/** Number of units that are tried first, in a run of their own. */
const FIRST_UNITS = 4;
/** A run is taken to hang after so many times its usual duration ... */
const TIMEOUT_FACTOR = 4;
/** ... and this much more. */
const TIMEOUT_EXTRA_MS = 10_000;

/** Outcome of a mutant. */
export type Verdict = "killed" | "timed out" | "survived" | "not covered";

/** A verdict, and the tests that led to it. */
export interface Trial {
  /** Its outcome. */
  readonly verdict: Verdict;
  /** Units of the run that failed. */
  readonly by: readonly string[];
}

/** Counts which units killed mutants of a file, so that these are tried first. */
export class KillCounts {
  readonly #counts = new Map<string, number>();

  /** Counts a kill. */
  add(file: string, units: readonly string[]): void {
    for (const unit of units) {
      const key = `${file} ${unit}`;
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1 / units.length);
    }
  }

  /** Kills of mutants of a file by a unit. */
  of(file: string, unit: string): number {
    return this.#counts.get(`${file} ${unit}`) ?? 0;
  }
}

/** Name of a unit. */
export function nameOf({ file, filter }: Unit): string {
  return filter === "" ? file : `${file} (${filter.trim()})`;
}

/** Runs the tests that cover a mutant on it, for at most `budgetMs` of their usual time. */
export async function tryMutant(
  workspace: Workspace,
  mutation: Mutation,
  coverage: readonly Covered[],
  counts: KillCounts,
  budgetMs: number,
): Promise<Trial> {
  const { file, line, start, end, replacement } = mutation;
  const covering = coverage.filter(({ passed, lines }) => passed && (lines[file] ?? []).includes(line));
  if (covering.length === 0) return { verdict: "not covered", by: [] };
  const text = Deno.readTextFileSync(`${ROOT}/${file}`);
  const mutated = text.slice(0, start) + replacement + text.slice(end);
  return await workspace.withText(file, mutated, async () => {
    for (const batch of batchesOf(covering, file, counts, budgetMs)) {
      const usualMs = batch.reduce((sum, { ms }) => sum + ms, 0);
      const units = batch.map(({ unit }) => unit);
      const run = await workspace.test(units, [], TIMEOUT_FACTOR * usualMs + TIMEOUT_EXTRA_MS);
      if (!run.passed) {
        return { verdict: run.timedOut ? "timed out" : "killed", by: units.map(nameOf) } as const;
      }
    }
    return { verdict: "survived", by: [] } as const;
  });
}

/** Units in runs: those that killed most, then the other test files, then one suite after the other. */
function batchesOf(
  covering: readonly Covered[],
  file: string,
  counts: KillCounts,
  budgetMs: number,
): Covered[][] {
  const kills = ({ unit }: Covered): number => counts.of(file, nameOf(unit));
  const ranked = covering.toSorted((a, b) => kills(b) / b.ms - kills(a) / a.ms || a.ms - b.ms);
  let spentMs = 0;
  const within = ranked.filter(({ ms }, index) => {
    const fits = index === 0 || spentMs + ms <= budgetMs;
    if (fits) spentMs += ms;
    return fits;
  });
  const files = within.filter(({ unit }) => unit.filter === "");
  const suites = within.filter(({ unit }) => unit.filter !== "");
  return [files.slice(0, FIRST_UNITS), files.slice(FIRST_UNITS), ...suites.map((suite) => [suite])]
    .filter(({ length }) => length > 0);
}

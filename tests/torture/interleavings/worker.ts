/**
 * Runs portions of the interleavings suite.
 *
 * @module
 */
import * as fc from "fast-check";
import { begin, serve } from "../kit/serving.ts";
import { BrokenOracle } from "../suite.ts";
import { overlaps } from "./fs_store.ts";
import { groupCommit } from "./group_commit.ts";

/** Runs of one property. */
export interface PropertyPortion {
  /** Property. */
  readonly property: "group-commit" | "overlaps";
  /** Number of runs. */
  readonly runs: number;
  /** Seed of fast-check. */
  readonly seed: number;
  /** Path of the one failure to replay. */
  readonly path?: string;
}

/** Runs asked for between two signs of life. */
const RUNS_AT_A_TIME = 100;

serve<PropertyPortion, number>(async ({ property, runs, seed, path }) => {
  for (let done = 0; done < runs; done += RUNS_AT_A_TIME) {
    begin(`${property}:${seed + done}`);
    const numRuns = Math.min(RUNS_AT_A_TIME, runs - done);
    const options = { seed: seed + done, numRuns, ...(path === undefined ? {} : { path }) };
    const details = property === "overlaps"
      ? await fc.check(overlaps, options)
      : await fc.check(groupCommit, options);
    if (!details.failed) continue;
    const name = `${property}:${details.seed}:${details.counterexamplePath}`.replaceAll(" ", "");
    // The order itself is in the path; printed task by task it fills pages.
    const why = `${details.errorInstance} in ${fc.stringify(details.counterexample?.[1])}`;
    throw new BrokenOracle("I7", name, why, { cause: details.errorInstance });
  }
  return runs;
});

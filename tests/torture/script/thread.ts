/**
 * Runs jobs in a Deno Worker.
 *
 * @module
 */
import { serve } from "../kit/serving.ts";
import { jobSuites } from "./job_suites.ts";
import { type SuiteJob, type Tally, workHere } from "./parallel.ts";

serve<SuiteJob, Tally>(async ({ suite: name, job }) => {
  const suite = jobSuites.find((each) => each.name === name);
  if (suite === undefined) throw new Error(`Cannot work: there is no suite ${name}`);
  return await workHere(suite, job);
});

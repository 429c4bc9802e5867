/**
 * A thread that runs jobs.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { jobSuites } from "./job_suites.ts";
import { type Job, workHere } from "./parallel.ts";

self.onmessage = async ({ data }: MessageEvent<{ readonly suite: string; readonly job: Job }>) => {
  const suite = jobSuites.find(({ name }) => name === data.suite);
  if (suite === undefined) throw new Error(`Cannot work: there is no suite ${data.suite}`);
  self.postMessage(await workHere(suite, data.job));
};

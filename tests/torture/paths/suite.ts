/**
 * Another process moves, replaces, links, restores or removes a file or a
 * directory of the store at any call of its host.
 *
 * @module
 */
import type { DiskCall } from "../../disk/mod.ts";
import { count, isChosen, type Job, type JobSuite, see, type Tally, tryCase } from "../script/parallel.ts";
import { stillClock, Unhandled } from "../script/stage.ts";
import type { Budget, SuiteReport } from "../suite.ts";
import { workloads } from "../workloads.ts";
import { isAsynchronous } from "./course.ts";
import { runCase, soundRun } from "./intruded.ts";
import { type Intrusion, intrusions } from "./intrusions.ts";
import { objects, type StoreObject } from "./objects.ts";

/** Jobs that the calls of one workload are cut into. */
const PARTS = 6;
/** Part of the cases that is tried at a share of 1, besides one at each call. */
const GUARDED_SHARE = 0.005;
const OTHERS_SHARE = 0.001;
/** The part of an object that few calls find, in the script that begins with it. */
const RARE = { script: "begun-blob", object: "unfinished", share: 0.2 } as const;

/** In one of so many cases, the store that was put there is used, not only opened. */
const THOROUGH_EACH = 4;

/** The suite. */
export const paths: JobSuite = {
  name: "paths",
  title: "moves, replaces, links and removes every path of the store at every call",
  jobs: (budget) => Promise.resolve(jobsOf(budget)),
  work,
  report,
};

/** An intrusion on an object. */
interface Combination {
  readonly name: string;
  readonly object: StoreObject;
  readonly intrusion: Intrusion;
}

const combinations: readonly Combination[] = objects.flatMap((object) =>
  intrusions.map((intrusion) => ({ name: `${object.name}:${intrusion.name}`, object, intrusion }))
);

function jobsOf({ share, seed, only = "" }: Budget): Job[] {
  // Without reliable file numbers, path identity is checked by links and size only.
  const scripts = workloads.filter(({ directorySync = true }) => directorySync);
  return scripts.flatMap(({ name }) =>
    Array.from({ length: PARTS }, (_, part) => ({ workload: name, part, share, seed, only }))
  ).filter(({ workload, part }) => only === "" || only.startsWith(`${workload}/`) && part === 0);
}

async function work(job: Job, tally: Tally): Promise<void> {
  using _clock = stillClock();
  using unhandled = new Unhandled();
  const { share = 1, seed = 1, only = "", part = 0 } = job;
  const workload = workloads.find(({ name }) => name === job.workload);
  if (workload === undefined) throw new Error(`Cannot intrude: there is no workload ${job.workload}`);
  const { calls, ...sound } = await soundRun(workload);
  for (const call of calls) {
    if (call.index % PARTS !== part && only === "") continue;
    for (const [place, { name, object, intrusion }] of combinations.entries()) {
      for (const isDuring of isAsynchronous(call) ? [false, true] : [false]) {
        const caseName = `${workload.name}/${call.index}${isDuring ? "+" : ""}/${name}`;
        const chosen = (isNext(call, place) ? 1 : shareOf(workload.name, object)) * Number(share);
        if (only === "" ? !isChosen(caseName, chosen, Number(seed)) : only !== caseName) continue;
        const isKilled = isChosen(`killed ${caseName}`, 0.5, 1);
        const isThorough = isChosen(`thorough ${caseName}`, 1 / THOROUGH_EACH, 1);
        const ok = await tryCase(tally, caseName, async () => {
          const one = { workload, call, object, intrusion, isDuring, isKilled, isThorough, ...sound };
          if (!await runCase(one)) return;
          unhandled.check();
          count(tally, "cases");
          see(tally, "combinations", name);
          see(tally, "calls", `${workload.name}/${call.index}`);
        });
        if (!ok && tally.failure !== undefined) return;
      }
    }
  }
}

/** The part of the cases of an object that is tried at a share of 1. */
function shareOf(script: string, { name, isGuarded }: StoreObject): number {
  if (script === RARE.script && name === RARE.object) return RARE.share;
  return isGuarded ? GUARDED_SHARE : OTHERS_SHARE;
}

/** True if it is the turn of this combination: successive calls go through all of them. */
function isNext({ index }: DiskCall, place: number): boolean {
  return index * 89 % combinations.length === place;
}

function report(tally: Tally, { share, only }: Budget): SuiteReport {
  const all = only === undefined;
  const possible = combinations.filter(({ intrusion, object }) =>
    intrusion.leaves !== "other" ||
    (intrusion.name === "swapped" ? object.sibling : object.name !== RARE.object)
  );
  const seen = new Set(tally.seen.combinations);
  const missing = possible.map(({ name }) => name).filter((name) => !seen.has(name));
  return {
    counts: [
      { what: "cases", count: tally.counts.cases ?? 0, target: all ? Math.floor(20_000 * share) : 1 },
      {
        what: "objects and operations",
        count: possible.length - missing.length,
        target: all && share >= 1 ? possible.length : 0,
      },
    ],
    notes: [
      `another process intrudes before or during ${tally.seen.calls?.length ?? 0} calls`,
      ...(all && share >= 1 ? missing.map((name) => `never: ${name}`) : []),
    ],
  };
}

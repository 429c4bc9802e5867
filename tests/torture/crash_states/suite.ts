/**
 * Cuts the power at every call of every script and opens the store on the possible
 * states of the disk: no state is rejected, and none lacks an acknowledged event.
 *
 * @module
 */
import { tailTable } from "../../../src/fs/log/tail_table.ts";
import { replay } from "../../disk/mod.ts";
import type { Diagnostic } from "../../../mod.ts";
import { checkOpens, checkWhole } from "../oracle.ts";
import { Finding, type History } from "../script/history.ts";
import { count, isChosen, type Job, type JobSuite, see, type Tally, tryCase } from "../script/parallel.ts";
import { settled, stillClock, Unhandled } from "../script/stage.ts";
import type { Budget, SuiteReport } from "../suite.ts";
import { type Workload, workloads } from "../workloads.ts";
import { type Moment, momentsOf } from "./moments.ts";

const TARGET = 500_000;
const ROUNDS_MAX = 60;
/** One in this many states is checked by all oracles; the others are opened. */
const WHOLE_EACH = 40;

/** The suite. */
export const crashStates: JobSuite = {
  name: "crash-states",
  title: "opens the store on every kind of disk that a power cut leaves",
  jobs: (budget) => Promise.resolve(jobsOf(budget)),
  work,
  isDone: (tally, { share }) => (tally.counts.states ?? 0) >= TARGET * share,
  report,
};

function jobsOf({ share, seed, only }: Budget): Job[] {
  if (only !== undefined) {
    const [workload = "", round = ""] = only.split("/");
    return [{ workload, round: Number(round), only, killShare: 0 }];
  }
  const samples = Math.max(3, Math.ceil(72 * Math.min(1, 2 * share)));
  const killShare = Math.min(1, 4 * share);
  const jobs: Job[] = [];
  for (let round = 0; round < ROUNDS_MAX; round++) {
    for (const { name } of workloads) {
      jobs.push({ workload: name, round, samples, seed, only: "", killShare });
    }
  }
  return jobs;
}

async function work(job: Job, tally: Tally): Promise<void> {
  using _clock = stillClock();
  using unhandled = new Unhandled();
  const workload = workloads.find(({ name }) => name === job.workload);
  if (workload === undefined) throw new Error(`Cannot crash: there is no workload ${job.workload}`);
  if (job.only !== "") return await again(workload, String(job.only), tally);
  const round = Number(job.round);
  const samples = Number(job.samples);
  const killShare = Number(job.killShare);
  const written = workload.durability === "written";
  const seen = new Set<number>();
  const { moments, history } = await momentsOf(workload, round);
  see(tally, "workloads", workload.name);
  count(tally, "moments", moments.length);
  for (const moment of moments) {
    const options = { samples, exhaustiveStates: samples * 64, seed: Number(job.seed) + moment.call, seen };
    if (moment.disk.dirtySectors <= 10 && moment.disk.crashStateCount() <= options.exhaustiveStates) {
      count(tally, "exhausted");
    }
    const prefix = `${workload.name}/${round}/${moment.call}`;
    for (const { disk, choices } of moment.disk.crashStates(options)) {
      const whole = (tally.counts.states ?? 0) % WHOLE_EACH === 0;
      const left = history.at(moment.mark, written);
      const ok = await tryCase(tally, `${prefix}/${choices.join(".")}`, async () => {
        const found = await (whole ? settled(checkWhole(disk, left, written)) : checkOpens(disk, left));
        note(tally, found);
        if (!isDamaged(workload)) checkSilent(found);
        unhandled.check();
      });
      if (!ok) return;
      count(tally, "states");
      if (whole) count(tally, "whole");
    }
    if (!isChosen(`${prefix}/killed`, killShare, Number(job.seed))) continue;
    const killed = await tryCase(tally, `${prefix}/killed`, () => afterKill(workload, moment, history));
    if (!killed) return;
    count(tally, "kills");
  }
}

/** The process was killed, not the machine: the next one sees the page cache. */
async function afterKill(workload: Workload, { disk, mark }: Moment, history: History): Promise<void> {
  await settled(checkWhole(disk.fork(), history.at(mark), workload.durability === "written"));
}

/** Replays one state. */
async function again(workload: Workload, only: string, tally: Tally): Promise<void> {
  const [, round, call, choices = ""] = only.split("/");
  const { moments, history } = await momentsOf(workload, Number(round), Number(call));
  const moment = moments.find((moment) => moment.call === Number(call));
  if (moment === undefined) return;
  await tryCase(tally, only, async () => {
    if (choices === "killed") return await afterKill(workload, moment, history);
    const answers = choices === "" ? [] : choices.split(".").map(Number);
    const written = workload.durability === "written";
    await checkWhole(moment.disk.crash(replay(answers)), history.at(moment.mark, written), written);
  });
  count(tally, "states");
}

/** Bases that were damaged before the script began. */
export function isDamaged({ base }: Workload): boolean {
  return base === "damaged" || base === "lostCheckpoint" ||
    base === "fullQuarantine";
}

/** A power cut damages nothing that had been synced before later writes depended on it. */
export function checkSilent(found: readonly Diagnostic[]): void {
  for (const { code, message } of found) {
    const isDamage = code === "transcript_rebuilt" ||
      (code === "checkpoint_unusable" && /^Cannot read/.test(message));
    if (isDamage) throw new Finding("I4", `a power cut damaged what was synced: ${message}`);
  }
}

/** Notes which rows of the recovery table decided. */
function note(tally: Tally, diagnostics: readonly Diagnostic[]): void {
  for (const { code, message } of diagnostics) {
    see(tally, "diagnostics", code);
    if (code !== "torn_tail_cut" && code !== "unfinished_segment_removed") continue;
    const row = tailTable.find(({ reason }) => message.endsWith(reason));
    if (row !== undefined) see(tally, "rows", row.name);
  }
}

function report(tally: Tally, { share, only }: Budget): SuiteReport {
  const all = only === undefined;
  const { states = 0, kills = 0, moments = 0, exhausted = 0, whole = 0 } = tally.counts;
  const rows = tailTable.filter(({ verdict }) => verdict !== "corrupt").map(({ name }) => name);
  const refusals = tailTable.filter(({ verdict }) => verdict === "corrupt").map(({ name }) => name);
  const hit = rows.filter((row) => tally.seen.rows?.includes(row));
  return {
    counts: [
      { what: "distinct states", count: states, target: all ? Math.floor(TARGET * share) : 1 },
      { what: "kills", count: kills, target: 0 },
      { what: "rows of the recovery table", count: hit.length, target: all ? rows.length : 0 },
    ],
    notes: [
      `${moments} moments in ${tally.seen.workloads?.length ?? 0} scripts, ${exhausted} of them exhausted; ` +
      `${whole} states held against all oracles, all others opened and compared`,
      `rows ${refusals.join(", ")} refuse, and no power cut leads to them: suite corruption has those`,
      `diagnostics: ${tally.seen.diagnostics?.toSorted().join(", ")}`,
    ],
  };
}

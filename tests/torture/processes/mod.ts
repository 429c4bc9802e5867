/**
 * The suite of real processes: kills under load, and races for the lock.
 *
 * @module
 */
import { workerCount } from "../kit/parallel.ts";
import type { Budget, Count, Suite, SuiteReport } from "../suite.ts";
import { type KillFigures, killMany } from "./kills.ts";
import { type RaceFigures, raceMany } from "./races.ts";

const KILLS = 1_000;
const ROUNDS = 500;

/** Kills and races of real processes. */
export const processes: Suite = {
  name: "processes",
  title: "real processes killed under load lose nothing, and one at a time has the store",
  real: true,
  run,
};

async function run({ share: wanted, seed, only, progress }: Budget): Promise<SuiteReport> {
  // The moment of a real kill cannot be reproduced: a case is repeated by trying many.
  const share = only === undefined ? wanted : Math.min(wanted, 0.1);
  const kills = Math.max(2, Math.ceil(KILLS * share));
  const rounds = Math.max(10, Math.ceil(ROUNDS * share));
  let done = 0;
  const told = (): void => progress?.(++done, kills + rounds / 10);
  const lanes = Math.min(workerCount(), kills);
  const perLane = Math.ceil(kills / lanes);
  const killed = await Promise.all(
    Array.from({ length: lanes }, (_, lane) => killMany(perLane, seed * 100 + lane, told)),
  );
  const race = await raceMany(rounds, seed, told);
  const sum = (key: keyof KillFigures): number => killed.reduce((total, figures) => total + figures[key], 0);
  return {
    counts: [
      { what: "kills", count: sum("kills"), target: Math.floor(KILLS * share) },
      {
        what: "blobs acknowledged before a kill",
        count: sum("blobs"),
        target: Math.floor(KILLS * share / 4),
      },
      { what: "large contents kept as blobs", count: sum("spilled"), target: Math.floor(KILLS * share / 20) },
      ...raceCounts(race, share),
    ],
    notes: [
      `${sum("acknowledged")} commands acknowledged before a kill, all there once; ${sum("checks")} checks`,
      `${race.losers} losers, ${race.named} of them told the winner's process id`,
      `${race.killed} holders killed, ${race.stopped} stopped`,
    ],
  };
}

function raceCounts(race: RaceFigures, share: number): Count[] {
  return [
    { what: "rounds of 8 processes with one winner", count: race.rounds, target: Math.floor(ROUNDS * share) },
    { what: "losers told who has it", count: race.named, target: Math.floor(race.losers * 0.9) },
  ];
}

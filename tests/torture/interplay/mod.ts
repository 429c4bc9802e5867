/**
 * The suite of all operations combined: all public operations on one runtime, on
 * the real file system, with small limits, concurrently with an operator in another
 * process, closed or killed at any moment and opened again.
 *
 * @module
 */
import { workerCount } from "../kit/parallel.ts";
import type { Budget, Suite, SuiteReport } from "../suite.ts";
import { type Figures, Lane } from "./lane.ts";

const CASES = 500;
/** Attempts to reproduce one case: the seed does not determine which operations overlap. */
const REPETITIONS = 10;
/** Concurrent cases for each core: a case mostly waits. */
const LANES_PER_CORE = 2;

/** All operations combined. */
export const interplay: Suite = {
  name: "interplay",
  title: "all operations combined, closed and killed at any moment, keep their promises",
  real: true,
  run,
};

async function run({ share, seed, only, progress }: Budget): Promise<SuiteReport> {
  const first = only === undefined ? seed * 1_000_000 : Number(only.replace("seed-", ""));
  const cases = only === undefined ? Math.ceil(CASES * share) : REPETITIONS;
  let next = 0;
  const work = async (): Promise<Figures> => {
    const lane = new Lane();
    try {
      while (next < cases) {
        const index = next++;
        await lane.run(only === undefined ? first + index : first);
        progress?.(next, cases);
      }
      return lane.figures;
    } finally {
      next = cases;
      await lane.end();
    }
  };
  const lanes = Math.min(LANES_PER_CORE * workerCount(), cases);
  const settled = await Promise.allSettled(Array.from({ length: lanes }, work));
  const broken = settled.find(({ status }) => status === "rejected");
  if (broken?.status === "rejected") throw broken.reason;
  const all = settled.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
  const sum = (key: keyof Figures): number => all.reduce((total, figures) => total + figures[key], 0);
  const target = (perCase: number): number => only === undefined ? Math.floor(CASES * share * perCase) : 0;
  return {
    counts: [
      { what: "cases", count: sum("cases"), target: target(1) },
      { what: "openings, each with a close or a kill", count: sum("rounds"), target: target(3) },
      { what: "calls", count: sum("calls"), target: target(300) },
    ],
    notes: [`${sum("kills")} hosts killed, ${sum("operations")} operations of another process beside them`],
  };
}

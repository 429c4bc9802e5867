/**
 * The suite of commands that are killed: at each call on the simulated disk,
 * and as real processes.
 *
 * @module
 */
import { suiteOf } from "../script/parallel.ts";
import type { Budget, Suite, SuiteReport } from "../suite.ts";
import { killProcesses } from "./kills.ts";
import { commandKills } from "./suite.ts";

/** Kills of each command as a process. */
const KILLS_EACH = 200;
const COMMANDS = 9;

const simulated = suiteOf(commandKills);

/** Kills of commands. */
export const commands: Suite = { ...simulated, real: true, run };

async function run(budget: Budget): Promise<SuiteReport> {
  const { share, seed, only, progress } = budget;
  // The call at which a process is killed depends on the seed and on the disk: a case is repeated by trying many.
  const isProcess = only?.includes("/process/") === true;
  const report = isProcess ? { counts: [], notes: [] } : await simulated.run(budget);
  if (only !== undefined && !isProcess) return report;
  const each = Math.max(1, Math.floor(KILLS_EACH * (isProcess ? 0.1 : share)));
  let done = 0;
  const kills = await killProcesses(each, seed, () => progress?.(++done, each * COMMANDS));
  const processes = { what: "processes of commands killed", count: kills, target: each * COMMANDS };
  return { counts: [...report.counts, processes], notes: report.notes };
}

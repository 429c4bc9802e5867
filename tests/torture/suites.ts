/**
 * All reliability suites, in the order in which they run.
 *
 * @module
 */
import { crashStates } from "./crash_states/suite.ts";
import { faults } from "./faults/suite.ts";
import { paths } from "./paths/suite.ts";
import { shortPrograms } from "./programs/suite.ts";
import { recoveryCrashes } from "./recovery_crashes/suite.ts";
import { moreSuites } from "./kit/suites.ts";
import { suiteOf } from "./script/parallel.ts";
import type { Suite } from "./suite.ts";

/** The suites. */
export const suites: readonly Suite[] = [
  suiteOf(faults),
  suiteOf(crashStates),
  suiteOf(shortPrograms),
  suiteOf(recoveryCrashes),
  suiteOf(paths),
  ...moreSuites,
];

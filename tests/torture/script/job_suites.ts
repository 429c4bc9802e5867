/**
 * The suites that are cut into jobs.
 *
 * @module
 */
import { crashStates } from "../crash_states/suite.ts";
import { faults } from "../faults/suite.ts";
import { paths } from "../paths/suite.ts";
import { shortPrograms } from "../programs/suite.ts";
import { recoveryCrashes } from "../recovery_crashes/suite.ts";
import type { JobSuite } from "./parallel.ts";

/** All of them. */
export const jobSuites: readonly JobSuite[] = [faults, crashStates, shortPrograms, recoveryCrashes, paths];

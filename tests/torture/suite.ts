/**
 * Reliability suites: each runs cases until its budget is met, counts them, and
 * fails with the seed of the case that violated an oracle.
 *
 * The oracles:
 *
 * - I1 every acknowledged event is returned byte-equal, or the call fails with
 *   a typed error that names file and offset; never silently missing.
 * - I2 what is returned is a prefix of what was issued, whole events only.
 * - I3 no event that was not issued, none twice.
 * - I4 recovery is idempotent, and may itself crash.
 * - I5 every projection equals the fold of the log.
 * - I6 limits hold.
 * - I7 every call settles; no hang, no unhandled rejection.
 * - I8 no bytes are removed without a copy in quarantine, but for an explicit purge or prune.
 * - I9 damage to one worker's files never changes what another's reads return.
 * - I10 at most one writer.
 * - I11 whatever another process does to the paths of the store: an acknowledged event is found at the path, or went
 *   with what was moved away after the last check, or the host had refused it; then nothing is written any more.
 *
 * @module
 */

/** Amount of work of a run. */
export interface Budget {
  /** Share of the full targets: 1 in `deno task torture`, a small part inside `deno task test`. */
  readonly share: number;
  /** Seed of everything random. */
  readonly seed: number;
  /** Replay only the case of this name, as a failure printed it. */
  readonly only?: string;
  /** Called with progress, at most a few times a second. */
  readonly progress?: (done: number, of: number) => void;
}

/** One count of a suite with the target it must reach. */
export interface Count {
  /** Description of the counted items. */
  readonly what: string;
  /** Number of items. */
  readonly count: number;
  /** Required number for the given share. */
  readonly target: number;
}

/** Counts of a suite. */
export interface SuiteReport {
  /** Counts with their targets. */
  readonly counts: readonly Count[];
  /** Further figures and notes for people, such as the measured window of undetectable damage. */
  readonly notes: readonly string[];
}

/** A reliability suite. Its `run` throws {@linkcode BrokenOracle} at the first case that breaks one. */
export interface Suite {
  /** Short name, such as `crash-states`. */
  readonly name: string;
  /** Description in one line. */
  readonly title: string;
  /** True if it needs real processes, files or tools; such a suite is omitted from planted-bug runs unless named. */
  readonly real: boolean;
  /** Reason why it cannot run on this machine. */
  readonly obstacle?: string | undefined;
  /** Omitted below this share unless named. @default {0} */
  readonly shareMin?: number;
  /** Runs the suite. */
  run(budget: Budget): Promise<SuiteReport>;
}

/** A case that violated an oracle. */
export class BrokenOracle extends Error {
  /** Always `"BrokenOracle"`. */
  override readonly name = "BrokenOracle";
  /** The oracle, such as `I1`. */
  readonly oracle: string;
  /** The case, to be replayed with `--suite SUITE --only CASE --seed SEED`. */
  readonly caseName: string;

  /** Creates the failure of a case. */
  constructor(oracle: string, caseName: string, why: string, options?: ErrorOptions) {
    super(`${oracle} broken in case ${caseName}: ${why}`, options);
    this.oracle = oracle;
    this.caseName = caseName;
  }
}

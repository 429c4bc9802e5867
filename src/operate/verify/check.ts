/**
 * Input of the checks of a store.
 *
 * @module
 */
import type { Checkpoint } from "../../fs/checkpoint/checkpoint.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import type { Meter } from "../options.ts";
import type { Expected } from "./expected.ts";
import type { Findings } from "./finding.ts";

/** A store that is being verified. */
export interface Check {
  /** The store. */
  readonly place: FoundPlace;
  /** Its checkpoints, the older first. */
  readonly checkpoints: readonly Checkpoint[];
  /** First event ids of the segments, in order. */
  readonly segments: readonly number[];
  /** True if answers have always waited for the device. */
  readonly isSynced: boolean;
  /** Fold of the log: the expected content of the other files. */
  readonly expected: Expected;
  /** True if blobs are not read, but only their sizes compared. */
  readonly isQuick: boolean;
  /** Receives the findings. */
  readonly findings: Findings;
  /** Receives progress. */
  readonly meter: Meter;
}

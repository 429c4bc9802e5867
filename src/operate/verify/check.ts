/**
 * Input of the checks of the files besides the log.
 *
 * @module
 */
import type { FoundPlace } from "../../fs/place/find.ts";
import type { Meter } from "../options.ts";
import type { Expected } from "./expected.ts";
import type { Findings } from "./finding.ts";

/** A store whose log was read to its end. */
export interface FilesCheck {
  /** The store. */
  readonly place: FoundPlace;
  /** Expected content of the other files, according to the log. */
  readonly expected: Expected;
  /** True if answers have always waited for the device. */
  readonly isSynced: boolean;
  /** The oldest event in the log. */
  readonly firstEventId: number;
  /** The last event of the log. */
  readonly lastEventId: number;
  /** Receives the findings. */
  readonly findings: Findings;
  /** Receives progress. */
  readonly meter: Meter;
}

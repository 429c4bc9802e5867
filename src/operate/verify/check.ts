/**
 * Input of the checks of the files beside the log.
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
  /** What the log implies for the other files. */
  readonly expected: Expected;
  /** Whether answers have always waited for the device. */
  readonly isSynced: boolean;
  /** The oldest event that the log still holds. */
  readonly firstEventId: number;
  /** The last event of the log. */
  readonly lastEventId: number;
  /** Receives the findings. */
  readonly findings: Findings;
  /** Receives progress. */
  readonly meter: Meter;
}

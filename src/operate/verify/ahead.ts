/**
 * Verifies that the log includes every event of the transcripts: a line is
 * added to a transcript only after its event is in the log.
 *
 * @module
 */
import { guarded } from "../../fs/disk/faults.ts";
import { nameOf } from "../../fs/layout.ts";
import { LINE_BYTES_MAX } from "../../fs/lines/codec.ts";
import { intactLines } from "../../fs/log/scan.ts";
import { listSegments, withSegment } from "../../fs/log/segments.ts";
import { aheadOfLog } from "../../fs/recovery/witness.ts";
import type { FilesCheck } from "./check.ts";

/** Finds events that transcripts hold and the log does not. */
export class AheadOfLogCheck {
  readonly #check: FilesCheck;

  /** A check of the transcripts of a store whose log was read to its end. */
  constructor(check: FilesCheck) {
    this.#check = check;
  }

  /**
   * Reports events in a transcript after the end of the log, beyond its expected
   * `bytes`. Returns true if there are any.
   */
  reportIfAhead(workerId: string, bytes: number): boolean {
    const { place, isSynced, lastEventId, findings } = this.#check;
    const ahead = aheadOfLog(place, workerId, bytes, lastEventId);
    for (const { path, offset, lastEventId: last, durable } of ahead) {
      // An active writer has added the events to the log first.
      if (last <= this.loggedByNow()) return false;
      const isLost = isSynced || durable > lastEventId;
      const message = `the log ends with event ${lastEventId}, but this transcript holds event ${last}: ` +
        (isLost ? "is it an older copy, or was its end truncated?" : `a power cut took what was not synced`);
      findings.add("log_behind_transcript", isLost ? "damaged" : "healable", message, {
        file: nameOf(place.layout, path),
        byteOffset: offset,
        eventIds: [lastEventId + 1, last],
        workerId,
      });
      return true;
    }
    return false;
  }

  /** The last intact event in the log at this moment. */
  loggedByNow(): number {
    const { place, place: { fs, layout } } = this.#check;
    // A log without a segment is damaged, which is reported already.
    const hasLog = guarded("stat", layout.events, () => fs.stat(layout.events)?.kind === "directory");
    const last = hasLog ? listSegments(place, () => {}).firstEventIds.at(-1) : undefined;
    if (last === undefined) return 0;
    return withSegment(place, last, ({ file, end }) => {
      const lines = intactLines(file, Math.max(0, end - 2 * LINE_BYTES_MAX), end);
      return lines.reduce((highest, { id }) => Math.max(highest, id), last - 1);
    });
  }
}

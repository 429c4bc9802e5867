/**
 * Verifies that the log includes every event of the transcripts: a line is
 * added to a transcript only after its event is in the log.
 *
 * @module
 */
import { nameOf } from "../../fs/layout.ts";
import { LINE_BYTES_MAX } from "../../fs/lines/codec.ts";
import { intactLines } from "../../fs/log/scan.ts";
import { listSegments, withSegment } from "../../fs/log/segments.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import { aheadOfLog } from "../../fs/recovery/witness.ts";
import { entriesIn } from "../sizes.ts";
import type { Check } from "./check.ts";

/**
 * Reports events in a transcript after the end of the log, beyond its expected
 * `bytes`. Returns true if there are any.
 */
export function reportIfAhead(check: Check, workerId: string, bytes: number): boolean {
  const { place, isSynced, findings, expected: { ledger: { runtime: { lastEventId } } } } = check;
  const [ahead] = aheadOfLog(place, workerId, bytes, lastEventId);
  // An active writer has added the events to the log first.
  if (ahead === undefined || ahead.lastEventId <= loggedByNow(place)) return false;
  const { path, offset: byteOffset, lastEventId: last, durable } = ahead;
  const isLost = isSynced || durable > lastEventId;
  const message = `the log ends with event ${lastEventId}, but this transcript holds event ${last}: ` +
    (isLost ? "is it an older copy, or was its end truncated?" : `a power cut took what was not synced`);
  const spot = {
    file: nameOf(place.layout, path),
    byteOffset,
    eventIds: [lastEventId + 1, last],
    workerId,
  } as const;
  findings.add("log_behind_transcript", isLost ? "damaged" : "healable", message, spot);
  return true;
}

/** The last intact event in the log at this moment. */
export function loggedByNow(place: FoundPlace): number {
  const { fs, layout } = place;
  // A log without a segment is damaged, which is reported already.
  if (entriesIn(fs, layout.events).length === 0) return 0;
  const last = listSegments(place, () => {}).firstEventIds.at(-1);
  if (last === undefined) return 0;
  return withSegment(place, last, ({ file, end }) => {
    const lines = intactLines(file, Math.max(0, end - 2 * LINE_BYTES_MAX), end);
    return lines.reduce((highest, { id }) => Math.max(highest, id), last - 1);
  });
}

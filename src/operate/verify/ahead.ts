/**
 * Verification that the log reaches as far as the transcripts: a line is added
 * to a transcript only after its event is in the log.
 *
 * @module
 */
import { guarded } from "../../fs/disk/faults.ts";
import { withFile } from "../../fs/disk/files.ts";
import { nameOf, segmentPath } from "../../fs/layout.ts";
import { scanLines } from "../../fs/lines/scanner.ts";
import { idOf, isIntact } from "../../fs/lines/codec.ts";
import { TORN_BYTES_MAX } from "../../fs/log/tail_table.ts";
import { listSegments } from "../../fs/log/segments.ts";
import { AheadOfLogSearch } from "../../fs/recovery/witness.ts";
import type { FilesCheck } from "./check.ts";

/** Finds events that transcripts hold and the log does not. */
export class AheadOfLogCheck {
  readonly #check: FilesCheck;
  readonly #search: AheadOfLogSearch;

  /** For a store whose log was read to its end. */
  constructor(check: FilesCheck) {
    const { place: { fs, layout, runtimeId }, lastEventId } = check;
    this.#check = check;
    this.#search = new AheadOfLogSearch(fs, layout, runtimeId, lastEventId);
  }

  /** Reports events after the end of the log in a transcript that should have `bytes` bytes. Returns true if there are any. */
  reportIfAhead(workerId: string, bytes: number): boolean {
    const { place: { layout }, isSynced, lastEventId, findings } = this.#check;
    for (const { path, offset, lastEventId: last, durable } of this.#search.inTranscript(workerId, bytes)) {
      // An active writer has added the events to the log first.
      if (last <= this.loggedByNow()) return false;
      const isLost = isSynced || durable > lastEventId;
      const message = `the log ends with event ${lastEventId}, but this transcript holds event ${last}: ` +
        (isLost ? "is it an older copy, or was its end truncated?" : `a power cut took what was not synced`);
      const eventIds: readonly [number, number] = [lastEventId + 1, last];
      const spot = { file: nameOf(layout, path), byteOffset: offset, eventIds, workerId };
      findings.add({
        code: "log_behind_transcript",
        severity: isLost ? "damaged" : "healable",
        message,
        ...spot,
      });
      return true;
    }
    return false;
  }

  /** The last intact event of the log at this moment. */
  loggedByNow(): number {
    const { fs, layout } = this.#check.place;
    // Without a segment the log is damaged, which is reported already.
    const hasLog = guarded("stat", layout.events, () => fs.stat(layout.events)?.kind === "directory");
    const last = hasLog ? listSegments(fs, layout, () => {}).firstEventIds.at(-1) : undefined;
    if (last === undefined) return 0;
    const path = segmentPath(layout, last);
    return guarded("read", path, () =>
      withFile(fs, path, "read", (file) => {
        const { size } = file.stat();
        let id = last - 1;
        for (
          const { bytes, start, end, terminated } of scanLines(
            file,
            Math.max(0, size - 2 * TORN_BYTES_MAX),
            size,
            TORN_BYTES_MAX,
          )
        ) {
          if (terminated && isIntact(bytes, start, end)) id = Math.max(id, idOf(bytes, start));
        }
        return id;
      }));
  }
}

/**
 * Repairs the end of the log if the last writer did not close it.
 *
 * - Bytes after the last good line are quarantined, then truncated; a segment
 *   whose creation never finished is quarantined, then removed.
 * - Padding after the last line is truncated. The last writer may have done so
 *   in the page cache only, so the end is synced in any case: padding must not
 *   reappear once there is a later segment.
 * - Lines that no later line records as synced may be in the page cache only: a
 *   failed sync leaves them there, marked clean. They are rewritten in place and
 *   synced before anything depends on them (Rebello et al., "Can Applications
 *   Recover from fsync Failures?", ATC 2020).
 *
 * @module
 */
import type { Notice } from "../../core/diagnostics.ts";
import { readBytes, withFileAsync, writeAll } from "../disk/files.ts";
import { guardedAsync } from "../disk/faults.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { nameOf, segmentPath, type WatchedPlace } from "../layout.ts";
import type { LogEnd, Tail } from "./recover.ts";
import type { Quarantine } from "../quarantine.ts";

/** Repairs the end of the log. Idempotent, also after a crash. */
export async function repairTail(
  { fs, layout, notice }: WatchedPlace,
  end: LogEnd,
  quarantine: Quarantine,
): Promise<void> {
  const path = segmentPath(layout, end.segment);
  const { tail } = end;
  if (tail !== undefined) {
    const { offset } = end;
    const kept = tail.bytes > 0 ? await quarantine.keep(path, offset, offset + tail.bytes) : "";
    notice(tailNotice(tail, end, nameOf(layout, path), kept));
  }
  await guardedAsync("repair", path, async () => {
    // The first segment stays, even if empty: a log without segments counts as damaged.
    if (tail?.row.verdict === "remove_segment" && end.segment !== 1) {
      fs.remove(path);
      return await fs.syncDirectory(layout.events);
    }
    await withFileAsync(fs, path, "update", async (file) => {
      if (tail !== undefined || end.paddingBytes > 0) file.truncate(end.offset);
      else if (!end.isClosed && end.lineOffset > 0) changeSize(file, end.offset);
      writeAll(file, readBytes(file, end.doubtOffset, end.offset - end.doubtOffset), end.doubtOffset);
      await file.syncData();
    });
  });
}

/**
 * After a failed sync, the size of a truncated file may be in memory only, and
 * marked as written. Changing it and changing it back makes the next sync write
 * it. A segment without events gets its header again anyway.
 */
function changeSize(file: OpenFile, size: number): void {
  try {
    file.truncate(size + 1);
  } catch {
    // The disk is full: nothing more can be done without space.
    return;
  }
  file.truncate(size);
}

function tailNotice({ row, bytes }: Tail, end: LogEnd, file: string, kept: string): Notice {
  const { offset: byteOffset, lastEventId } = end;
  const k = lastEventId + 1;
  const code = row.verdict === "cut" ? "torn_tail_cut" : "unfinished_segment_removed";
  const where = kept === "" ? "" : `, kept as ${JSON.stringify(`quarantine/${kept}`)}`;
  const message = `Truncated ${bytes} bytes of ${JSON.stringify(file)}${where}: ${row.reason}`;
  return { code, severity: "warning", message, file, byteOffset, eventIds: [k, k] };
}

/** The diagnostic of an opening after a writer that did not close the store. */
export function uncleanOpening(through: number, lastEventId: number): Notice {
  const what = "The last writer did not close this store";
  if (lastEventId <= through) {
    const message = `${what}; its checkpoint covers every event`;
    return { code: "unclean_open", severity: "info", message };
  }
  const from = through + 1;
  const events = from === lastEventId ? `event ${from} was` : `events ${from} to ${lastEventId} were`;
  const message = `${what}; ${events} replayed`;
  return { code: "unclean_open", severity: "info", message, eventIds: [from, lastEventId] };
}

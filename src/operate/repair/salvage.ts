/**
 * The steps of a repair that an opening does not perform. Whole files are moved
 * to `salvage/`, which needs no space and so works on a full disk; only truncated
 * bytes of a file are copied there first.
 *
 * @module
 */
import { basename, join } from "@std/path";
import type { Clock } from "../../core/clock.ts";
import { parseEventHead } from "../../core/events.ts";
import { freeInSalvage, moveAside } from "../../fs/aside.ts";
import { defaultConfig } from "../../fs/place/config.ts";
import { sizeOf, withFileAsync } from "../../fs/disk/files.ts";
import { guardedAsync, ifCorrupt } from "../../fs/disk/faults.ts";
import { createIdentity } from "../../fs/place/identity.ts";
import { segmentPath } from "../../fs/layout.ts";
import { eventText } from "../../fs/lines/codec.ts";
import { encodeName } from "../../fs/names.ts";
import { LogScan } from "../../fs/log/scan.ts";
import { listSegments } from "../../fs/log/segments.ts";
import { aheadOfLog, workersOnDisk } from "../../fs/recovery/witness.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import { setBlobAside } from "./blobs.ts";
import { copyFile } from "../copy_file.ts";
import type { RepairStep } from "./plan.ts";

/** Performs a step on a store whose lock is held; steps of an opening are skipped. */
export async function performStep(place: FoundPlace, clock: Clock, step: RepairStep): Promise<void> {
  const { action, file, eventId } = step;
  if (action === "rebuild_identity") await rebuildIdentity(place, clock);
  const isAside = action === "set_checkpoint_aside" || action === "set_aside";
  if (isAside && file !== undefined) await moveAside(place, join(place.layout.directory, file));
  if (action === "set_blob_aside" && file !== undefined) await setBlobAside(place, file);
  if (eventId === undefined) return;
  if (action === "cut_log") await cutLog(place, eventId);
  if (action === "cut_log" || action === "cut_transcripts") await cutTranscripts(place, eventId);
}

async function rebuildIdentity(place: FoundPlace, clock: Clock): Promise<void> {
  const { fs, layout: { identity } } = place;
  if (fs.stat(identity) !== undefined) await moveAside(place, identity);
  const config = JSON.parse(JSON.stringify(defaultConfig));
  await createIdentity(place, { createdAt: createdAt(place, clock), config });
}

/** Time of the first event in the log. */
function createdAt(place: FoundPlace, clock: Clock): string {
  const [first = 1] = listSegments(place, () => {}).firstEventIds;
  const [line] = new LogScan(place, { segments: [first], after: 0 });
  if (line === undefined) return clock.now();
  const { bytes, start, end } = line;
  return ifCorrupt(() => parseEventHead(eventText(bytes, start, end)).at, () => clock.now());
}

/**
 * Truncates the log before an event: later segments are moved to `salvage/`, the
 * rest of the event's segment is copied there.
 */
async function cutLog(place: FoundPlace, eventId: number): Promise<void> {
  const { fs, layout } = place;
  const odd: number[] = [];
  const { firstEventIds } = listSegments(place, (_error, id) => odd.push(id));
  for (const segment of [...firstEventIds, ...odd].sort((a, b) => b - a)) {
    if (segment >= eventId) await moveAside(place, segmentPath(layout, segment));
  }
  const own = firstEventIds.findLast((segment) => segment < eventId);
  if (own !== undefined) {
    const scan = new LogScan(place, { segments: [own], after: 0, through: eventId - 1 });
    for (const _line of scan) continue;
    const path = segmentPath(layout, own);
    await cutFile(place, path, basename(path), scan.stop.offset);
  }
  await fs.syncDirectory(layout.events);
}

/** Truncates transcripts before the lines of this event and later ones, which would prove that the log lost its end. */
async function cutTranscripts(place: FoundPlace, eventId: number): Promise<void> {
  for (const workerId of workersOnDisk(place)) {
    for (const { path, offset } of aheadOfLog(place, workerId, 0, eventId - 1)) {
      await cutFile(place, path, `${encodeName(workerId)}-${basename(path)}`, offset);
    }
  }
}

/** Copies the end of a file to `salvage/`, then truncates it. */
async function cutFile(place: FoundPlace, path: string, label: string, offset: number): Promise<void> {
  const { fs } = place;
  const end = sizeOf(fs, path);
  if (offset >= end) return;
  const kept = await freeInSalvage(place, `${label}-${offset}`);
  await copyFile(fs, path, kept, { start: offset, end, durable: true });
  await guardedAsync("truncate", path, () =>
    withFileAsync(fs, path, "update", async (file) => {
      file.truncate(offset);
      await file.syncData();
    }));
}

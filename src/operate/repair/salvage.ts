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
import { readBytes, withFileAsync, writeNew } from "../../fs/disk/files.ts";
import { guardedAsync, ifCorrupt } from "../../fs/disk/faults.ts";
import { createIdentity } from "../../fs/place/identity.ts";
import type { OpenFile } from "../../fs/disk/file_system.ts";
import { segmentPath } from "../../fs/layout.ts";
import { eventText } from "../../fs/lines/codec.ts";
import { encodeName } from "../../fs/names.ts";
import { type LogLine, scanSegment } from "../../fs/log/scan.ts";
import { listSegments, withSegment } from "../../fs/log/segments.ts";
import { aheadOfLog, workersOnDisk } from "../../fs/recovery/witness.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import { setBlobAside } from "./blobs.ts";
import type { RepairStep } from "./plan.ts";

const PART_BYTES = 1_048_576;

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
  const at = withSegment(place, first, (segment) => {
    const [line] = scanSegment(segment, segment.start, first - 1);
    const time = (line: LogLine) => parseEventHead(eventText(line.bytes, line.start, line.end)).at;
    return line && ifCorrupt(() => time(line), () => undefined);
  });
  return at ?? clock.now();
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
  if (own !== undefined) await cutSegment(place, own, eventId);
  await fs.syncDirectory(layout.events);
}

/** Truncates a segment before an event. */
async function cutSegment(place: FoundPlace, first: number, eventId: number): Promise<void> {
  const { path, offset } = withSegment(place, first, (segment) => {
    let offset = segment.start;
    for (const line of scanSegment(segment, offset, first - 1)) {
      if (line.id === eventId) break;
      offset = line.endOffset;
    }
    return { path: segment.path, offset };
  });
  await cutFile(place, path, basename(path), offset);
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
async function cutFile(
  place: FoundPlace,
  path: string,
  label: string,
  offset: number,
): Promise<void> {
  const { fs, layout } = place;
  const cut = async (file: OpenFile): Promise<void> => {
    const { size } = file.stat();
    if (offset >= size) return;
    function* rest(): Generator<Uint8Array> {
      for (let at = offset; at < size; at += PART_BYTES) {
        yield readBytes(file, at, Math.min(PART_BYTES, size - at));
      }
    }
    const kept = await freeInSalvage(place, `${label}-${offset}`);
    await writeNew(fs, kept, rest(), { durable: true });
    await fs.syncDirectory(layout.salvage);
    file.truncate(offset);
    await file.syncData();
  };
  await guardedAsync("truncate", path, () => withFileAsync(fs, path, "update", cut));
}

/**
 * Transcripts as witnesses. A line is appended to a transcript only after its event
 * is durable. A transcript that holds an event after the end of the log therefore
 * proves that the log lost its end: it was truncated, torn, or replaced by an older
 * copy.
 *
 * At an opening after an unclean end, the expected length of each file is known
 * from the checkpoint and the log. Only a file that is longer is read. A file that
 * cannot be read proves nothing; its first use reports the fault.
 *
 * With durability `written`, answers do not wait for the device, and a power cut
 * may take the end of the log although transcripts were written after it. Then only
 * the mark `durable` in their lines proves anything; other lines after the end of
 * the log are quarantined, truncated and reported.
 *
 * @module
 */
import { join } from "@std/path";
import { readBytes, withFile, withFileAsync } from "../disk/files.ts";
import { guarded, guardedAsync } from "../disk/faults.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { type Files, nameOf, type Place, type WatchedPlace, workerLayout } from "../layout.ts";
import type { LogWitness } from "./recover.ts";
import { isIntact, NEWLINE, sealedText, transcriptMarks } from "../lines/codec.ts";
import { decodeName, encodeName } from "../names.ts";
import { removeWorker } from "../workers/directories.ts";
import type { Quarantine } from "../quarantine.ts";
import { intactLines } from "../log/scan.ts";

const HEADER_BYTES_MAX = 4_096;

/** The part of a transcript that is ahead of the log. */
export interface AheadOfLog {
  /** The worker. */
  readonly workerId: string;
  /** The file. */
  readonly path: string;
  /** Byte offset of the part; 0 if even the creation of the worker is ahead of the log. */
  readonly offset: number;
  /** The last event in it. */
  readonly lastEventId: number;
  /** The last event that it records as synced. */
  readonly durable: number;
}

/** The best proof that the log continued. With `isSynced`, every answer waited for the device. */
export function bestWitness(
  { layout }: Place,
  ahead: readonly AheadOfLog[],
  isSynced: boolean,
  lastEventId: number,
): LogWitness | undefined {
  let best: LogWitness | undefined;
  for (const { path, lastEventId: last, durable } of ahead) {
    const eventId = isSynced ? last : durable;
    if (eventId > (best?.eventId ?? lastEventId)) best = { file: nameOf(layout, path), eventId };
  }
  return best;
}

/**
 * Quarantines the transcript lines after the end of a log that may have lost its
 * own. Idempotent, also after a crash.
 */
export async function removeAhead(
  place: WatchedPlace,
  parts: readonly AheadOfLog[],
  lastEventId: number,
  quarantine: Quarantine,
): Promise<void> {
  const { fs, layout, notice } = place;
  for (const { workerId, path, offset, lastEventId: last } of parts) {
    const file = nameOf(layout, path);
    const kept = `quarantine/${await quarantine.keep(path, offset)}`;
    await guardedAsync("truncate", path, async () => {
      if (offset === 0) return await removeLostWorker(place, workerId, quarantine);
      await withFileAsync(fs, path, "update", async (transcript) => {
        transcript.truncate(offset);
        await transcript.sync();
      });
    });
    const eventIds: readonly [number, number] = [lastEventId + 1, last];
    const message =
      `Events ${eventIds.join(" to ")} are lost: a power cut took them, as durability "written" ` +
      `allows; the part of them in ${JSON.stringify(file)} is kept as ${JSON.stringify(kept)}`;
    const spot = { workerId, file, byteOffset: offset, eventIds };
    notice({ code: "unsynced_events_lost", severity: "warning", message, ...spot });
  }
}

/** Removes the files of a worker whose creation is lost. The transcript comes last, so that a crash leaves it. */
async function removeLostWorker(place: Files, workerId: string, quarantine: Quarantine): Promise<void> {
  const { fs, layout } = place;
  const { directory, transcript } = workerLayout(layout, workerId);
  for (const { name, kind } of fs.list(directory)) {
    const other = join(directory, name);
    if (kind !== "file" || other === transcript) continue;
    await quarantine.keep(other);
    fs.remove(other);
  }
  await fs.syncDirectory(directory);
  removeWorker(place, workerId);
  await fs.syncDirectory(layout.workers);
}

/** Workers that have a directory, including those unknown to the log. Names of known ones are not decoded. */
export function workersOnDisk({ fs, layout: { workers } }: Place, known: Iterable<string> = []): string[] {
  const idsByName = new Map([...known].map((workerId) => [encodeName(workerId), workerId]));
  const entries = guarded("list", workers, () => fs.list(workers));
  return entries.flatMap(({ name, kind }) =>
    kind === "directory" ? idsByName.get(name) ?? decodeName(name) ?? [] : []
  );
}

/**
 * The part of a worker's transcript that is after event `logEnd`, if any. Its
 * first `bytes` bytes are not searched.
 */
export function aheadOfLog(place: Place, workerId: string, bytes: number, logEnd: number): AheadOfLog[] {
  const { fs, layout, runtimeId } = place;
  const path = workerLayout(layout, workerId).transcript;
  try {
    const stat = fs.stat(path);
    if (stat?.kind !== "file" || stat.size <= bytes) return [];
    return withFile(fs, path, "read", (file) => {
      const createdEventId = creationOf(file, runtimeId, workerId);
      if (createdEventId === undefined) return [];
      let [offset, lastEventId] = createdEventId > logEnd ? [0, createdEventId - 1] : [stat.size, 0];
      let durable = 0;
      for (const line of intactLines(file, bytes, stat.size)) {
        if (line.id <= logEnd) continue;
        const { workerIdJson } = transcriptMarks(line.bytes, line.start, line.end) ?? {};
        if (workerIdJson === undefined || JSON.parse(workerIdJson) !== workerId) continue;
        offset = Math.min(offset, line.offset);
        lastEventId = Math.max(lastEventId, line.id);
        durable = Math.max(durable, line.durable);
      }
      return lastEventId === 0 ? [] : [{ workerId, path, offset, lastEventId, durable }];
    });
  } catch {
    return [];
  }
}

/** The event that created the worker, according to the file's header; `undefined` if it is not this worker's. */
function creationOf(file: OpenFile, runtimeId: string, workerId: string): number | undefined {
  const head = readBytes(file, 0, HEADER_BYTES_MAX);
  const end = head.indexOf(NEWLINE);
  if (!isIntact(head, 0, end)) return undefined;
  const header = JSON.parse(sealedText(head, 0, end));
  const isOwn = header.runtimeId === runtimeId && header.workerId === workerId;
  return isOwn && typeof header.createdEventId === "number" ? header.createdEventId : undefined;
}

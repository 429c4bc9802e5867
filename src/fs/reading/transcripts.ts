/**
 * Pages of a transcript for a reader without the lock: from the transcript's
 * own file as far as it goes, and the rest from the log.
 *
 * @module
 */
import type { Notice } from "../../core/diagnostics.ts";
import { isRuntimeError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { isPresent, withFile } from "../disk/files.ts";
import { guarded, isNotFound, systemCode } from "../disk/faults.ts";
import { nameOf, workerLayout } from "../layout.ts";
import { DamagedLine, type LinePage, type LineRange } from "../lines/pages.ts";
import { eventText } from "../lines/codec.ts";
import { assertRebuildable } from "../transcripts/healing.ts";
import { lastExtent, readTranscriptLines, type TranscriptOwner } from "../transcripts/file.ts";
import type { WholeExtent } from "../transcripts/state.ts";
import type { LogFollower } from "./follower.ts";
import { logTranscriptLines } from "../log/scan.ts";
import type { FoundPlace } from "../place/find.ts";

/**
 * The log as far as it was read. Transcripts are on disk as far as the
 * checkpoint covers them, unless a power cut removed the end of one.
 */
export type ReadLog = Pick<LogFollower, "segments" | "lastEventId" | "base">;

/** A page of a transcript. */
export interface TranscriptPage {
  /** Texts of the events that hold the page, oldest first. */
  readonly texts: readonly string[];
  /** Reports a file that is missing or damaged. */
  readonly notice?: Notice;
}

/** The part of a page that the file holds, and the extent of the file. */
interface FilePage extends TranscriptPage, Omit<WholeExtent, "bytes">, Pick<LinePage, "cut"> {}

/** Reads a page of a transcript. Throws `store_corrupt`. */
export async function readTranscriptPage(
  place: FoundPlace,
  log: ReadLog,
  owner: TranscriptOwner,
  range: LineRange,
): Promise<TranscriptPage> {
  if (range.from >= range.to) return { texts: [] };
  const inFile = pageOfFile(place, log, owner, range);
  if (inFile.entries >= range.to - 1 && inFile.texts.length > 0) return inFile;
  if (inFile.cut && range.keep === "first") return inFile;
  const isShort = inFile.entries < (log.base.entries.get(owner.createdEventId) ?? 0);
  const after = Math.max(inFile.lastEventId, isShort ? 0 : log.base.through);
  assertRebuildable(place, owner, log, after);
  const rest = { ...range, from: Math.max(range.from, inFile.entries + 1) };
  return { ...inFile, texts: [...inFile.texts, ...await fromLog(place, log, owner, rest, after)] };
}

/** Reads what the file holds of a page. A missing or damaged file is reported, and holds nothing. */
function pageOfFile(
  { fs, layout }: FoundPlace,
  log: ReadLog,
  owner: TranscriptOwner,
  range: LineRange,
): FilePage {
  const { directory, transcript: path } = workerLayout(layout, owner.workerId);
  try {
    return guarded("read", path, () => {
      isPresent(fs, directory, "directory", nameOf(layout, directory));
      return withFile(fs, path, "read", (file) => {
        const { bytes, entries, lastEventId } = lastExtent(file, owner, file.stat().size);
        const to = Math.min(range.to, entries + 1);
        if (range.from >= to) return { texts: [], cut: false, entries, lastEventId };
        const { texts, cut } = readTranscriptLines(file, owner, { bytes, entries }, { ...range, to });
        return { texts, cut, entries, lastEventId };
      });
    });
  } catch (error) {
    const cause = error instanceof Error ? error.cause ?? error : error;
    const isMissing = isNotFound(cause) || systemCode(cause) === "ENOTDIR";
    const isOdd = isRuntimeError(error) && error.code === "store_corrupt";
    if (!isMissing && !isOdd && !(cause instanceof DamagedLine)) throw error;
    const nothing = { texts: [], cut: false, entries: owner.before, lastEventId: owner.createdEventId - 1 };
    // The transcript of a worker that no checkpoint covers need not be on disk yet.
    if (isMissing && owner.createdEventId > log.base.through) return nothing;
    const what = isMissing ? "is missing" : "is damaged";
    const message = `Transcript of ${JSON.stringify(owner.workerId)} ${what}; it is read from the log`;
    const file = nameOf(layout, path);
    const { workerId } = owner;
    return {
      ...nothing,
      notice: { code: "transcript_rebuilt", severity: "warning", message, workerId, file },
    };
  }
}

async function fromLog(
  place: FoundPlace,
  log: ReadLog,
  owner: TranscriptOwner,
  range: LineRange,
  after: number,
): Promise<string[]> {
  const texts: string[] = [];
  let total = 0;
  for await (const line of logTranscriptLines(place, log, after, owner.workerId)) {
    const { bytes, start, end, seq, count } = line;
    if (seq + count <= range.from) continue;
    if (seq >= range.to) break;
    const isFull = texts.length > 0 && total + end - start > limits.pageBytesMax;
    if (isFull && range.keep === "first") break;
    texts.push(eventText(bytes, start, end));
    total += end - start;
    while (total > limits.pageBytesMax && texts.length > 1) total -= texts.shift()?.length ?? 0;
  }
  return texts;
}

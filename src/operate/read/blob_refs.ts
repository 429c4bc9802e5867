/**
 * Blobs that the entries of events refer to.
 *
 * @module
 */
import { type BlobRef, blobRefsOf } from "../../core/blob_ref.ts";
import type { RuntimeEvent } from "../../core/event_types.ts";
import { parseEvent } from "../../core/events.ts";
import { eventText } from "../../fs/lines/codec.ts";
import { isWhole, scanLines } from "../../fs/lines/scanner.ts";
import type { OpenFile } from "../../fs/disk/file_system.ts";
import {
  hasTranscriptHeader,
  transcriptHeaderBytes,
  type TranscriptOwner,
} from "../../fs/transcripts/file.ts";

const NONE: readonly BlobRef[] = [];

/** The blobs that the entries of an event refer to, in the order of their first references. */
export function blobsOf(event: RuntimeEvent): readonly BlobRef[] {
  if (event.type !== "worker.committed" && event.type !== "worker.created") return NONE;
  const refs = (event.entries ?? []).flatMap(blobRefsOf);
  if (refs.length === 0) return NONE;
  const found = new Map<string, BlobRef>();
  for (const ref of refs) if (!found.has(ref.sha256)) found.set(ref.sha256, ref);
  return [...found.values()];
}

/** A member of every reference to a blob. */
const REFERENCE = '"sha256":"';

/** The blobs that the entries of an event refer to, by its text. */
export function blobsInText(text: string): readonly BlobRef[] {
  return text.includes(REFERENCE) ? blobsOf(parseEvent(text)) : NONE;
}

/**
 * Passes the blobs that the lines of a transcript refer to, up to byte `end`, to `found`. Returns false if the file
 * is not the owner's, or at the first line that is damaged. Throws `store_corrupt` for a whole line that is not an event.
 */
export function findBlobs(
  file: OpenFile,
  owner: TranscriptOwner,
  end: number,
  found: (ref: BlobRef) => void,
): boolean {
  if (!hasTranscriptHeader(file, owner)) return false;
  for (const line of scanLines(file, transcriptHeaderBytes(owner), end)) {
    if (!isWhole(line)) return false;
    blobsInText(eventText(line.bytes, line.start, line.end)).forEach(found);
  }
  return true;
}

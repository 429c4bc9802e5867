/**
 * Blobs that the entries of events refer to.
 *
 * @module
 */
import type { BlobRef } from "../../core/blob_ref.ts";
import type { RuntimeEvent } from "../../core/event_types.ts";
import { parseEvent } from "../../core/events.ts";
import { eventText } from "../../fs/lines/codec.ts";
import { isWhole, scanLines } from "../../fs/lines/scanner.ts";
import type { OpenFile } from "../../fs/disk/file_system.ts";

const NONE: readonly BlobRef[] = [];

/** The blobs that the entries of an event refer to, in the order of their first references. */
export function blobsOf(event: RuntimeEvent): readonly BlobRef[] {
  if (event.type !== "worker.committed" && event.type !== "worker.created") return NONE;
  const { entries = [] } = event;
  const hasAny = entries.some(({ blobs, contentBlob }) => (blobs ?? contentBlob) !== undefined);
  if (!hasAny) return NONE;
  const refs = new Map<string, BlobRef>();
  for (const { blobs = [], contentBlob } of entries) {
    for (const ref of contentBlob === undefined ? blobs : [...blobs, contentBlob]) {
      if (!refs.has(ref.sha256)) refs.set(ref.sha256, ref);
    }
  }
  return [...refs.values()];
}

/** A member of every reference to a blob. */
const REFERENCE = '"sha256":"';

/** The blobs that the entries of an event refer to, by its text. */
export function blobsInText(text: string): readonly BlobRef[] {
  return text.includes(REFERENCE) ? blobsOf(parseEvent(text)) : NONE;
}

/**
 * Yields the blobs that the lines of a transcript refer to, from `start` to `end`. Returns false at the first
 * line that is damaged. Throws `store_corrupt` for a whole line that is not an event.
 */
export function* blobsInTranscript(
  file: OpenFile,
  start: number,
  end: number,
): Generator<BlobRef, boolean, void> {
  for (const line of scanLines(file, start, end)) {
    if (!isWhole(line)) return false;
    yield* blobsInText(eventText(line.bytes, line.start, line.end));
  }
  return true;
}

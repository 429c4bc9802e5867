/**
 * The parts of entries, read from a store.
 *
 * @module
 */
import { isRuntimeError, type RuntimeReader, type TranscriptEntry } from "../mod.ts";
import { blobParts, type Part, partsOf } from "./parts.ts";
import { bytes } from "./units.ts";

/** Parts of an entry. */
export interface EntryParts {
  /** The parts that were read. */
  readonly parts: readonly Part[];
  /** The reason why the content is not among them. */
  readonly note?: string;
  /** True if the content is damaged or missing. */
  readonly isDamaged?: true;
}

/** Reads the parts of an entry. Content in a blob of more than `bytesMax` is not read. */
export async function entryParts(
  view: RuntimeReader,
  workerId: string,
  entry: TranscriptEntry,
  bytesMax: number,
): Promise<EntryParts> {
  const { role, contentBlob, blobs } = entry;
  const beside = blobParts(blobs);
  if (contentBlob !== undefined && contentBlob.bytes > bytesMax) {
    return { parts: beside, note: `The content of ${bytes(contentBlob.bytes)} is kept in a blob.` };
  }
  const content = await orProblem(view.content(workerId, entry));
  if (content instanceof Error) return { parts: beside, note: content.message, isDamaged: true };
  return { parts: [...partsOf(content, role), ...beside] };
}

/** The result of reading a blob, or the error if it is missing or damaged. */
export async function orProblem<Result>(reading: Promise<Result>): Promise<Result | Error> {
  try {
    return await reading;
  } catch (error) {
    // One damaged blob hides no other.
    if (isRuntimeError(error) && (error.code === "blob_missing" || error.code === "blob_corrupt")) {
      return error;
    }
    throw error;
  }
}

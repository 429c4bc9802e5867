/**
 * Paths of the files of blobs. A blob is named by the SHA-256 of its bytes.
 *
 * @module
 */
import { join } from "@std/path";
import { isSha256 } from "../../core/blob_ref.ts";
import type { WorkerId } from "../../core/ids.ts";
import type { NewWorker } from "../../core/store.ts";
import { type RuntimeLayout, workerLayout } from "../layout.ts";
import { decodeName, encodeName } from "../names.ts";

/** Returns true if a file of this name is a blob. */
export const isBlobName: (name: string) => boolean = isSha256;

/** Path of a worker's blob. */
export function blobPath(layout: RuntimeLayout, workerId: string, sha256: string): string {
  return join(workerLayout(layout, workerId).blobs, sha256);
}

/** Path of the blobs of a worker that is yet to be created, until they are adopted. */
export function creationPath({ incoming }: RuntimeLayout, { workerId, creation }: NewWorker): string {
  return join(incoming, `${creation}.${encodeName(workerId)}`);
}

/** The creation whose blobs are in the directory of this name in `incoming`, if it is one. */
export function creationOf(name: string): NewWorker | undefined {
  // Encoded names have no dots.
  const [, number, encoded = ""] = /^([1-9]\d*)\.(.+)$/.exec(name) ?? [];
  const workerId = number === undefined ? undefined : decodeName(encoded);
  return workerId === undefined ? undefined : { workerId: workerId as WorkerId, creation: Number(number) };
}

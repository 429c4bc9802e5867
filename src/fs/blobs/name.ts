/**
 * Paths of the files of blobs. A blob is named by the SHA-256 of its bytes.
 *
 * @module
 */
import { join } from "@std/path";
import { isSha256 } from "../../core/blob_ref.ts";
import { type RuntimeLayout, workerLayout } from "../layout.ts";

/** Returns true if a file of this name is a blob. */
export const isBlobName: (name: string) => boolean = isSha256;

/** Path of a worker's blob. */
export function blobPath(layout: RuntimeLayout, workerId: string, sha256: string): string {
  return join(workerLayout(layout, workerId).blobs, sha256);
}

/**
 * Names of the files of blobs.
 *
 * @module
 */

const BLOB_NAME = /^[0-9a-f]{64}$/;

/** Returns true if a file of this name is a blob. */
export function isBlobName(name: string): boolean {
  return BLOB_NAME.test(name);
}

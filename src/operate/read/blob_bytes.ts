/**
 * Bytes of blobs for operations that read many: one buffer for all chunks.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { blobMissing } from "../../core/errors.ts";
import type { BlobFacts } from "../../core/store.ts";
import { Slices } from "../../core/turn.ts";
import { blobCorrupt, readBlob } from "../../fs/blobs/blobs.ts";
import { blobPath } from "../../fs/blobs/name.ts";
import { guarded } from "../../fs/disk/faults.ts";
import { closeQuietly, openIfThere, readFull } from "../../fs/disk/files.ts";
import { type Files, nameOf } from "../../fs/layout.ts";

const CHUNK_BYTES = 262_144;

/** Throws `blob_missing`, or `blob_corrupt` if the size differs. Reads no bytes. */
export async function assertBlob(files: Files, workerId: string, blob: BlobFacts): Promise<void> {
  // Its file is opened when the first bytes are asked for.
  await readBlob(files, workerId, blob).cancel();
}

/**
 * The bytes of a blob; each chunk is valid until the next one. Throws `blob_missing` and `blob_corrupt`, also
 * after the last chunk.
 */
export async function* blobBytes(
  files: Files,
  workerId: string,
  blob: BlobFacts,
): AsyncGenerator<Uint8Array, void, void> {
  await assertBlob(files, workerId, blob);
  const { fs, layout } = files;
  const { sha256, bytes } = blob;
  const path = blobPath(layout, workerId, sha256);
  const name = nameOf(layout, path);
  const file = guarded("open", path, () => openIfThere(fs, path));
  if (file === undefined) throw blobMissing(workerId, sha256, name);
  try {
    const hash = createHash("sha256");
    const slices = new Slices();
    const buffer = new Uint8Array(Math.min(CHUNK_BYTES, bytes + 1));
    let at = 0;
    for (let length = 1; length > 0; at += length) {
      length = guarded("read", path, () => readFull(file, buffer, at));
      const chunk = buffer.subarray(0, length);
      hash.update(chunk);
      if (length > 0) yield chunk;
      await slices.pause();
    }
    if (at === bytes && hash.digest("hex") === sha256) return;
    const reason = at === bytes ? "its bytes do not have its hash" : `it ends at byte ${at} of ${bytes}`;
    throw blobCorrupt("read", { workerId, sha256, file: name, reason });
  } finally {
    closeQuietly(file);
  }
}

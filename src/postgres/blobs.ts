/**
 * Blobs in the database: chunks of 1 MiB, which count once a row names them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { BlobFacts, BlobInput } from "../core/store.ts";
import { FENCE, type Fence, HOLDS } from "./fence.ts";

/** Size of a chunk. */
const CHUNK_BYTES = 1_048_576;

/**
 * Writes the chunks of an upload. The epoch is compared without a lock, which would
 * delay appends: chunks without a name do not count.
 */
export async function uploadChunks(fence: Fence, upload: string, input: BlobInput): Promise<void> {
  const text = `INSERT INTO worker_runtime.blob_chunks (rt, upload, part, body)
    SELECT no, $3, $4, decode($5, 'base64') FROM worker_runtime.runtimes WHERE ${HOLDS}
    ON CONFLICT (rt, upload, part) DO UPDATE SET body = excluded.body RETURNING rt`;
  const waiting = new Uint8Array(CHUNK_BYTES);
  let [part, used] = [0, 0];
  const write = async () => {
    const body = Buffer.from(waiting.buffer, 0, used).toString("base64");
    used = 0;
    await fence.run("put blob", text, [upload, part++, body]);
  };
  for await (const chunk of input) {
    for (let at = 0; at < chunk.length;) {
      const length = Math.min(chunk.length - at, CHUNK_BYTES - used);
      waiting.set(chunk.subarray(at, at + length), used);
      used += length;
      at += length;
      if (used === CHUNK_BYTES) await write();
    }
  }
  if (used > 0) await write();
}

/** Gives an upload the name of its blob, in place of the upload that it had. */
export async function nameUpload(
  fence: Fence,
  upload: string,
  life: number,
  { sha256, bytes }: BlobFacts,
): Promise<void> {
  const text = `WITH ${FENCE}, before AS (
      SELECT b.rt, b.upload FROM worker_runtime.blobs AS b JOIN fence ON b.rt = fence.no
      WHERE b.life = $3 AND b.sha256 = $4 AND b.upload <> $6
    ), named AS (
      INSERT INTO worker_runtime.blobs (rt, life, sha256, bytes, upload)
      SELECT no, $3, $4, $5, $6 FROM fence
      ON CONFLICT (rt, life, sha256) DO UPDATE SET bytes = excluded.bytes, upload = excluded.upload
      RETURNING rt
    ), gone AS (
      DELETE FROM worker_runtime.blob_chunks AS chunk USING before
      WHERE chunk.rt = before.rt AND chunk.upload = before.upload
    ) SELECT rt FROM named`;
  await fence.run("put blob", text, [life, sha256, bytes, upload]);
}

/** Removes blobs of a worker: all of them, unless their hashes are given. */
export async function removeBlobs(fence: Fence, life: number, hashes?: readonly string[]): Promise<void> {
  const isGone = hashes === undefined ? "" : "AND sha256 = ANY(string_to_array($4, ','))";
  const text = `WITH ${FENCE}, gone AS (
      DELETE FROM worker_runtime.blobs USING fence WHERE rt = fence.no AND life = $3 ${isGone}
      RETURNING rt, upload
    ), chunks AS (
      DELETE FROM worker_runtime.blob_chunks AS chunk USING gone
      WHERE chunk.rt = gone.rt AND chunk.upload = gone.upload
    ) SELECT no FROM fence`;
  await fence.run("remove blobs", text, hashes === undefined ? [life] : [life, hashes.join(",")]);
}

/** Removes the chunks of an upload that has no name. */
export async function removeUpload(fence: Fence, upload: string): Promise<void> {
  const text = `WITH ${FENCE}, gone AS (
      DELETE FROM worker_runtime.blob_chunks AS chunk USING fence WHERE chunk.rt = fence.no AND chunk.upload = $3
        AND NOT EXISTS (SELECT FROM worker_runtime.blobs AS b WHERE b.rt = fence.no AND b.upload = $3)
    ) SELECT no FROM fence`;
  await fence.run("remove blob", text, [upload]);
}

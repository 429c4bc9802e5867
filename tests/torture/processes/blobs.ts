/**
 * Bytes of blobs and contents that follow from a name, so that another process can
 * tell if they are intact.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { BlobRef } from "../../../mod.ts";

const PIECE_BYTES = 3_000;

/** The bytes of the blob of a name: 0 to 12,000. */
export function blobOf(name: string): Uint8Array<ArrayBuffer> {
  const seed = createHash("sha256").update(name).digest();
  const length = (seed.readUInt16LE(0) % 5) * PIECE_BYTES;
  return Uint8Array.from({ length }, (_, index) => (seed[index % 32] ?? 0) ^ (index >> 5));
}

/** The reference to the blob of a name. */
export function refOf(name: string): BlobRef {
  const bytes = blobOf(name);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { sha256, bytes: bytes.length, mediaType: "application/octet-stream" };
}

/** Content of a name that is too large for an event. */
export function largeContentOf(name: string): string {
  return `${name} `.repeat(Math.ceil(270_000 / (name.length + 1)));
}

/** Bytes in pieces, each in a turn of its own. */
export async function* slowly(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    yield bytes.subarray(at, at + PIECE_BYTES);
  }
}

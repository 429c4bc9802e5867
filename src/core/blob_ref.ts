/**
 * References to blobs: bytes that a worker keeps beside the log.
 *
 * @module
 */
import { limits } from "./limits.ts";
import { integer, object, type Shape, text } from "./shape.ts";

/** A blob of a worker, identified by its bytes. */
export interface BlobRef {
  /** SHA-256 of the bytes: 64 hexadecimal digits in lower case. */
  readonly sha256: string;
  /** Number of bytes. */
  readonly bytes: number;
  /** Media type (RFC 2046) that the host gave it. */
  readonly mediaType: string;
}

const HASH = /^[0-9a-f]{64}$/;
const hashIssues = ["64 hexadecimal digits in lower case are needed"];
const sha256: Shape = (value) => typeof value === "string" && isSha256(value) ? undefined : hashIssues;

/** Returns true for a SHA-256 as 64 hexadecimal digits in lower case. */
export function isSha256(text: string): boolean {
  return HASH.test(text);
}

/** Shapes of the hash and the size of a blob. */
export const blobFacts: Readonly<Record<"sha256" | "bytes", Shape>> = { sha256: sha256, bytes: integer(0) };

/** Hash and size of a blob. */
export const blobFactsShape: Shape = object(blobFacts);

/** A {@linkcode BlobRef}. */
export const blobRefShape: Shape = object({
  sha256,
  bytes: integer(0),
  mediaType: text(limits.nameBytesMax),
});

/** The blobs that an entry refers to: those of its host, and its content. */
export function blobRefsOf(
  { blobs = [], contentBlob }: {
    readonly blobs?: readonly BlobRef[];
    readonly contentBlob?: BlobRef;
  },
): readonly BlobRef[] {
  return contentBlob === undefined ? blobs : [...blobs, contentBlob];
}

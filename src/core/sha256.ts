/**
 * SHA-256 of bytes that arrive in pieces, on every platform: the Web
 * Cryptography API hashes only what is in memory as a whole.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/** A hash of bytes that arrive in pieces. `createHash("sha256")` of `node:crypto` is one. */
export interface BlobHash {
  /** Adds bytes. */
  update(bytes: Uint8Array): unknown;
  /** The hash of all bytes, in lower-case hexadecimal digits. Called once, last. */
  digest(encoding: "hex"): string;
}

/** A new hash, for stores whose platform has no faster one. */
export function newSha256(): BlobHash {
  const hash = sha256.create();
  return { update: (bytes) => hash.update(bytes), digest: () => bytesToHex(hash.digest()) };
}

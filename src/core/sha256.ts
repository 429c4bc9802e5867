/**
 * SHA-256 for stores whose platform has no hash of bytes that arrive in pieces.
 *
 * @module
 */

/** A hash of bytes that arrive in pieces. `createHash("sha256")` of `node:crypto` is one. */
export interface BlobHash {
  /** Adds bytes. */
  update(bytes: Uint8Array): unknown;
  /** The hash of all bytes, in lower-case hexadecimal digits. Called once, last. */
  digest(encoding: "hex"): string | Promise<string>;
}

/** A hash of the Web Cryptography API, which takes all bytes at once: they are kept in memory until then. */
export class WebHash implements BlobHash {
  readonly #parts: Uint8Array<ArrayBuffer>[] = [];

  /** Adds a copy of bytes. */
  update(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice());
  }

  /** The hash of all bytes, in lower-case hexadecimal digits. */
  async digest(): Promise<string> {
    const all = await new Blob(this.#parts).arrayBuffer();
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", all));
    return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}

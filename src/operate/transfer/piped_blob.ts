/**
 * A blob of an import that is written by a function that takes a stream.
 *
 * @module
 */
import type { ImportedBlob } from "./import_target.ts";

/** A blob whose pieces are passed on as they arrive. */
export class PipedBlob implements ImportedBlob {
  readonly #pieces: WritableStreamDefaultWriter<Uint8Array>;
  readonly #put: Promise<unknown>;

  /** Passes the bytes to `put` as a stream. */
  constructor(put: (bytes: ReadableStream<Uint8Array>) => Promise<unknown>) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#pieces = writable.getWriter();
    // Its error is thrown by the next call.
    this.#pieces.closed.catch(() => {});
    this.#put = put(readable);
    this.#put.catch(() => {});
  }

  async write(bytes: Uint8Array): Promise<void> {
    const written = this.#pieces.write(bytes);
    written.catch(() => {});
    // Ends before all bytes are written only if it fails.
    await Promise.race([written, this.#put]);
  }

  async finish(): Promise<void> {
    this.#pieces.close().catch(() => {});
    await this.#put;
  }

  close(): void {
    this.#pieces.abort().catch(() => {});
  }
}

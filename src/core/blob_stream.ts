/**
 * Bytes of blobs as they arrive and as they are read, hashed on the way.
 *
 * @module
 */
import { limitExceeded } from "./errors.ts";
import { limits } from "./limits.ts";
import { type BlobHash, WebHash } from "./sha256.ts";
import type { BlobFacts, BlobInput } from "./store.ts";
import { Slices } from "./turn.ts";

/** The bytes of a blob to keep, from the chunks of a source. */
export class HashedInput implements BlobInput {
  readonly #chunks: AsyncIterable<Uint8Array>;
  readonly #ended: (facts: BlobFacts) => Promise<void> | void;
  readonly #hash: BlobHash;
  #facts: BlobFacts | undefined;

  /**
   * The chunks of a source; `ended` is awaited at their end, before the store
   * can name the blob. `hash` is a new hash of the platform's.
   */
  constructor(
    chunks: AsyncIterable<Uint8Array>,
    ended: (facts: BlobFacts) => Promise<void> | void = () => {},
    hash: BlobHash = new WebHash(),
  ) {
    this.#hash = hash;
    this.#chunks = chunks;
    this.#ended = ended;
  }

  /** Hash and size of the bytes. Throws a TypeError before their end. */
  get facts(): BlobFacts {
    if (this.#facts === undefined) throw new TypeError("Cannot name blob: its bytes have not been read");
    return this.#facts;
  }

  /** The chunks. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    const hash = this.#hash;
    const slices = new Slices();
    let bytes = 0;
    for await (const chunk of this.#chunks) {
      bytes += chunk.length;
      if (bytes > limits.blobBytesMax) {
        throw limitExceeded("put blob", "blob bytes", limits.blobBytesMax, bytes);
      }
      hash.update(chunk);
      yield chunk;
      await slices.pause();
    }
    const facts = { sha256: await hash.digest("hex"), bytes };
    await this.#ended(facts);
    this.#facts = facts;
  }
}

/**
 * A stream of the bytes of a blob, read as they are asked for. It ends with the
 * error that `corrupt` returns unless they have the size and the hash of the
 * blob; the last chunk is verified before it is passed on. `hash` is a new hash of
 * the platform's.
 */
export function verifiedStream(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  facts: BlobFacts,
  corrupt: (reason: string) => Error,
  hash: BlobHash = new WebHash(),
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return streamOf(verified(chunks, facts, corrupt, hash));
}

async function* verified(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  { sha256, bytes }: BlobFacts,
  corrupt: (reason: string) => Error,
  hash: BlobHash,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  let held: Uint8Array<ArrayBuffer> | undefined;
  let at = 0;
  for await (const chunk of chunks) {
    if (held !== undefined) yield held;
    hash.update(chunk);
    at += chunk.length;
    held = chunk;
  }
  if (at !== bytes) throw corrupt(`it ends at byte ${at} of ${bytes}`);
  if (await hash.digest("hex") !== sha256) throw corrupt("its bytes do not have its hash");
  if (held !== undefined && held.length > 0) yield held;
}

/** A stream of the items of a generator, each generated when it is asked for. */
function streamOf(
  chunks: AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const source: UnderlyingDefaultSource<Uint8Array<ArrayBuffer>> = {
    pull: async (controller) => {
      const { value, done } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: async () => void await chunks.return(),
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}

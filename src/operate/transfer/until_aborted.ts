/**
 * Reads a foreign stream that may stall.
 *
 * @module
 */
import { onAbort } from "../../core/abort.ts";

/**
 * Yields the chunks of a stream. Throws the signal's reason once it aborts, even
 * while the next chunk is awaited; does not wait for a stream that does not
 * respond.
 */
export async function* untilAborted<T>(
  stream: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, void> {
  signal?.throwIfAborted();
  if (signal === undefined) return yield* stream;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => {});
  const stopListening = onAbort(signal, () => reject(signal.reason));
  const chunks = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([chunks.next(), aborted]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    stopListening();
    const returned = chunks.return?.();
    if (signal.aborted) returned?.catch(() => {});
    else await returned;
  }
}

/**
 * Reading a stream of somebody else's that may stall.
 *
 * @module
 */
import { onAbort } from "../../core/abort.ts";

/**
 * The chunks of a stream. Throws the signal's reason once it aborts, also while
 * the next chunk is awaited; a stream that does not answer is not waited for then.
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

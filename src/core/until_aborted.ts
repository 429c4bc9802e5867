/**
 * Reads a foreign stream that may stall.
 *
 * @module
 */
import { onAbort } from "./abort.ts";

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
  let stopListening = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    stopListening = onAbort(signal, () => reject(signal.reason));
  });
  const abortion = aborted.catch(() => {});
  const chunks = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([chunks.next(), aborted]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    try {
      const returned = chunks.return?.();
      if (signal.aborted) returned?.catch(() => {});
      else await Promise.race([returned, abortion]);
    } finally {
      stopListening();
    }
  }
}

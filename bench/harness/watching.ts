/**
 * How soon a watcher hears of an event.
 *
 * @module
 */
import type { LibraryExtras, Store } from "../contenders/contender.ts";
import { textsOf } from "./callers.ts";

/** Sends inputs while one consumer watches; milliseconds from each call until the consumer has the event. */
export async function watchLatency(
  store: Store,
  extras: LibraryExtras,
  load: { readonly callers: number; readonly workers: number; readonly inputs: number },
): Promise<number[]> {
  const heard = new Map<number, number>();
  const called = new Map<number, number>();
  const ending = new AbortController();
  const watching = listen(extras.watch(ending.signal), heard);
  const contents = textsOf("200 B");
  let started = 0;
  const call = async (): Promise<void> => {
    while (started < load.inputs) {
      const index = started++;
      const calledAt = performance.now();
      called.set(await store.input(index % load.workers, contents[index % contents.length] ?? ""), calledAt);
    }
  };
  await Promise.all(Array.from({ length: load.callers }, call));
  while (heard.size < called.size) await new Promise((resolve) => setTimeout(resolve, 1));
  ending.abort();
  await watching;
  return [...called].map(([id, calledAt]) => (heard.get(id) ?? NaN) - calledAt);
}

async function listen(events: AsyncIterable<number>, heard: Map<number, number>): Promise<void> {
  for await (const id of events) heard.set(id, performance.now());
}

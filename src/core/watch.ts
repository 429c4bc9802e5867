/**
 * Watching: a cursor and a wake-up over bounded page reads. There is no queue
 * that a slow consumer could fill.
 *
 * @module
 */
import type { RuntimeEvent } from "./events.ts";
import { limits } from "./limits.ts";
import type { EventPage, PageOptions } from "./reading.ts";
import { wakeOrAbort } from "./wake.ts";

/** Where a watch begins and when it ends. */
export interface WatchOptions {
  /** Begin after this event id: 0 for all that is kept. @default the newest event */
  readonly after?: number | undefined;
  /** Ends the watch quietly. */
  readonly signal?: AbortSignal | undefined;
}

/** What a watch reads from. */
export interface WatchSource {
  /** Throws when there is nothing to watch. */
  begin(): void;
  /** Whether the runtime was closed. */
  isClosed(): boolean;
  /** Resolves when there is news: events or the closing. */
  news(): Promise<void>;
  /** A page of events. */
  read(options: PageOptions): Promise<EventPage>;
}

/** Events from a cursor on, as they become durable; ends when `signal` aborts or the runtime closes. */
export async function* watchEvents(
  source: WatchSource,
  after: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<RuntimeEvent, void, void> {
  let cursor = after;
  source.begin();
  while (!signal?.aborted && !source.isClosed()) {
    const news = source.news();
    const page = await source.read({ after: cursor, limit: limits.watchItemsMax });
    for (const event of page.items) {
      if (signal?.aborted || source.isClosed()) return;
      yield event;
    }
    cursor = Math.max(cursor, page.next ?? page.lastEventId);
    if (page.next === null) await wakeOrAbort(news, signal);
  }
}

/**
 * Pages of events for stores that find events by id only.
 *
 * @module
 */
import { parseEventHead } from "./events.ts";
import type { WorkerId } from "./ids.ts";
import { limits } from "./limits.ts";
import type { ReadEvents, ReadRange, StoredEvents } from "./store.ts";
import { Utf8Sum } from "./text.ts";

/** Reads consecutive events of a range, starting at the end that is kept: at least one, unless the range is empty. */
export type ReadTexts = (range: ReadRange) => readonly string[];

/** Returns a page of all events, or of one worker's. Throws `store_corrupt` for a text that is not an event. */
export function scanEvents(read: ReadEvents, readTexts: ReadTexts): Omit<StoredEvents, "firstEventId"> {
  const { from, to, keep, workerId } = read;
  if (workerId !== undefined) return scanWorkerEvents(read, workerId, readTexts);
  const events = readTexts(read);
  return { events, scanned: keep === "first" ? from - 1 + events.length : to + 1 - events.length };
}

function scanWorkerEvents(
  { from, to, keep, limit }: ReadEvents,
  workerId: WorkerId,
  readTexts: ReadTexts,
): Omit<StoredEvents, "firstEventId"> {
  const events: string[] = [];
  const [found, examined] = [new Utf8Sum(), new Utf8Sum()];
  let count = 0;
  for (const text of inOrder({ from, to, keep }, readTexts)) {
    examined.add(text);
    if (count > 0 && !examined.fits(limits.pageScanBytesMax)) break;
    const isFound = isEventOf(text, workerId);
    if (isFound) found.add(text);
    if (events.length > 0 && !found.fits(limits.pageBytesMax)) break;
    if (isFound) events.push(text);
    count++;
    if (events.length === limit) break;
  }
  return keep === "first"
    ? { events, scanned: from - 1 + count }
    : { events: events.reverse(), scanned: to + 1 - count };
}

/** The texts of a range, starting at the end that is kept, read in pages. */
function* inOrder({ from, to, keep }: ReadRange, readTexts: ReadTexts): Generator<string> {
  const isForward = keep === "first";
  let [low, high] = [from, to];
  while (low <= high) {
    const texts = readTexts(
      isForward
        ? { from: low, to: Math.min(high, low + limits.pageItemsMax - 1), keep }
        : { from: Math.max(low, high - limits.pageItemsMax + 1), to: high, keep },
    );
    if (isForward) low += texts.length;
    else high -= texts.length;
    yield* isForward ? texts : texts.toReversed();
  }
}

function isEventOf(text: string, workerId: WorkerId): boolean {
  const head = parseEventHead(text);
  return "workerId" in head && head.workerId === workerId;
}

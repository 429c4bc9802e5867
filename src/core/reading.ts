/**
 * Bounded reads: pages of events and of transcripts, from either end. A
 * cursor is an event id or a sequence, always exclusive.
 *
 * @module
 */
import { invalidRequest, withSpot } from "./errors.ts";
import { type EventEntry, parseEvents, type RuntimeEvent, type TranscriptAppended } from "./events.ts";
import type { WorkerId } from "./ids.ts";
import { limits } from "./limits.ts";
import type { WorkerState } from "./state.ts";
import type { RuntimeStore } from "./store.ts";
import { fittingCount, Utf8Sum } from "./text.ts";

/** Keeps the events and transcripts that pages are read from. */
export type PageStore = Pick<RuntimeStore, "readEvents" | "readTranscript" | "spotOf">;

/** Position of a page. At most one of `after` and `before`; neither gives the newest items. */
export interface PageOptions {
  /** Items after this event id (or sequence), oldest first. */
  readonly after?: number | undefined;
  /** Items before this event id (or sequence), the nearest of them, oldest first. */
  readonly before?: number | undefined;
  /** At most this many items, up to 1,000. @default {50} */
  readonly limit?: number | undefined;
}

/** A page of items in time order. */
export interface Page<Item> {
  /** The items, oldest first. */
  readonly items: readonly Item[];
  /** Cursor for `after` to read on, or null at the newest item. A page may be short and still have one. */
  readonly next: number | null;
  /** Cursor for `before` to read back, or null at the oldest item. */
  readonly previous: number | null;
}

/** A page of events. */
export interface EventPage extends Page<RuntimeEvent> {
  /** The oldest event that is still kept. */
  readonly firstEventId: number;
  /** The newest durable event. */
  readonly lastEventId: number;
}

/** An entry of a transcript. */
export interface TranscriptEntry extends EventEntry {
  /** 1, 2, 3 ... per worker. */
  readonly seq: number;
  /** When it was appended, ISO 8601. */
  readonly at: string;
  /** The run that was open. */
  readonly runId?: string;
  /** The event that appended it. */
  readonly eventId: number;
}

/** A page of a transcript. */
export interface TranscriptPage extends Page<TranscriptEntry> {
  /** Entries in the whole transcript. */
  readonly length: number;
}

/** A page to read, checked. */
export type PageRange =
  | { readonly after: number; readonly before?: never; readonly limit: number }
  | { readonly before: number; readonly after?: never; readonly limit: number };

/** Checks the position of a page; `length` is the number of the newest item. Throws `invalid_request`. */
export function pageRange(options: PageOptions, length: number, action: string): PageRange {
  const { after, before, limit = limits.pageItemsDefault } = options;
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > limits.pageItemsMax) {
    throw invalidRequest(action, `limit: 1 to ${limits.pageItemsMax} is allowed, not ${limit}`);
  }
  for (const cursor of [after, before]) {
    if (cursor !== undefined && !(Number.isSafeInteger(cursor) && cursor >= 0)) {
      throw invalidRequest(action, `cursor: a count from 0 is needed, not ${cursor}`);
    }
  }
  if (after === undefined) return { before: Math.min(before ?? length + 1, length + 1), limit };
  if (before !== undefined) throw invalidRequest(action, "after and before cannot both be given");
  return { after, limit };
}

/**
 * Reads a page of all events or of one worker's, which are filtered after
 * parsing so that stores need no index. Reads as many pages of the store as
 * needed; the result, too, is bounded by `limits.pageBytesMax`.
 */
export async function readEventPage(
  store: PageStore,
  lastEventId: number,
  range: PageRange,
  workerId: WorkerId | undefined,
): Promise<EventPage> {
  const forward = range.after !== undefined;
  const items: RuntimeEvent[] = [];
  let cursor = forward ? range.after : range.before;
  let isFull = false;
  let firstEventId = 1;
  const itemBytes = new Utf8Sum();
  const scannedBytes = new Utf8Sum();
  const { pageBytesMax, pageScanBytesMax } = limits;
  // Another page of the store is read while this fits.
  const scanMax = workerId === undefined ? pageBytesMax / 2 : pageScanBytesMax - pageBytesMax;
  for (let more = true; more;) {
    const limit = workerId === undefined ? range.limit - items.length : limits.pageItemsMax;
    const page = await store.readEvents(forward ? { after: cursor, limit } : { before: cursor, limit });
    firstEventId = page.firstEventId;
    const texts = forward ? page.events : page.events.toReversed();
    for (const [index, event] of parsed(store, texts).entries()) {
      // A store may know of events a moment before the state does.
      const text = texts[index] ?? "";
      if (event.id > lastEventId) break;
      if (workerId === undefined || isOf(event, workerId)) {
        itemBytes.add(text);
        isFull = items.length > 0 && !itemBytes.fits(pageBytesMax);
        if (isFull) break;
        items.push(event);
      }
      cursor = event.id;
      scannedBytes.add(text);
      if (items.length === range.limit) break;
    }
    const atEnd = forward ? cursor >= lastEventId : cursor <= firstEventId;
    more = !atEnd && !isFull && page.events.length > 0 && items.length < range.limit &&
      scannedBytes.fits(scanMax);
  }
  if (!forward) items.reverse();
  const newest = forward ? cursor : Math.max(range.before - 1, firstEventId - 1);
  const oldest = forward ? Math.min(range.after, lastEventId) + 1 : cursor;
  return {
    items,
    next: newest < lastEventId ? newest : null,
    previous: oldest > firstEventId ? oldest : null,
    firstEventId,
    lastEventId,
  };
}

/** Parses event texts from a store. Throws `store_corrupt`, naming the location. */
function parsed(store: PageStore, texts: readonly string[]): RuntimeEvent[] {
  try {
    return parseEvents(texts);
  } catch (error) {
    throw withSpot(error, (eventId) => store.spotOf?.(eventId));
  }
}

function isOf(event: RuntimeEvent, workerId: WorkerId): boolean {
  return "workerId" in event && event.workerId === workerId;
}

/** A page of a transcript that has `length` entries. */
export async function readTranscriptPage(
  store: PageStore,
  workerId: WorkerId,
  length: number,
  range: PageRange,
): Promise<TranscriptPage> {
  const items = await transcriptItems(store, workerId, length, range);
  const newest = items.at(-1)?.seq ??
    (range.after === undefined ? Math.max(range.before - 1, 0) : range.after);
  const oldest = items[0]?.seq ??
    (range.after === undefined ? range.before : Math.min(range.after, length) + 1);
  return {
    items,
    next: newest < length ? newest : null,
    previous: oldest > 1 && length > 0 ? oldest : null,
    length,
  };
}

async function transcriptItems(
  store: PageStore,
  workerId: WorkerId,
  length: number,
  range: PageRange,
): Promise<TranscriptEntry[]> {
  if (length === 0 || (range.after ?? 0) >= length || range.before === 0 || range.before === 1) return [];
  const texts = await store.readTranscript({ workerId, ...range });
  const { after = 0, before = length + 1, limit } = range;
  const items: TranscriptEntry[] = [];
  for (const event of parsed(store, texts) as TranscriptAppended[]) {
    for (const [index, entry] of event.entries.entries()) {
      const seq = event.seq + index;
      if (seq > after && seq < before && seq <= length) items.push(entryOf(event, seq, entry));
    }
  }
  const page = range.after === undefined ? items.slice(-limit) : items.slice(0, limit);
  return fittingEntries(page, texts, range.after === undefined);
}

/** Returns the entries nearest to the cursor that fit a page: a single event may hold more. */
function fittingEntries(
  items: TranscriptEntry[],
  texts: readonly string[],
  isBackward: boolean,
): TranscriptEntry[] {
  const all = new Utf8Sum();
  for (const text of texts) all.add(text);
  if (all.fits(limits.pageBytesMax)) return items;
  const nearest = (isBackward ? items.toReversed() : items).map((item) => JSON.stringify(item));
  const count = fittingCount(nearest, limits.pageBytesMax);
  return isBackward ? items.slice(items.length - count) : items.slice(0, count);
}

/**
 * Returns true if a page belongs to the worker of this state. While the page
 * was read the worker may have been purged and its id reused.
 */
export function isPageOf(state: WorkerState, range: PageRange, { items, length }: TranscriptPage): boolean {
  const { after = 0, before = length + 1 } = range;
  if (length === 0 || after >= length || before <= 1) return true;
  return items.length > 0 &&
    items.every(({ eventId }) => eventId > state.createdEventId && eventId <= state.lastEventId);
}

function entryOf(
  { at, runId, id: eventId }: TranscriptAppended,
  seq: number,
  entry: EventEntry,
): TranscriptEntry {
  return runId === undefined ? { seq, at, eventId, ...entry } : { seq, at, runId, eventId, ...entry };
}

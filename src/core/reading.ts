/**
 * Bounded reads: pages of events and of transcripts, from either end. A
 * cursor is an event id or a sequence, always exclusive.
 *
 * @module
 */
import { invalidRequest } from "./errors.ts";
import type { EventEntry, RuntimeEvent, WorkerChange, WorkerFork } from "./event_types.ts";
import { parseEvents } from "./events.ts";
import { readBaseEntries } from "./fork_base.ts";
import type { HostTypes } from "./host_types.ts";
import type { WorkerId } from "./ids.ts";
import { limits } from "./limits.ts";
import type { WorkerState } from "./state.ts";
import type { ReadRange, ReadTranscript, StoredRuntime } from "./store.ts";
import { fittingCount, Utf8Sum } from "./text.ts";

/** Position and size of a page. At most one of `after` and `before`; neither gives the newest items. */
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
export interface EventPage<Types extends HostTypes = HostTypes> extends Page<RuntimeEvent<Types>> {
  /** Id of the oldest event that is kept. */
  readonly firstEventId: number;
  /** Id of the newest durable event. */
  readonly lastEventId: number;
}

/** An entry of a transcript. */
export interface TranscriptEntry<Types extends HostTypes = HostTypes> extends EventEntry<Types> {
  /** 1, 2, 3 ... per worker. */
  readonly seq: number;
  /** Original time if the entry was given one, else the time of the commit; ISO 8601. */
  readonly at: string;
  /** The run that appended it. */
  readonly runId?: string;
  /** The event that appended it, to the worker that was forked if it came from there. */
  readonly eventId: number;
  /** Present if it is the summary of a compaction: the sequence through which it replaced the context. */
  readonly compacted?: number;
}

/** A page of a transcript. */
export interface TranscriptPage<Types extends HostTypes = HostTypes> extends Page<TranscriptEntry<Types>> {
  /** Entries in the whole transcript. */
  readonly length: number;
}

/** The range of a page, and its maximum number of items. */
export interface PageRange extends ReadRange {
  /** At most this many items. */
  readonly limit: number;
}

/** Resolves the range of a page; `length` is the newest item's number. Throws `invalid_request`. */
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
  if (after === undefined) {
    const to = Math.min(Math.max(0, (before ?? Infinity) - 1), length);
    return { from: Math.max(1, to - limit + 1), to, keep: "last", limit };
  }
  if (before !== undefined) throw invalidRequest(action, "after and before cannot both be given");
  return { from: after + 1, to: Math.min(after + limit, length), keep: "first", limit };
}

/** Reads a page of all events or of one worker's, bounded by `limits.pageBytesMax`. It may be short, even empty. */
export async function readEventPage(
  store: Pick<StoredRuntime, "readEvents">,
  lastEventId: number,
  range: PageRange,
  workerId: WorkerId | undefined,
): Promise<EventPage> {
  const { from, to, keep, limit } = range;
  const isForward = keep === "first";
  // Any number of events may precede those of one worker.
  const wide = isForward ? { from, to: lastEventId } : { from: 1, to };
  const read = workerId === undefined ? { from, to, keep } : { ...wide, keep, workerId, limit };
  const page = await store.readEvents(read);
  const { firstEventId } = page;
  const all = parseEvents(page.events);
  const items = isForward ? all.slice(0, limit) : all.slice(-limit);
  const edge = isForward ? items.at(-1) : items[0];
  const scanned = items.length < all.length && edge !== undefined ? edge.id : page.scanned;
  const newest = isForward ? scanned : Math.max(to, firstEventId - 1);
  const oldest = isForward ? Math.min(from, lastEventId + 1) : scanned;
  return {
    items,
    next: newest < lastEventId ? newest : null,
    previous: oldest > firstEventId ? oldest : null,
    firstEventId,
    lastEventId,
  };
}

/** A worker as far as a page of its transcript needs it. */
type PagedWorker = Pick<WorkerState, "transcriptLength" | "fork"> & {
  readonly record: Pick<WorkerState["record"], "workerId">;
};

/** Reads a page of the transcript of a worker. */
export async function readTranscriptPage(
  store: Pick<StoredRuntime, "readTranscript" | "readBlob">,
  { record: { workerId }, transcriptLength: length, fork }: PagedWorker,
  range: PageRange,
): Promise<TranscriptPage> {
  const { from, to, keep } = range;
  const read = { workerId, from, to, keep };
  const items = fork === undefined ? await transcriptItems(store, read) : await forkItems(store, fork, read);
  const isForward = keep === "first";
  const newest = items.at(-1)?.seq ?? (isForward ? from - 1 : to);
  const oldest = items[0]?.seq ?? (isForward ? Math.min(from, length + 1) : to + 1);
  return {
    items,
    next: newest < length ? newest : null,
    previous: oldest > 1 && length > 0 ? oldest : null,
    length,
  };
}

/** Entries of a fork: those of its base, and its own. */
async function forkItems(
  store: Pick<StoredRuntime, "readTranscript" | "readBlob">,
  fork: WorkerFork,
  read: ReadTranscript,
): Promise<TranscriptEntry[]> {
  const { workerId, keep } = read;
  const inBase = { ...read, to: Math.min(read.to, fork.seq) };
  const own = { ...read, from: Math.max(read.from, fork.seq + 1) };
  const parts = [
    {
      range: inBase,
      items: () => readBaseEntries(store, workerId, fork, inBase) as Promise<TranscriptEntry[]>,
    },
    { range: own, items: () => transcriptItems(store, own) },
  ];
  const found: TranscriptEntry[][] = [];
  for (const { range: { from, to }, items } of keep === "first" ? parts : parts.reverse()) {
    const part = await items();
    found.push(part);
    if (part.length < to + 1 - from) break;
  }
  const all = keep === "first" ? found.flat() : found.reverse().flat();
  return found.length === 1 ? all : fitting(all, keep === "last");
}

async function transcriptItems(
  store: Pick<StoredRuntime, "readTranscript">,
  read: ReadTranscript,
): Promise<TranscriptEntry[]> {
  if (read.from > read.to) return [];
  const texts = await store.readTranscript(read);
  const items: TranscriptEntry[] = [];
  for (const event of parseEvents(texts) as WorkerChange[]) {
    for (const entry of entriesOf(event)) {
      if (entry.seq >= read.from && entry.seq <= read.to) items.push(entry);
    }
  }
  return fittingEntries(items, texts, read.keep === "last");
}

/** Returns the entries nearest to the cursor that fit a page: a single event may hold more. */
function fittingEntries(
  items: TranscriptEntry[],
  texts: readonly string[],
  isBackward: boolean,
): TranscriptEntry[] {
  const all = new Utf8Sum();
  for (const text of texts) all.add(text);
  return all.fits(limits.pageBytesMax) ? items : fitting(items, isBackward);
}

function fitting(items: TranscriptEntry[], isBackward: boolean): TranscriptEntry[] {
  const nearest = (isBackward ? items.toReversed() : items).map((item) => JSON.stringify(item));
  const count = fittingCount(nearest, limits.pageBytesMax);
  return isBackward ? items.slice(items.length - count) : items.slice(0, count);
}

/**
 * Returns true if a page belongs to the worker of this state. While the page
 * was read the worker may have been purged and its id reused.
 */
export function isPageOf(state: WorkerState, { from, to }: PageRange, { items }: TranscriptPage): boolean {
  if (from > to) return true;
  const { createdEventId, lastEventId, fork } = state;
  // Entries of a base have events of another worker, and are those of a blob that names this one.
  const before = fork?.seq ?? 0;
  return items.length > 0 &&
    items.every(({ seq, eventId }) => seq <= before || eventId >= createdEventId && eventId <= lastEventId);
}

/**
 * Returns true if a page holds the entries next to its cursor, without a gap. A
 * store may have lost some, such as a database that was replaced by an older copy.
 */
export function isGapless({ from, to, keep }: PageRange, { items }: TranscriptPage): boolean {
  const first = keep === "first" ? from : to + 1 - items.length;
  return from > to || items.every(({ seq }, index) => seq === first + index);
}

/** The entries that an event adds to a transcript. */
export function entriesOf(event: WorkerChange): TranscriptEntry[] {
  const { entries = [], seq = 1 } = event;
  return entries.map((entry, index) => entryOf(event, seq + index, entry));
}

function entryOf(
  { at, runId, id: eventId, context }: WorkerChange,
  seq: number,
  entry: EventEntry,
): TranscriptEntry {
  const own = context?.compacted === undefined ? entry : { compacted: context.compacted, ...entry };
  return runId === undefined ? { seq, at, eventId, ...own } : { seq, at, runId, eventId, ...own };
}

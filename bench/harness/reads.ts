/**
 * Reading pages: the time of each read, and a check that it is the page that
 * was asked for.
 *
 * @module
 */
import type { Store } from "../contenders/contender.ts";
import { HEAVY_WORKERS } from "./callers.ts";
import { dropPageCache } from "./machine.ts";
import { type Random, random } from "./random.ts";

/** The kinds of pages that are read, in the order in which to read them. */
export const pageKinds = ["first 50", "newest 50", "random 50", "long transcript 50", "events 256"] as const;

/** A kind of page; `first 50` is the newest one of every worker in turn. */
export type PageKind = (typeof pageKinds)[number];

/** What to read. */
export interface ReadLoad {
  readonly kind: PageKind;
  readonly workers: number;
  readonly lastEventId: number;
  readonly count: number;
  /** Makes the operating system forget all files before each read. */
  readonly cold: boolean;
}

let seed = 1_000;

/** Reads pages; gives the microseconds of each. */
export async function readPages(store: Store, load: ReadLoad): Promise<number[]> {
  const next = random(seed++);
  const times: number[] = [];
  for (let index = 0; index < load.count; index++) {
    const read = await readers[load.kind](store, load, next, index);
    if (load.cold) dropPageCache();
    const startedAt = performance.now();
    const contents = await read();
    times.push((performance.now() - startedAt) * 1_000);
    if (contents.some(({ content }) => typeof content !== "string")) {
      throw new Error("Cannot count a page without text");
    }
  }
  return times;
}

type Page = readonly { readonly content: string }[];

/** Chooses a page, and gives the function that reads it. */
type Reader = (store: Store, load: ReadLoad, next: Random, index: number) => Promise<() => Promise<Page>>;

const readers: Readonly<Record<PageKind, Reader>> = {
  "first 50": (store, load, _next, index) => {
    return Promise.resolve(() => store.newestPage(index % load.workers, 50));
  },
  "newest 50": (store, load, next) => {
    const worker = next(load.workers);
    return Promise.resolve(() => store.newestPage(worker, 50));
  },
  "random 50": (store, load, next) => randomPage(store, next(load.workers), next),
  "long transcript 50": (store, _load, next) => randomPage(store, next(HEAVY_WORKERS), next),
  "events 256": (store, load, next) => {
    const after = next(Math.max(1, load.lastEventId - 256));
    return Promise.resolve(() => exactly(256, after, store.eventsAfter(after, 256)));
  },
};

async function randomPage(store: Store, worker: number, next: Random): Promise<() => Promise<Page>> {
  const length = await store.length(worker);
  const after = next(Math.max(1, length - 50));
  return () => exactly(Math.min(50, length), after, store.pageAfter(worker, after, 50));
}

async function exactly(
  count: number,
  after: number,
  reading: Promise<readonly { readonly content: string; readonly seq?: number; readonly id?: number }[]>,
): Promise<Page> {
  const page = await reading;
  const first = page[0]?.id ?? page[0]?.seq;
  if (page.length === count && (count === 0 || first === after + 1)) return page;
  throw new Error(
    `Cannot count a page of ${page.length} from ${first}: ${count} after ${after} were asked for`,
  );
}

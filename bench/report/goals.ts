/**
 * What the library wants to reach, as ratios within one run, and whether it
 * did.
 *
 * @module
 */
import type { ContenderId } from "../contenders/contender.ts";
import type { Book, Contestant } from "./book.ts";

/** A goal and what came of it. */
export interface Goal {
  readonly title: string;
  readonly target: string;
  readonly measured: string;
  /** Null when it was not measured. */
  readonly met: boolean | null;
}

interface Wanted {
  readonly title: string;
  /** The measured value; NaN when something is missing. */
  value(book: Book): number;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly unit: string;
  /** Names what it was compared with, if that depends on the run. */
  note?(book: Book): string;
}

/** Judges a run. */
export function goals(book: Book): Goal[] {
  return wanted.map((goal) => judge(goal, book));
}

function judge(goal: Wanted, book: Book): Goal {
  const value = goal.value(book);
  const { title, unit, atLeast = -Infinity, atMost = Infinity } = goal;
  const target = goal.atLeast === undefined ? `<= ${figure(atMost)}${unit}` : `>= ${figure(atLeast)}${unit}`;
  if (Number.isNaN(value)) return { title, target, measured: "not measured", met: null };
  const note = goal.note === undefined ? "" : ` ${goal.note(book)}`;
  return {
    title,
    target,
    measured: `${figure(value)}${unit}${note}`,
    met: value >= atLeast && value <= atMost,
  };
}

function figure(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/** At least so many times the rate of another. */
function faster(title: string, id: string, other: Contestant, atLeast: number): Wanted {
  return { title, atLeast, unit: " x", value: (book) => book.ratio(id, "fs", other) };
}

/** At most so many times what another takes. */
function lighter(title: string, id: string, other: Contestant, atMost: number): Wanted {
  return { title, atMost, unit: " x", value: (book) => book.ratio(id, "fs", other) };
}

/** Against the best of the peers in this run. */
function againstBest(title: string, id: string, bound: { atLeast: number } | { atMost: number }): Wanted {
  const value = (book: Book): number => {
    const best = book.bestPeer(id);
    return best === undefined ? NaN : book.ratio(id, "fs", best);
  };
  return { title, ...bound, unit: " x", value, note: (book) => `(${best(book, id)})` };
}

function best(book: Book, id: string): ContenderId | "none" {
  return book.bestPeer(id) ?? "none";
}

/** A median that is not larger than a number. */
function within(title: string, id: string, unit: string, atMost: number): Wanted {
  return { title, atMost, unit, value: (book) => book.median(id, "fs") };
}

/** How much more one measure of the file system store is than another. */
function beyond(title: string, id: string, base: string, unit: string, atMost: number): Wanted {
  return { title, atMost, unit, value: (book) => book.median(id, "fs") - book.median(base, "fs") };
}

/** How many times one measure of the file system store is another. */
function growth(
  title: string,
  id: string,
  base: string,
  bound: { atLeast: number } | { atMost: number },
): Wanted {
  return { title, ...bound, unit: " x", value: (book) => book.median(id, "fs") / book.median(base, "fs") };
}

/** p99 of the file system store, as a share of the p50 of the peer with the most inputs per second. */
function latencyShare(book: Book): number {
  const fastest = book.bestPeer("inputs.64");
  return fastest === undefined ? NaN : book.median("p99.64", "fs") / book.median("p50.64", fastest);
}

const RANDOM = "random 50";
const NEWEST = "newest 50";
const LONG = "long transcript 50";
const EVENTS = "events 256";

const wanted: readonly Wanted[] = [
  faster("inputs/s, 1 caller, to node:sqlite", "inputs.1", "sqlite", 1.6),
  faster("inputs/s, 1 caller, to write + fdatasync", "inputs.1", "raw", 0.85),
  faster("inputs/s, 64 callers, to node:sqlite", "inputs.64", "sqlite", 15),
  againstBest("inputs/s, 64 callers, to the fastest peer", "inputs.64", { atLeast: 3.5 }),
  faster("inputs/s, 64 callers, to raw batches of 64", "inputs.64", "raw", 0.3),
  againstBest("inputs/s, 1,024 callers, to the fastest peer", "inputs.1024", { atLeast: 3 }),
  againstBest("inputs/s, 50 B - 8 KiB, 64 callers, to the fastest peer", "inputs.mix64", { atLeast: 2.5 }),
  {
    title: "latency p99, 64 callers, to p50 of the fastest peer",
    atMost: 2,
    unit: " x",
    value: latencyShare,
    note: (book) => `(${best(book, "inputs.64")})`,
  },
  // What the device wrote: the kernel counts a whole folio for each small write into one, so that what it counts
  // for a process says how large the folios are.
  againstBest("bytes to disk per input, 1 caller, to the fewest of a peer", "bytes.device.1", { atMost: 1 }),
  againstBest("bytes to disk per input, 64 callers, to the fewest of a peer", "bytes.device.64", {
    atMost: 1,
  }),
  lighter("newest page of 50, warm, to node:sqlite", `read.warm.${NEWEST}`, "sqlite", 0.6),
  lighter("random page of 50, warm, to node:sqlite", `read.warm.${RANDOM}`, "sqlite", 0.85),
  lighter("random page of 50, cold, to node:sqlite", `read.cold.${RANDOM}`, "sqlite", 0.8),
  lighter("page of 256 events, warm, to node:sqlite", `read.warm.${EVENTS}`, "sqlite", 1),
  beyond("open after a clean close, 100x events, beyond an empty one", "open.100x", "open.empty", " ms", 25),
  beyond(
    "open after a clean close, 1000x events, beyond an empty one",
    "open.1000x",
    "open.empty",
    " ms",
    25,
  ),
  within("open after a kill with the longest tail", "killed.open", " ms", 1_000),
  beyond("resident memory, 100x events, beyond an empty one", "memory.100x", "memory.empty", " MB", 40),
  beyond("resident memory, 100x events, beyond 1x events", "memory.100x", "memory.1x", " MB", 4),
  {
    title: "memory store, inputs/s, 64 callers",
    atLeast: 400_000,
    unit: "/s",
    value: (book) => book.median("inputs.64", "memory"),
  },
  growth("inputs/s at 100x history, to an empty store", "growth.100x", "growth.empty", { atLeast: 0.95 }),
  growth("page of a long transcript, 100x to 1x", `read.warm.${LONG}`, `read.1x.${LONG}`, { atMost: 1.5 }),
  growth("page of events, 100x to 1x", `read.warm.${EVENTS}`, `read.1x.${EVENTS}`, { atMost: 1.5 }),
  growth("page of workers, 10,000 to 100", "list.many workers", "list.few workers", { atMost: 1.5 }),
  {
    title: "PostgreSQL, inputs/s, 64 callers, to an INSERT per batch by hand",
    atLeast: 0.8,
    unit: " x",
    value: (book) => book.ratio("postgres.inputs.64", "postgres", "insert-batched"),
  },
  within("longest stall, 64 callers", "stall.64", " ms", 10),
  within("longest stall, 64 callers, checkpoint and flush of 1,000", "stall.checkpoint", " ms", 10),
];

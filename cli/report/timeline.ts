/**
 * The order of a conversation: entries and milestones, and what took entries out
 * of the context. Pure.
 *
 * @module
 */
import { contextRanges, isInContext, type TranscriptEntry, type WorkerState } from "../../mod.ts";
import type { Milestone } from "../../operate.ts";

/** The reason why entries are outside of the context. Entries with the same one belong together. */
export interface Removal {
  /** Sequence of the summary that replaced them. */
  readonly summary?: number;
  /** The entry that the context was rewound to. */
  readonly rewound?: number;
}

/** An entry, a milestone, or the place above which nothing is in the context. */
export type Item = TranscriptEntry | Milestone | "boundary";

/** Successive items that are in the context, or that left it together. */
export interface Block {
  /** The reason why its entries are outside of the context; absent if they are in it. */
  readonly removal: Removal | undefined;
  /** Its items, in order. */
  readonly items: Item[];
}

/** Returns true for an entry. */
export function isEntry(item: Item): item is TranscriptEntry {
  return typeof item === "object" && "role" in item;
}

/** The blocks of a conversation, given its newest entries and its milestones in order. */
export function timelineOf(
  state: WorkerState,
  entries: readonly TranscriptEntry[],
  milestones: readonly Milestone[],
): Block[] {
  const items = inOrder(entries, milestones);
  const removals = removalsOf(state, items);
  const blocks: Block[] = [];
  let waiting: Item[] = [];
  let last: Block | undefined;
  for (const item of withBoundary(state, items)) {
    waiting.push(item);
    if (!isEntry(item)) continue;
    const removal = removals.get(item.seq);
    if (last === undefined || last.removal !== removal) {
      // Milestones before entries that are outside belong to what is above.
      const above = removal === undefined ? [] : waiting.splice(0, waiting.length - 1);
      if (above.length > 0) blocks.push({ removal: undefined, items: above });
      blocks.push(last = { removal, items: [] });
    }
    last.items.push(...waiting);
    waiting = [];
  }
  if (waiting.length > 0) blocks.push({ removal: undefined, items: waiting });
  return blocks;
}

function inOrder(entries: readonly TranscriptEntry[], milestones: readonly Milestone[]): Item[] {
  const items: Item[] = [];
  let next = 0;
  for (const entry of entries) {
    // A milestone of the same event, the end of a run, follows the entries.
    for (let at = milestones[next]; at !== undefined && at.eventId < entry.eventId; at = milestones[++next]) {
      items.push(at);
    }
    items.push(entry);
  }
  return [...items, ...milestones.slice(next)];
}

const UNKNOWN: Removal = {};

/** Repeats the changes of the context in order; returns a reason for each entry that is outside by the state, by sequence. */
function removalsOf(state: WorkerState, items: readonly Item[]): Map<number, Removal> {
  const removals = new Map<number, Removal>();
  let inside: TranscriptEntry[] = [];
  const keep = (removal: Removal, isKept: (entry: TranscriptEntry) => boolean): void => {
    for (const entry of inside) if (!isKept(entry)) removals.set(entry.seq, removal);
    inside = inside.filter(isKept);
  };
  for (const item of items) {
    if (item === "boundary") continue;
    if (isEntry(item)) {
      const { seq, compacted: through } = item;
      if (through !== undefined) {
        keep({ summary: seq }, (entry) => entry.compacted === undefined && entry.seq > through);
      }
      inside.push(item);
    } else if (item.rewound !== undefined) {
      const { rewound } = item;
      const summary = inside.find(({ compacted }) => compacted !== undefined);
      // The summary is the first of the context: nothing else is kept up to it.
      const last = summary?.seq === rewound ? 0 : rewound;
      keep({ rewound }, (entry) => entry.seq <= last || rewound > 0 && entry === summary);
    }
  }
  for (const { seq } of items.filter(isEntry)) {
    if (isInContext(state, seq)) removals.delete(seq);
    else if (!removals.has(seq)) removals.set(seq, UNKNOWN);
  }
  return removals;
}

/** Puts the boundary before the first entry of the context, or at the end if nothing is in it. */
function withBoundary(state: WorkerState, items: readonly Item[]): readonly Item[] {
  if (state.context === undefined) return items;
  const first = Math.min(...contextRanges(state).map(([from]) => from));
  const [oldest] = items.filter(isEntry);
  if (oldest === undefined || first <= oldest.seq) return items;
  const index = items.findIndex((item) => isEntry(item) && item.seq >= first);
  return index === -1 ? [...items, "boundary"] : items.toSpliced(index, 0, "boundary");
}

/**
 * Idempotency keys: the results of keyed commands, kept for the last
 * `limits.keysKept` keys of a worker (of the runtime itself, and of purges),
 * across restarts.
 *
 * @module
 */
import type { EventHead } from "./event_types.ts";
import { isWorkerChange } from "./events.ts";
import type { WorkerId } from "./ids.ts";
import { limits } from "./limits.ts";

/** Result of a keyed command, sufficient to answer it again. */
export interface KeyEntry {
  /** The key. */
  readonly key: string;
  /** Fingerprint of the command's content. */
  readonly request: string;
  /** Id of its event. */
  readonly eventId: number;
  /** Time, ISO 8601. */
  readonly at: string;
  /** Sequence of its first transcript entry, or 0. */
  readonly seq: number;
  /** Number of its transcript entries, or 0. */
  readonly count: number;
  /** The worker that it created or the run that it began, or empty. */
  readonly subject: string;
}

/** Effect of an event. */
export type KeyEffect = Pick<KeyEntry, "seq" | "count" | "subject">;

const noEffect: KeyEffect = Object.freeze({ seq: 0, count: 0, subject: "" });

/** Returns the effect of an event: entries, a worker, or a run. */
export function effectOf(event: EventHead): KeyEffect {
  if (!isWorkerChange(event)) return noEffect;
  const { seq = 0, count = 0, runId = "" } = event;
  const subject = event.type === "worker.created" ? event.workerId : event.run?.began ? runId : "";
  return { seq, count, subject };
}

/** Returns the entry for the table of keys, if the event's command had a key. A purge removes the keys of its worker. */
export function keyEntryOf(event: EventHead): KeyEntry | undefined {
  const { key, request, id: eventId, at } = event;
  if (key === undefined || request === undefined || event.type === "worker.purged") return undefined;
  return { key, request, eventId, at, ...effectOf(event) };
}

/** Scope of an event's key: its worker, or (undefined) the runtime. */
export function keyScopeOf(event: { type: string; workerId?: WorkerId | undefined }): WorkerId | undefined {
  return event.type === "worker.created" ? undefined : event.workerId;
}

/** Scope of the keys of purges, which outlive their workers. No worker id is empty. */
export const PURGED = "";

/** The key of a purge, qualified for {@linkcode PURGED} by the worker and the event that created it. */
export function purgedKey(workerId: string, createdEventId: number, key: string): string {
  return JSON.stringify([workerId, createdEventId, key]);
}

/** Returns the entry in {@linkcode PURGED} of a purge of a worker, if its command had a key. */
export function purgedEntryOf(event: EventHead, createdEventId: number | undefined): KeyEntry | undefined {
  const { key, request, id: eventId, at } = event;
  if (key === undefined || request === undefined) return undefined;
  if (event.type !== "worker.purged" || createdEventId === undefined) return undefined;
  return { key: purgedKey(event.workerId, createdEventId, key), request, eventId, at, ...noEffect };
}

/** Keys in the order of their events; the oldest is evicted first. */
export class KeyTable {
  #entries = new Map<string, KeyEntry>();
  /** A snapshot shares the map: the next change copies it. */
  #isShared = false;

  /** Returns the entry of a key. */
  get(key: string): KeyEntry | undefined {
    return this.#entries.get(key);
  }

  /** Adds a key. */
  add(entry: KeyEntry): void {
    if (this.#isShared) this.#entries = new Map(this.#entries);
    this.#isShared = false;
    this.#entries.set(entry.key, entry);
    if (this.#entries.size <= limits.keysKept) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  /** The entries, oldest first. */
  entries(): Iterable<KeyEntry> {
    return this.#entries.values();
  }

  /** Returns the current entries; later changes do not affect them. */
  snapshot(): ReadonlyMap<string, KeyEntry> {
    this.#isShared = true;
    return this.#entries;
  }
}

/**
 * Returns a 53-bit fingerprint of a text, as hexadecimal digits (cyrb53 by bryc,
 * public domain). It distinguishes a repeated command from a different one; it is
 * not secure against deliberate collisions.
 */
export function fingerprint(text: string): string {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    a = Math.imul(a ^ unit, 2654435761);
    b = Math.imul(b ^ unit, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(16);
}

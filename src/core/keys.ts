/**
 * Idempotency keys: the results of keyed commands, kept for the last
 * `limits.keysKept` keys of a worker (of the runtime itself, and of the commands
 * that ended workers), across restarts.
 *
 * @module
 */
import type { EventHead, WorkerEnded, WorkerPurged } from "./event_types.ts";
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
  switch (event.type) {
    case "worker.input_accepted":
    case "worker.transcript_appended":
      return { seq: event.seq, count: event.count, subject: "" };
    case "worker.created":
      return { seq: 0, count: 0, subject: event.workerId };
    case "worker.run_started":
      return { seq: 0, count: 0, subject: event.runId };
    default:
      return noEffect;
  }
}

/** Returns the entry for the table of keys, if the event's command had a key. A purge removes the keys of its worker. */
export function keyEntryOf(event: EventHead): KeyEntry | undefined {
  const { key, request, id: eventId, at } = event;
  if (key === undefined || request === undefined || event.type === "worker.purged") return undefined;
  return { key, request, eventId, at, ...effectOf(event) };
}

/** Scope of an event's key: its worker, or (undefined) the runtime. */
export function keyScopeOf(event: { type: string; workerId?: WorkerId }): WorkerId | undefined {
  return event.type === "worker.created" ? undefined : event.workerId;
}

/** Scope of the keys of commands that ended a worker, which outlive it. No worker id is empty. */
export const ENDED = "";

/** The key of a command that ends a worker, qualified by its worker for {@linkcode ENDED}. */
export function endedKey(workerId: string, key: string): string {
  return JSON.stringify([workerId, key]);
}

/** Returns the entry in {@linkcode ENDED} of an event that ended a worker, if its command had a key. */
export function endedEntryOf(event: EventHead): KeyEntry | undefined {
  const { key, request, id: eventId, at } = event;
  if (key === undefined || request === undefined || !endsWorker(event)) return undefined;
  return { key: endedKey(event.workerId, key), request, eventId, at, ...noEffect };
}

/** Tells an event or command that ends a worker from others. */
export function endsWorker<Event extends { readonly type: string }>(
  event: Event,
): event is Extract<Event, { readonly type: WorkerEnded["type"] | WorkerPurged["type"] }> {
  return event.type === "worker.stopped" || event.type === "worker.cancelled" ||
    event.type === "worker.purged";
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

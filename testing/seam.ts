/**
 * A writer that calls a store directly, without a runtime.
 *
 * @module
 */
import type { EventHead, EventRecord } from "../src/core/event_types.ts";
import { encodeEvent, parseEventHead } from "../src/core/events.ts";
import { parseWorkerId, type WorkerId } from "../src/core/ids.ts";
import { Draft, Ledger } from "../src/core/ledger.ts";
import type { Notice } from "../src/core/diagnostics.ts";
import { limits } from "../src/core/limits.ts";
import { workerRecord } from "../src/core/records.ts";
import { restoreSnapshot, takeSnapshot } from "../src/core/snapshots.ts";
import type { AppendResult, ReadRange, RuntimeStore, StoreHost } from "../src/core/store.ts";
import { byteLength } from "../src/core/text.ts";
import { ok } from "./assert.ts";
import { range } from "./dump.ts";
import { type Place, prepared, type Tests } from "./place.ts";

type Unsealed<T> = T extends unknown ? Omit<T, "id" | "at"> : never;

/** An event to write; contents make it a transcript event, and a creation adopts the blobs put for it. */
export type Draftable =
  | Unsealed<EventHead>
  | { workerId: WorkerId; contents: readonly string[] }
  | { event: Unsealed<EventHead>; adopts: number };

const AT = "2026-01-02T03:04:05.678Z";

/** Returns tests that begin with an open store that has the first events of a runtime with these workers. */
export function onStore(workerIds: readonly string[], tests: Tests<Seam>): Tests {
  return prepared(tests, (place) => Seam.start(place, ...workerIds));
}

/** A store, and the state folded from its events. */
export class Seam {
  /** The place of the store. */
  readonly place: Place;
  /** The store. */
  readonly store: RuntimeStore;
  /** The state. */
  readonly ledger: Ledger;
  /** Diagnostics of the store. */
  readonly notices: Notice[] = [];
  /** The events that the opening pushed after its snapshot, without their entries. */
  readonly loaded: EventHead[] = [];
  /** The last event of the snapshot; 0 without one. */
  through = 0;
  /** The texts that were appended. */
  readonly texts: string[] = [];

  /** Creates a store that is not open yet. */
  constructor(place: Place) {
    this.place = place;
    this.store = place.store();
    this.ledger = new Ledger(this.store.runtimeId);
  }

  /** Opens a store. */
  static async open(place: Place): Promise<Seam> {
    const seam = new Seam(place);
    await seam.store.acquire(seam.host);
    return seam;
  }

  /** Returns a host that folds the events pushed by the store. */
  get host(): StoreHost {
    const { ledger, loaded, notices } = this;
    return {
      view: ledger,
      restore: (snapshot) => {
        restoreSnapshot(ledger, snapshot);
        this.through = snapshot.through;
      },
      replay: (texts) => {
        ledger.replay(texts);
        loaded.push(...texts.map(parseEventHead));
      },
      notice: (notice) => notices.push(notice),
      lost: () => {},
    };
  }

  /** Opens a store and writes the first events of a runtime with some workers. */
  static async start(place: Place, ...workers: string[]): Promise<Seam> {
    const seam = await Seam.open(place);
    const { runtimeId } = seam.store;
    await seam.append({ type: "runtime.created", runtimeId }, { type: "runtime.opened", epoch: 1 });
    if (workers.length > 0) await seam.append(...workers.map(created));
    return seam;
  }

  /** The last event. */
  get last(): number {
    return this.ledger.runtime.lastEventId;
  }

  /** Appends a batch. */
  async append(...events: Draftable[]): Promise<AppendResult> {
    return await this.appendAs(this.last, ...events);
  }

  /** Appends a batch with another expected last event. */
  async appendAs(expectedLastEventId: number, ...events: Draftable[]): Promise<AppendResult> {
    const draft = new Draft(this.ledger);
    const records = events.map((event) => record(draft, event));
    const { touched } = draft;
    const result = await this.store.append({ expectedLastEventId, events: records, touched });
    draft.adopt();
    this.texts.push(...records.map((each) => each.json));
    return result;
  }

  /** Saves a snapshot of the state. */
  async save(): Promise<void> {
    await this.store.saveSnapshot(takeSnapshot(this.ledger));
  }

  /** The oldest event that is kept. */
  async firstEventId(): Promise<number> {
    return (await this.store.readEvents({ from: 1, to: 0, keep: "last" })).firstEventId;
  }

  /** Reads the texts of all kept events, in as many pages as necessary. */
  async log(): Promise<string[]> {
    const texts: string[] = [];
    for (let from = await this.firstEventId(); from <= this.last;) {
      const { events, scanned } = await this.store.readEvents({ from, to: from + 999, keep: "first" });
      texts.push(...events);
      if (events.length === 0) break;
      from = scanned + 1;
    }
    return texts;
  }

  /** Reads the events that hold entries of a worker. */
  async transcript(range: ReadRange, workerId = "a"): Promise<readonly string[]> {
    return await this.store.readTranscript({ workerId: parseWorkerId(workerId), ...range });
  }

  /** Closes the store and opens the next one on the place. */
  async reopen(): Promise<Seam> {
    await this.store.close();
    return await Seam.open(this.place);
  }
}

/** Returns the creation of a worker. */
export function created(id: string): Unsealed<EventHead> {
  const workerId = parseWorkerId(id);
  const spec = { intent: { kind: "assistant" } } as const;
  return { type: "worker.created", workerId, record: workerRecord(spec, workerId) };
}

/** Returns the creation of a worker that adopts the blobs put for it. */
export function adopting(id: string, adopts: number): Draftable {
  return { event: created(id), adopts };
}

/** Returns the end and the purge of a worker. */
export function purged(id: string): Draftable[] {
  const workerId = parseWorkerId(id);
  return [{ type: "worker.committed", workerId, status: "stopped" }, { type: "worker.purged", workerId }];
}

/** Returns an addition to a worker's transcript. */
export function said(id: string, ...contents: string[]): Draftable {
  return { workerId: parseWorkerId(id), contents };
}

/** Returns ten additions of 900,000 bytes each to the transcript of `a`. */
export function large(character: string): Draftable[] {
  const content = character.repeat(900_000 / byteLength(character));
  return range(0, 9).map((index) => said("a", `${index}${content}`));
}

/** Asserts that a page holds at least one text, and that it was not full before the last one was added. */
export function isPage(texts: readonly string[], keep: ReadRange["keep"]): void {
  ok(texts.length > 0);
  const before = keep === "first" ? texts.slice(0, -1) : texts.slice(1);
  const bytes = before.reduce((sum, text) => sum + byteLength(text), 0);
  ok(bytes < limits.pageBytesMax, `a page of ${bytes} bytes took one more event`);
}

/** Returns an event of no worker. */
export function custom(data: string): Draftable {
  return { type: "custom", name: "note", data };
}

function record(draft: Draft, event: Draftable): EventRecord {
  const common = { id: draft.runtime.lastEventId + 1, at: AT };
  if ("adopts" in event) return apply(draft, { ...common, ...event.event } as EventHead, "", event.adopts);
  if (!("contents" in event)) return apply(draft, { ...common, ...event } as EventHead);
  const { workerId, contents } = event;
  const seq = (draft.worker(workerId)?.transcriptLength ?? 0) + 1;
  const entries = contents.map((content) => ({ role: "assistant", content }));
  const head = {
    ...common,
    type: "worker.committed",
    workerId,
    seq,
    count: entries.length,
  } as const;
  return apply(draft, head, JSON.stringify(entries));
}

function apply(draft: Draft, head: EventHead, entriesJson = "", adopts?: number): EventRecord {
  draft.apply(head);
  return encodeEvent(head, entriesJson, undefined, adopts);
}

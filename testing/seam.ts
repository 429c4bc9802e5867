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
import { workerRecord } from "../src/core/records.ts";
import { restoreSnapshot, takeSnapshot } from "../src/core/snapshots.ts";
import type { AppendResult, RuntimeStore, StoreHost } from "../src/core/store.ts";
import type { Place } from "./place.ts";

type Unsealed<T> = T extends unknown ? Omit<T, "id" | "at"> : never;

/** An event to write; contents make it a transcript event. */
export type Draftable = Unsealed<EventHead> | { workerId: WorkerId; contents: readonly string[] };

const AT = "2026-01-02T03:04:05.678Z";

/** A store, and the state folded from its events. */
export class Seam {
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

  /** Creates a seam for a store that is not open yet. */
  constructor(store: RuntimeStore) {
    this.store = store;
    this.ledger = new Ledger(store.runtimeId);
  }

  /** Opens a store. */
  static async open(place: Place): Promise<Seam> {
    const seam = new Seam(place.store());
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
    await seam.append({ type: "runtime.created", runtimeId: seam.store.runtimeId }, {
      type: "runtime.opened",
      epoch: 1,
    });
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

  /** Returns the heads that an opening must push of the events appended after this one. */
  headsAfter(through: number): EventHead[] {
    return this.texts.slice(through).map(parseEventHead);
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

  /** Closes the store and opens the next one on the place. */
  async reopen(place: Place): Promise<Seam> {
    await this.store.close();
    return await Seam.open(place);
  }
}

/** Returns the creation of a worker. */
export function created(id: string): Draftable {
  const workerId = parseWorkerId(id);
  const spec = { intent: { kind: "assistant" } } as const;
  return { type: "worker.created", workerId, record: workerRecord(spec, workerId) };
}

/** Returns an addition to a worker's transcript. */
export function said(id: string, ...contents: string[]): Draftable {
  return { workerId: parseWorkerId(id), contents };
}

/** Returns an event of no worker. */
export function custom(data: string): Draftable {
  return { type: "custom", name: "note", data };
}

function record(draft: Draft, event: Draftable): EventRecord {
  const id = draft.runtime.lastEventId + 1;
  if ("contents" in event) return entriesRecord(draft, id, event.workerId, event.contents);
  const head = { id, at: AT, ...event } as EventHead;
  draft.apply(head);
  return encodeEvent(head, "");
}

function entriesRecord(
  draft: Draft,
  id: number,
  workerId: WorkerId,
  contents: readonly string[],
): EventRecord {
  const head: EventHead = {
    id,
    at: AT,
    type: "worker.transcript_appended",
    workerId,
    seq: (draft.worker(workerId)?.transcriptLength ?? 0) + 1,
    count: contents.length,
  };
  draft.apply(head);
  return encodeEvent(head, JSON.stringify(contents.map((content) => ({ role: "assistant", content }))));
}

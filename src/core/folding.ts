/**
 * Folding: the state of a runtime from a snapshot and the events after it.
 *
 * @module
 */
import type { Notice } from "./diagnostics.ts";
import { type RuntimeError, withSpot } from "./errors.ts";
import type { RuntimeId } from "./ids.ts";
import { Ledger } from "./ledger.ts";
import { unknownEvents } from "./opening.ts";
import { restoreSnapshot } from "./snapshots.ts";
import type { LoadedSnapshot, RuntimeStore, StoreHost } from "./store.ts";

/** Stores and sources that were opened. */
const opened = new WeakSet<object>();

/** Marks a store or a source as opened. Throws `TypeError` if it was opened before. */
export function openOnce(what: string, name: string, store: object): void {
  if (opened.has(store)) throw new TypeError(`Cannot open ${what}: its ${name} was opened before`);
  opened.add(store);
}

/** Folds the snapshot and the events pushed by a store or a source. */
export class Folding implements StoreHost {
  /** The state. */
  readonly view: Ledger;
  /** Receives diagnostics. */
  readonly notice: (notice: Notice) => void;
  /** Receives the error of a lost store. */
  readonly lost: (error: RuntimeError) => void;
  #unknownCount = 0;

  /** The state before the first event. */
  constructor(
    runtimeId: RuntimeId,
    notice: (notice: Notice) => void = () => {},
    lost: (error: RuntimeError) => void = () => {},
  ) {
    this.view = new Ledger(runtimeId);
    this.notice = notice;
    this.lost = lost;
  }

  /** Opens a store or a source. Locates errors, and reports events of unknown types. */
  async load<Info>(
    store: Pick<RuntimeStore, "spotOf">,
    open: (host: StoreHost) => Promise<Info>,
  ): Promise<Info> {
    try {
      const info = await open(this);
      if (this.#unknownCount > 0) this.notice(unknownEvents(this.#unknownCount));
      return info;
    } catch (error) {
      throw withSpot(error, (eventId) => store.spotOf?.(eventId));
    }
  }

  /** Replaces the state. */
  restore(snapshot: LoadedSnapshot): void {
    restoreSnapshot(this.view, snapshot);
  }

  /** Folds events. */
  replay(texts: readonly string[]): void {
    this.#unknownCount += this.view.replay(texts);
  }
}

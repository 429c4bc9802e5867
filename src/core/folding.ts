/**
 * Folding: the state of a runtime from a snapshot and the events after it.
 *
 * @module
 */
import type { Notice } from "./diagnostics.ts";
import type { RuntimeError } from "./errors.ts";
import type { RuntimeId } from "./ids.ts";
import { Ledger } from "./ledger.ts";
import { restoreSnapshot } from "./snapshots.ts";
import type { LoadedSnapshot, StoreHost } from "./store.ts";

/** Folds the snapshot and the events pushed by a store or a source. */
export class Folding implements StoreHost {
  /** The state. */
  readonly view: Ledger;
  /** Receives diagnostics. */
  readonly notice: (notice: Notice) => void = () => {};
  /** Receives the error of a lost store. */
  readonly lost: (error: RuntimeError) => void = () => {};
  /** Number of events of unknown types. */
  protected unknownCount = 0;

  /** The state before the first event. */
  constructor(runtimeId: RuntimeId) {
    this.view = new Ledger(runtimeId);
  }

  /** Replaces the state. */
  restore(snapshot: LoadedSnapshot): void {
    restoreSnapshot(this.view, snapshot);
  }

  /** Folds events. */
  replay(texts: readonly string[]): void {
    this.unknownCount += this.view.replay(texts);
  }
}

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
import type { SourceHost } from "./source.ts";
import type { LoadedSnapshot } from "./store.ts";

/** Folds what a source pushes. */
export class Folding implements SourceHost {
  /** The state. */
  readonly view: Ledger;
  /** Number of events of types that this version does not know. */
  unknownCount = 0;
  /** Receives diagnostics. */
  readonly notice: (notice: Notice) => void;
  /** Receives the error of a lost source. */
  readonly lost: (error: RuntimeError) => void;

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

  /** Replaces the state. */
  restore(snapshot: LoadedSnapshot): void {
    restoreSnapshot(this.view, snapshot);
  }

  /** Folds events. */
  replay(texts: readonly string[]): void {
    this.unknownCount += this.view.replay(texts);
  }
}

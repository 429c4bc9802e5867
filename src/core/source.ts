/**
 * The source interface: a runtime that someone else may own, to be read only. A
 * source pushes its snapshot and events into its host, and later new events. It
 * interprets nothing, so it may be on another machine.
 *
 * @module
 */
import type { SourceInfo, StoredRuntime, StoreHost } from "./store.ts";

/** A runtime that someone else may own: read only. Loaded once, by `RuntimeReader.open`. */
export interface RuntimeSource extends StoredRuntime {
  /** Pushes the newest usable snapshot, if there is one, and all later events. Called once, before anything else. */
  load(host: StoreHost): Promise<SourceInfo>;
  /**
   * Resolves with the last durable event once events after `after` were pushed,
   * or once `signal` has aborted. Checks at least once for new events, even if
   * `signal` has aborted already.
   */
  news(after: number, signal: AbortSignal): Promise<number>;
}

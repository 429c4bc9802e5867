/**
 * The source interface: a runtime that someone else may own, to be read only. A
 * source pushes its snapshot and events into its host, and later new events. It
 * interprets nothing, so it may be on another machine.
 *
 * @module
 */
import type { FileSpot } from "./errors.ts";
import type { RuntimeId } from "./ids.ts";
import type { ReadEvents, ReadTranscript, StoredEvents, StoreHost } from "./store.ts";

/** Facts known once a source is loaded. */
export interface SourceInfo {
  /** Name of the runtime for people, if the operator gave one. */
  readonly displayName?: string | undefined;
}

/** A runtime that someone else may own: read only. Loaded once, by `RuntimeReader.open`. */
export interface RuntimeSource {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** Pushes the newest usable snapshot, if there is one, and all later events. Called once, before anything else. */
  load(host: StoreHost): Promise<SourceInfo>;
  /** A page of events. Throws `cursor_expired` if `after` precedes the events that are kept. */
  readEvents(read: ReadEvents): Promise<StoredEvents>;
  /** The texts of the events that hold a page of a worker's transcript, oldest first. */
  readTranscript(read: ReadTranscript): Promise<readonly string[]>;
  /**
   * Resolves with the last durable event once events after `after` were pushed,
   * or once `signal` has aborted. Checks at least once for new events, even if
   * `signal` has aborted already.
   */
  news(after: number, signal: AbortSignal): Promise<number>;
  /** The location of an event, for errors about it; a source without files has none. */
  spotOf?(eventId: number): FileSpot;
  /** Releases everything. Idempotent. */
  close(): Promise<void>;
}

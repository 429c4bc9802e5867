/**
 * A source that is read: folds its events, and polls it for news while a watch
 * waits.
 *
 * @module
 */
import type { DiagnosticLog } from "./diagnostics.ts";
import type { RuntimeError } from "./errors.ts";
import { Folding } from "./folding.ts";
import { isFinal } from "./group_commit.ts";
import type { Ledger } from "./ledger.ts";
import { Operations } from "./operations.ts";
import type { ReadContext } from "./reads.ts";
import type { RuntimeSource } from "./source.ts";
import { afterThisTurn } from "./turn.ts";
import { WakeUp } from "./wake.ts";
import type { WatchSource } from "./watch.ts";

/** A source, and the state folded from it. */
export class FollowedSource implements ReadContext {
  /** Keeps events and transcripts. */
  readonly store: RuntimeSource;
  /** The operations that closing waits for. */
  readonly operations: Operations;
  /** Problems found while reading. */
  readonly diagnostics: DiagnosticLog;
  /** Wakes watches. */
  readonly news: WatchSource["news"] = {
    add: (callback) => this.#listen(callback),
    remove: (callback) => this.#unlisten(callback),
  };
  readonly #folding: Folding;
  readonly #listeners = new WakeUp();
  /** Stops polling for news; absent while no watch waits for events. */
  #asking: AbortController | undefined;
  /** A failure of `news`, until the watches that waited have ended with its error. */
  #newsFailure: { readonly error: Error } | undefined;
  #displayName: string | undefined;
  #failure: RuntimeError | undefined;

  /** A source that is yet to be loaded. */
  constructor(source: RuntimeSource, diagnostics: DiagnosticLog) {
    const lost = (error: RuntimeError) => this.#lost(error);
    this.store = source;
    this.operations = new Operations(source.runtimeId, lost);
    this.diagnostics = diagnostics;
    this.#folding = new Folding(source.runtimeId, (notice) => diagnostics.add(notice), lost);
  }

  /** The state. */
  get ledger(): Ledger {
    return this.#folding.view;
  }

  /** Name of the runtime for people. */
  displayName(): string | undefined {
    return this.#displayName;
  }

  /** The error that ends a watch which begins now. */
  watchFailure(): () => Error | undefined {
    // Errors from before the watch began have already ended the earlier watches.
    const past = this.#newsFailure;
    return () => this.#failure ?? (this.#newsFailure === past ? undefined : this.#newsFailure?.error);
  }

  /** Loads the source. */
  async load(): Promise<void> {
    const { displayName } = await this.#folding.load(this.store, (host) => this.store.load(host));
    this.#displayName = displayName;
  }

  /** Reads new events. */
  async refresh(): Promise<void> {
    this.operations.assertOpen();
    const { lastEventId } = this.ledger.runtime;
    await this.operations.run(this.store.news(lastEventId, AbortSignal.abort()));
    this.#listeners.wake();
  }

  /** Ends watches, waits for operations and closes the source. */
  async close(): Promise<void> {
    this.operations.isClosed = true;
    this.#asking?.abort();
    this.#listeners.wake();
    await this.operations.settled();
    await this.store.close();
  }

  #lost(error: RuntimeError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#asking?.abort();
    this.#listeners.wake();
    this.diagnostics.add({ code: "store_lost", severity: "error", message: error.message });
  }

  #listen(callback: () => void): void {
    this.#listeners.add(callback);
    if (this.#asking !== undefined) return;
    this.#asking = new AbortController();
    void this.operations.run(this.#askForNews(this.#asking));
  }

  #unlisten(callback: () => void): void {
    this.#listeners.remove(callback);
    if (this.#listeners.size > 0) return;
    this.#asking?.abort();
    this.#asking = undefined;
  }

  /** Polls the source for news until aborted. */
  async #askForNews({ signal }: AbortController): Promise<void> {
    try {
      while (!signal.aborted) {
        await this.store.news(this.ledger.runtime.lastEventId, signal);
        this.#listeners.wake();
        await afterThisTurn();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) return this.#lost(error);
      // The error ends the current watches; the next watch polls again.
      const failure = { error: error as Error };
      this.#newsFailure = failure;
      this.#asking = undefined;
      this.#listeners.wake();
      await afterThisTurn();
      if (this.#newsFailure === failure) this.#newsFailure = undefined;
    }
  }
}

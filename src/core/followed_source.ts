/**
 * A source that is read: folds its events, and polls it for news while a watch
 * waits.
 *
 * @module
 */
import { isFinal } from "./group_commit.ts";
import { Session } from "./session.ts";
import type { RuntimeSource } from "./source.ts";
import { afterThisTurn } from "./turn.ts";
import { WakeUp } from "./wake.ts";

/** A source, and the state folded from it. */
export class FollowedSource extends Session<RuntimeSource> {
  override readonly news: WakeUp = new WakeUp((count) => count > 0 ? this.#poll() : this.stop());
  /** Stops polling for news; absent while no watch waits for events. */
  #polling: AbortController | undefined;

  /** Reads new events. */
  async refresh(): Promise<void> {
    this.assertOpen();
    await this.run(this.store.news(this.view.runtime.lastEventId, AbortSignal.abort()));
    this.news.wake();
  }

  /** Ends watches, waits for operations and closes the source. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.stop();
    this.news.wake();
    await this.settled();
    await this.store.close();
  }

  protected override stop(): void {
    this.#polling?.abort();
    this.#polling = undefined;
  }

  #poll(): void {
    if (this.#polling !== undefined) return;
    this.#polling = new AbortController();
    void this.run(this.#pollUntil(this.#polling.signal));
  }

  async #pollUntil(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        await this.store.news(this.view.runtime.lastEventId, signal);
        this.news.wake();
        await afterThisTurn();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) return this.lost(error);
      // The error ends the watches that wait; the next watch polls again.
      this.#polling = undefined;
      this.news.wake(error);
    }
  }
}

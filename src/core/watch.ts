/**
 * Watching: a cursor and a wake-up over bounded page reads. There is no queue
 * that a slow consumer could fill.
 *
 * @module
 */
import type { HostTypes } from "./host_types.ts";
import { onAbort } from "./abort.ts";
import type { RuntimeEvent, WorkerChanges } from "./event_types.ts";
import { limits } from "./limits.ts";
import type { EventPage, PageOptions } from "./reading.ts";
import type { WakeUp } from "./wake.ts";

/** Beginning and end of a watch. */
export interface WatchOptions {
  /** Begin after this event id: 0 for all kept events. @default the newest event */
  readonly after?: number | undefined;
  /** Only events with at least one of these members. */
  readonly has?: readonly (keyof WorkerChanges)[] | undefined;
  /** Ends the watch quietly. */
  readonly signal?: AbortSignal | undefined;
}

/** Source of a watch. */
export interface WatchSource<Types extends HostTypes = HostTypes> {
  /** Wakes the watch when there are events, and when the source has ended. */
  readonly news: Pick<WakeUp, "add" | "remove">;
  /** The newest durable event. */
  newest(): number;
  /** The error that ends the watch, if there is one. */
  failure(): Error | undefined;
  /** True once the runtime was closed. */
  isClosed(): boolean;
  /** True if no further event can come because the watched worker was purged. */
  isOver(): boolean;
  /** Returns true if an event is to be delivered. */
  isWanted(event: RuntimeEvent<Types>): boolean;
  /** Returns true if this is the last event of the watch. */
  isLast(event: RuntimeEvent<Types>): boolean;
  /** A page of events. */
  read(options: PageOptions): Promise<EventPage<Types>>;
}

/** A pending call of `next`. */
interface Call<Types extends HostTypes> {
  readonly resolve: (result: IteratorResult<RuntimeEvent<Types>, void>) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: IteratorReturnResult<void> = { done: true, value: undefined };

/**
 * Events from a cursor on, as they become durable. Ends quietly when `signal`
 * aborts, the runtime closes or the worker is purged, and with the error when
 * the source fails.
 *
 * Not a generator: `return()` of a generator waits until its `next()` has
 * settled. Listens only while a call is pending.
 */
export class Watch<Types extends HostTypes = HostTypes>
  implements AsyncGenerator<RuntimeEvent<Types>, void, void> {
  readonly #source: WatchSource<Types>;
  readonly #after: number;
  readonly #signal: AbortSignal | undefined;
  readonly #wake = (failure?: unknown): void => queueMicrotask(() => this.#advance(failure));
  #calls: Call<Types>[] = [];
  #page: readonly RuntimeEvent<Types>[] = [];
  #index = 0;
  #cursor: number;
  #isReading = false;
  #isEnded = false;
  #unlisten: (() => void) | undefined;

  /** Creates a watch; nothing is read yet. */
  constructor(source: WatchSource<Types>, after: number, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#after = after;
    this.#signal = signal;
    // The last event of a purged worker may precede the requested cursor.
    this.#cursor = Math.min(after, source.newest());
  }

  /** The next event. */
  next(): Promise<IteratorResult<RuntimeEvent<Types>, void>> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ resolve, reject });
      this.#advance();
    });
  }

  /** Ends the watch and every pending call of `next`. */
  return(): Promise<IteratorResult<RuntimeEvent<Types>, void>> {
    this.#end();
    return Promise.resolve(DONE);
  }

  /** Ends the watch like `return`, and rejects with the error. */
  throw(error: unknown): Promise<IteratorResult<RuntimeEvent<Types>, void>> {
    this.#end();
    return Promise.reject(error);
  }

  /** The watch itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the watch. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Settles the pending calls; then reads, or waits for new events. */
  #advance(failed?: unknown): void {
    while (this.#calls.length > 0) {
      if (this.#endsNow()) return this.#end();
      const failure = failed ?? this.#source.failure();
      if (failure !== undefined) return this.#fail(failure);
      if (this.#isReading) return;
      const event = this.#page[this.#index++];
      if (event === undefined) this.#page = [];
      if (event !== undefined) this.#deliver(event);
      else if (this.#cursor < this.#source.newest()) this.#read();
      else if (this.#source.isOver()) return this.#end();
      else return this.#listen();
    }
    this.#stopListening();
  }

  #endsNow(): boolean {
    if (this.#isEnded || this.#signal?.aborted) return true;
    return this.#source.isClosed() && this.#source.failure() === undefined;
  }

  #deliver(event: RuntimeEvent<Types>): void {
    const isLast = this.#source.isLast(event);
    if (event.id > this.#after && this.#source.isWanted(event)) {
      this.#calls.shift()?.resolve({ done: false, value: event });
    }
    if (isLast) this.#end();
  }

  #read(): void {
    this.#isReading = true;
    this.#listen();
    this.#source.read({ after: this.#cursor, limit: limits.watchItemsMax }).then(
      (page) => {
        if (!this.#isEnded) this.#take(page);
      },
      (error) => this.#fail(error),
    );
  }

  #take({ items, next, lastEventId }: EventPage<Types>): void {
    this.#isReading = false;
    this.#page = items;
    this.#index = 0;
    this.#cursor = next ?? lastEventId;
    this.#advance();
  }

  #listen(): void {
    if (this.#unlisten !== undefined) return;
    const { news } = this.#source;
    const unlisten = this.#signal === undefined ? undefined : onAbort(this.#signal, () => this.#end());
    news.add(this.#wake);
    this.#unlisten = () => {
      news.remove(this.#wake);
      unlisten?.();
    };
  }

  #stopListening(): void {
    this.#unlisten?.();
    this.#unlisten = undefined;
  }

  #fail(error: unknown): void {
    this.#calls.shift()?.reject(error);
    this.#end();
  }

  #end(): void {
    this.#isEnded = true;
    this.#page = [];
    this.#stopListening();
    for (const { resolve } of this.#calls.splice(0)) resolve(DONE);
  }
}

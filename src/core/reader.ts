/**
 * A reader of a runtime that another process may own.
 *
 * @module
 */
import type { HostTypes } from "./host_types.ts";
import type { DiagnosticReport } from "./diagnostics.ts";
import { isFinal } from "./group_commit.ts";
import { Reads } from "./reads.ts";
import { openOnce, Session, type SessionOptions } from "./session.ts";
import type { RuntimeSource } from "./store.ts";
import { afterThisTurn } from "./turn.ts";
import { WakeUp } from "./wake.ts";

/** Options of {@linkcode RuntimeReader.open}. */
export interface RuntimeReaderOptions extends SessionOptions {
  /** The runtime. Opened here, once per instance, and closed with the reader or if opening fails. */
  readonly source: RuntimeSource;
}

/**
 * A runtime to be read only, while another process may own it. Reads return
 * the state of the last refresh: of opening, of {@linkcode RuntimeReader.refresh},
 * or of a watch that waits for events. A source of files may include the last
 * batch a moment before it is durable.
 *
 * @example Usage
 * ```ts
 * import { Runtime, RuntimeReader } from "@yoi/worker-runtime";
 * import { FsRuntimeSource, FsRuntimeStore } from "@yoi/worker-runtime/fs-store";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * await using owner = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
 * await owner.createWorker({ workerId: "reviewer", intent: { kind: "assistant" } });
 *
 * const source = new FsRuntimeSource({ root, runtimeId: "local" });
 * await using reader = await RuntimeReader.open({ source });
 * assertEquals(reader.overview().workers.running, 1);
 * ```
 */
export class RuntimeReader<Types extends HostTypes = HostTypes> extends Reads<Types>
  implements AsyncDisposable {
  readonly #source: FollowedSource;
  #closing: Promise<void> | undefined;

  private constructor(source: FollowedSource) {
    super(source);
    this.#source = source;
  }

  /**
   * Opens a runtime to read. Throws the errors of the source, such as
   * `store_missing` and `store_version`; the source is closed if opening
   * fails. `TypeError` without a source, and for a source that was opened before.
   */
  static async open<Types extends HostTypes = HostTypes>(
    options: RuntimeReaderOptions,
  ): Promise<RuntimeReader<Types>> {
    if (typeof options?.source?.news !== "function") {
      throw new TypeError("Cannot open reader: options.source must be a source");
    }
    return await openOnce("source", options.source, async () => {
      const followed = new FollowedSource(options.source, options);
      await followed.load(() => options.source.load(followed));
      return new RuntimeReader<Types>(followed);
    });
  }

  /** Reads the events added since the last refresh. */
  async refresh(): Promise<void> {
    await this.#source.refresh();
  }

  /** Problems found while reading. Plain JSON. */
  diagnostics(): DiagnosticReport {
    return this.#source.diagnostics.report();
  }

  /** Ends watches, waits for reads in flight and closes the source. Idempotent. */
  close(): Promise<void> {
    return this.#closing ??= this.#source.close();
  }

  /** Closes the reader. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A source, and the state folded from it. */
class FollowedSource extends Session<RuntimeSource> {
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

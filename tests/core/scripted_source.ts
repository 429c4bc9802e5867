// A source in memory: a test adds events, and may script the answers.

import { blobMissing, RuntimeError } from "../../src/core/errors.ts";
import type { EventHead } from "../../src/core/event_types.ts";
import type { RuntimeId, WorkerId } from "../../src/core/ids.ts";
import type {
  BlobFacts,
  LoadedSnapshot,
  ReadEvents,
  ReadTranscript,
  RuntimeSource,
  SourceInfo,
  StoredEvents,
  StoreHost,
} from "../../src/core/store.ts";
import { runtimeId } from "./given.ts";

export class ScriptedSource implements RuntimeSource {
  readonly runtimeId: RuntimeId = runtimeId;
  /** The calls of `news`: the event after which. */
  readonly asked: number[] = [];
  closings = 0;
  host: StoreHost | undefined;
  /** Runs instead of loading, and rejects it if it throws. */
  onLoad: (() => Promise<SourceInfo>) | undefined;
  /** Runs before a page of a transcript is returned. */
  onTranscript: (() => void) | undefined;
  #texts: string[];
  #firstEventId = 1;
  #waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  constructor(events: readonly EventHead[]) {
    this.#texts = events.map((event) => JSON.stringify(event));
  }

  get lastEventId(): number {
    return this.#firstEventId + this.#texts.length - 1;
  }

  /** Adds events, and pushes them if a reader waits for news. */
  add(...texts: readonly (EventHead | string)[]): void {
    this.#texts.push(...texts.map((text) => typeof text === "string" ? text : JSON.stringify(text)));
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** Deletes all events through the snapshot, and pushes the snapshot. */
  prune(snapshot: LoadedSnapshot): void {
    this.#texts = this.#texts.slice(snapshot.through + 1 - this.#firstEventId);
    this.#firstEventId = snapshot.through + 1;
    this.host?.restore(snapshot);
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** Rejects the calls of `news` that wait. */
  fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  load(host: StoreHost): Promise<SourceInfo> {
    this.host = host;
    return this.onLoad?.() ?? Promise.resolve().then(() => {
      host.replay(this.#texts);
      return { displayName: "Scripted" };
    });
  }

  readEvents({ from, to, keep, workerId }: ReadEvents): Promise<StoredEvents> {
    const first = this.#firstEventId;
    if (keep === "first" && from < first) {
      const after = from - 1;
      const message = `Cannot read events after ${after}: the oldest is ${first}`;
      return Promise.reject(new RuntimeError("cursor_expired", message, { after, firstEventId: first }));
    }
    const events = this.#texts.slice(Math.max(0, from - first), Math.max(0, to + 1 - first))
      .filter((text) => workerId === undefined || text.includes(`"workerId":"${workerId}"`));
    return Promise.resolve({
      events,
      firstEventId: first,
      scanned: keep === "first" ? to : Math.max(from, first),
    });
  }

  readTranscript({ workerId }: ReadTranscript): Promise<readonly string[]> {
    const texts = this.#texts.filter((text) =>
      text.includes(`"workerId":"${workerId}"`) && text.includes(`"entries"`)
    );
    this.onTranscript?.();
    return Promise.resolve(texts);
  }

  blobSize(): Promise<number | undefined> {
    return Promise.resolve(undefined);
  }

  readBlob(workerId: WorkerId, { sha256 }: BlobFacts): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return Promise.reject(blobMissing(workerId, sha256));
  }

  blobs(): Promise<readonly BlobFacts[]> {
    return Promise.resolve([]);
  }

  async news(after: number, signal: AbortSignal): Promise<number> {
    this.asked.push(after);
    if (this.lastEventId <= after && !signal.aborted) {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push({ resolve, reject });
        signal.addEventListener("abort", () => resolve());
      });
    }
    const known = this.host?.view.runtime.lastEventId ?? 0;
    this.host?.replay(this.#texts.slice(known + 1 - this.#firstEventId));
    return this.lastEventId;
  }

  close(): Promise<void> {
    this.closings++;
    return Promise.resolve();
  }
}

/**
 * This library, on any of its stores.
 *
 * @module
 */
import { type EventPage, Runtime, type RuntimeEvent, type TranscriptEntry, type Worker } from "../../mod.ts";
import type { RuntimeStore } from "../../store.ts";
import type { Entry, LibraryExtras, Store, StoredEvent } from "./contender.ts";
import { CheckpointOnDemand } from "./checkpoint_on_demand.ts";

class LibraryStore implements Store {
  readonly extras?: LibraryExtras;
  readonly #runtime: Runtime;
  readonly #workers: Worker[] = [];

  constructor(runtime: Runtime, onDemand: CheckpointOnDemand | undefined) {
    this.#runtime = runtime;
    if (onDemand === undefined) return;
    this.extras = {
      checkpoint: () => this.#checkpoint(onDemand),
      get checkpointsDue(): number {
        return onDemand.due;
      },
      watch: (signal) => idsOf(runtime.watch({ signal })),
      listWorkers: (after, limit) => runtime.workers({ after, limit }).next,
    };
  }

  /** Appends until the checkpoint is saved: one that was under way already is none that was asked for. */
  async #checkpoint(onDemand: CheckpointOnDemand): Promise<void> {
    let isSaved = false;
    const saved = onDemand.checkpoint().finally(() => isSaved = true);
    while (!isSaved) {
      await this.#runtime.record("bench.checkpoint", null);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await saved;
  }

  async createWorkers(count: number): Promise<void> {
    const existing = this.#runtime.overview().workers.total;
    const missing = Array.from({ length: Math.max(0, count - existing) }, (_, index) => existing + index);
    await Promise.all(
      missing.map((worker) =>
        this.#runtime.createWorker({ workerId: workerId(worker), intent: { kind: "assistant" } })
      ),
    );
  }

  async input(worker: number, content: string): Promise<number> {
    const { eventId } = await this.#worker(worker).sendInput({ role: "user", content });
    return eventId;
  }

  length(worker: number): Promise<number> {
    return Promise.resolve(this.#worker(worker).state().transcriptLength);
  }

  async newestPage(worker: number, limit: number): Promise<readonly Entry[]> {
    return entriesOf((await this.#worker(worker).transcript({ limit })).items);
  }

  async pageAfter(worker: number, seq: number, limit: number): Promise<readonly Entry[]> {
    return entriesOf((await this.#worker(worker).transcript({ after: seq, limit })).items);
  }

  async eventsAfter(id: number, limit: number): Promise<readonly StoredEvent[]> {
    return eventsOf(await this.#runtime.events({ after: id, limit }));
  }

  async flush(): Promise<void> {
    await this.#runtime.flush();
  }

  async close(): Promise<void> {
    await this.#runtime.close();
  }

  #worker(worker: number): Worker {
    return this.#workers[worker] ??= this.#runtime.worker(workerId(worker));
  }
}

function workerId(worker: number): string {
  return `worker-${worker}`;
}

/** Entries as they are: every content that the benchmark commits is a string. */
function entriesOf(items: readonly TranscriptEntry[]): readonly Entry[] {
  return items as readonly (TranscriptEntry & { readonly content: string })[];
}

function eventsOf(page: EventPage): StoredEvent[] {
  return page.items.map((event) => {
    const content = "entries" in event ? event.entries?.[0]?.content ?? "" : "";
    return { id: event.id, at: event.at, type: event.type, content: content as string };
  });
}

async function* idsOf(events: AsyncIterable<RuntimeEvent>): AsyncGenerator<number> {
  for await (const { id } of events) yield id;
}

/** The runtime as a contender's store, without checkpoints on demand. */
export function libraryStore(runtime: Runtime): Store {
  return new LibraryStore(runtime, undefined);
}

/** Opens a runtime on a store of this library. */
export async function openLibrary(store: RuntimeStore): Promise<Store> {
  const onDemand = new CheckpointOnDemand(store);
  return new LibraryStore(await Runtime.open({ store: onDemand.store }), onDemand);
}

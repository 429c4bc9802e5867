// Pages of every range and limit, compared with plain lists: while the log goes on to new segments, in readers
// that stay open, over events of several entries, and while the lines of a transcript wait in memory.

import { assert, assertEquals } from "@std/assert";
import { FsRuntimeStore } from "../../../fs_store.ts";
import { type EventPage, Runtime, type TranscriptPage } from "../../../mod.ts";
import type { AppendResult } from "../../../store.ts";
import type { PageOptions } from "../../../src/core/reading.ts";
import { isTransfer, SimulatedDisk } from "../../disk/mod.ts";
import { acting } from "../../kit/place.ts";
import { LOCAL_HOME as HOME } from "../../kit/opened.ts";
import { openReader } from "../reading/reader.ts";

const ROUNDS = 4;
const EVENTS_OF_ROUND = 9;
const LIMITS = [1, 2, 3, 7, 1_000];
const place = { root: "/data", runtimeId: "local" };

/** Contents given to the store. */
class Model {
  readonly events: { readonly id: number }[] = [];
  readonly entries: { readonly seq: number }[] = [];

  add(json: string): void {
    const { entries = [], ...event } = JSON.parse(json);
    this.events.push(JSON.parse(json));
    for (const [index, entry] of entries.entries()) this.entries.push({ ...entry, seq: event.seq + index });
  }
}

/** A page of a plain list, whose numbers begin with 1. */
function pageOf<Item>(items: readonly Item[], { after, before, limit = 50 }: PageOptions): readonly Item[] {
  if (after !== undefined) return items.slice(after, after + limit);
  const end = (before ?? items.length + 1) - 1;
  return items.slice(Math.max(0, end - limit), end);
}

/** Every page of a list of so many items. */
function* ranges(count: number, limits: readonly number[]): Generator<PageOptions> {
  for (const limit of limits) {
    yield { limit };
    for (let cursor = 0; cursor <= count; cursor++) {
      yield { after: cursor, limit };
      if (cursor > 0) yield { before: cursor, limit };
    }
  }
}

async function comparePages(
  name: string,
  read: (options: PageOptions) => Promise<EventPage | TranscriptPage>,
  wanted: readonly unknown[],
  limits: readonly number[] = LIMITS,
): Promise<void> {
  for (const options of ranges(wanted.length, limits)) {
    const { items } = await read(options);
    const found = items.map((item) =>
      "seq" in item && "at" in item && !("type" in item) ? plain(item) : item
    );
    assertEquals([name, options, found], [name, options, pageOf(wanted, options)]);
  }
}

/** An entry as it was given, without what the event says of it. */
function plain({ seq, role, content }: TranscriptPage["items"][number]): unknown {
  return { role, content, seq };
}

async function rolling(disk: SimulatedDisk, isBuffered: boolean): Promise<void> {
  const config = { limits: { segmentBytes: 4_096 } };
  disk.plant.file(`${HOME}/config.jsonc`, new TextEncoder().encode(JSON.stringify(config)));
  const model = new Model();
  const store = new FsRuntimeStore(place, { fileSystem: disk });
  const runtime = await Runtime.open({
    store: acting(store, {
      async append(batch): Promise<AppendResult> {
        const result = await store.append(batch);
        for (const { json } of batch.events) model.add(json);
        return result;
      },
    }),
  });
  const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
  const view = await openReader(place, { fileSystem: disk.attach() });
  for (let round = 0; round < ROUNDS; round++) {
    for (let event = 0; event < EVENTS_OF_ROUND; event++) {
      const count = 1 + (round + event) % 4;
      const content = (index: number): string => `${round}.${event}.${index} ${"x".repeat(40 * event)}`;
      await worker.append(
        Array.from({ length: count }, (_, index) => ({ role: "assistant", content: content(index) })),
      );
    }
    await view.refresh();
    await comparePages("events", (options) => runtime.events(options), model.events);
    await comparePages("events of a view", (options) => view.events(options), model.events);
    await comparePages("entries", (options) => worker.transcript(options), model.entries);
    // Each page with lines missing from the file requires reading the log.
    await comparePages("entries of a view", (options) => view.transcript("w", options), model.entries, [3]);
  }
  const segments = [...disk.dump().keys()].filter((path) => path.startsWith(`${HOME}/events/`));
  assert(segments.length > 3, "the log went on to new segments");
  const transcript = disk.peek(`${HOME}/workers/w/transcript.jsonl`)?.length ?? 0;
  assertEquals(transcript === 0, isBuffered);
  await view.close();
  await runtime.close();
}

Deno.test("events() and transcript() give every page while the log goes on to new segments", async () => {
  await rolling(new SimulatedDisk(), false);
});

Deno.test("events() and transcript() give every page while lines wait for a disk that is full", async () => {
  const disk = new SimulatedDisk();
  const transcript = `${HOME}/workers/w/transcript.jsonl`;
  disk.onCall = (call) =>
    call.path === transcript && isTransfer(call) ? { kind: "error", code: "ENOSPC" } : undefined;
  await rolling(disk, true);
});
